"""Shards: what is written is read back, by our reader and by the usual tools; kills, damage and full disks are survived."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from geoglot.core.errors import DataError, NotFoundError
from geoglot.data import records
from geoglot.data.sample import Mask, Picture, Sample, Thing, Turn
from geoglot.data.shards import Encoding, Stream, open_shards, write
from geoglot.data.shards.damage import DamagedError
from geoglot.data.shards.manifest import FORMATS, Manifest
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_geotiff

GRID = Grid(CRS.from_epsg(32631), Affine(10, 0, 500_000, 0, -10, 5_500_000), (24, 32))
DAY = datetime(2020, 6, 1, tzinfo=UTC)


def picture(path: Path, seed: int) -> Path:
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((32, 24)).save(path)
    return path


def samples(folder: Path, count: int) -> list[Sample]:
    folder.mkdir(exist_ok=True)
    found = []
    for i in range(count):
        file = folder / f"p{i:03d}.png"
        if not file.exists():
            picture(file, i)
        found.append(Sample(f"made/{i}", "made", (Picture(file),), captions=(f"text {i}", "another"), label="port"))
    return found


def rich(folder: Path) -> Sample:
    """A sample that has everything: two dates with a place, a mask, an oriented box, questions."""
    data = np.random.default_rng(1).integers(0, 3000, (4, 24, 32)).astype(np.uint16)
    bands = tuple(Band(name) for name in ("B02", "B03", "B04", "B08"))
    for name in ("before", "after"):
        write_geotiff(folder / f"{name}.tif", Raster(data, np.ones((24, 32), bool), GRID, bands), cog=False)
    mask = np.zeros((24, 32), np.uint8)
    mask[:, 16:] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return Sample(
        "made/rich",
        "made",
        (Picture(folder / "before.tif", time=DAY), Picture(folder / "after.tif", time=DAY.replace(year=2021))),
        captions=("a house appears .",),
        things=(Thing.outlined("ship", ((0.1, 0.2), (0.3, 0.25), (0.2, 0.5)), {"size": "small"}),),
        labels=("ships",),
        cover={"water": 0.5},
        turns=(Turn("how many ships?", "one"),),
        gsd=10.0,
        masks={"change": Mask(folder / "mask.png", {0: "no change", 255: "change"})},
        lonlat=(3.0, 49.6),
    )


def test_a_sample_survives_json(tmp_path: Path) -> None:
    sample = rich(tmp_path)
    line = records.dumps(sample, tmp_path)
    assert str(tmp_path) not in line
    assert records.sample_of(json.loads(line), tmp_path) == sample
    plain = Sample("a", "b", (Picture(tmp_path / "x.png", (1, 2, 3, 4), grid=GRID),))
    assert records.sample_of(json.loads(records.dumps(plain)), Path()) == plain
    with pytest.raises(DataError, match="write the shards again"):
        records.sample_of({"version": 1, "id": "a"})
    with pytest.raises(DataError, match="upgrade"):
        records.sample_of({"version": 99})


@pytest.mark.parametrize("format", FORMATS)
def test_everything_is_read_back(format: str, tmp_path: Path) -> None:
    sample = rich(tmp_path)
    write([sample], tmp_path / "out", "train", format)
    (found,) = Stream(tmp_path / "out")
    assert (found.things, found.turns, found.captions, found.labels) == (
        sample.things, sample.turns, sample.captions, sample.labels,
    )  # fmt: skip
    assert (found.cover, found.gsd, found.lonlat) == (sample.cover, sample.gsd, sample.lonlat)
    assert [p.time for p in found.pictures] == [p.time for p in sample.pictures]
    raster = found.pictures[1].raster()
    assert raster.grid == GRID
    assert np.array_equal(raster.data, sample.pictures[1].raster().data)
    assert [band.name for band in raster.bands] == ["B02", "B03", "B04", "B08"]
    assert found.masks["change"].names == ("no change", "change")
    assert np.array_equal(found.masks["change"].read(), sample.masks["change"].read())
    assert found.pictures[0].read().shape == (24, 32, 3)


@pytest.mark.parametrize("format", FORMATS)
def test_pictures_may_be_encoded_anew_and_keep_their_place(format: str, tmp_path: Path) -> None:
    file = write_geotiff(
        tmp_path / "a.tif",
        Raster(
            np.full((3, 24, 32), 90, np.uint8), np.ones((24, 32), bool), GRID, tuple(Band(c, c) for c in ("red", "green", "blue"))
        ),
        cog=False,
    )
    whole, part = Sample("a", "m", (Picture(file),)), Sample("b", "m", (Picture(file, (4, 8, 16, 20)),))
    for encoding, size in ((Encoding("webp"), (24, 32)), (Encoding("jpeg", size=16), (12, 16)), (Encoding("png"), (24, 32))):
        out = tmp_path / f"{encoding.format}-{format}"
        write([whole, part], out, "x", format, encoding)
        one, two = Stream(out, buffer=0)
        assert one.pictures[0].size == size
        assert one.pictures[0].raster().grid == GRID.scaled(*size)
        assert abs(int(one.pictures[0].read().mean()) - 90) <= 1
        window = GRID.window(4, 8, 16, 20)
        assert two.pictures[0].raster().grid == window.scaled(*two.pictures[0].size)
    kept = tmp_path / f"kept-{format}"
    write([part], kept, "x", format)
    (found,) = Stream(kept)
    assert found.pictures[0].path.suffix == ".tif"
    assert found.pictures[0].raster().grid == GRID.window(4, 8, 16, 20)


def ids(stream: Stream) -> list[str]:
    return [sample.id for sample in stream]


@pytest.mark.parametrize("format", FORMATS)
def test_shards_are_cut_by_count_listed_and_the_same_each_time(format: str, tmp_path: Path) -> None:
    rows = samples(tmp_path / "in", 23)
    one = write(rows, tmp_path / "one", "train", format, most_samples=5)
    two = write(rows, tmp_path / "two", "train", format, most_samples=5)
    assert [shard.samples for shard in one.shards] == [5, 5, 5, 5, 3]
    assert one.samples == 23
    assert one.complete
    assert one == two
    assert Manifest.read(tmp_path / "one") == one
    assert ids(Stream(tmp_path / "one", buffer=0)) == [row.id for row in rows]
    small = write(rows, tmp_path / "small", "train", format, most_bytes=2000)
    assert len(small.shards) > 2


@pytest.mark.parametrize("format", FORMATS)
def test_writing_goes_on_where_it_was_killed(format: str, tmp_path: Path) -> None:
    rows, out = samples(tmp_path / "in", 12), tmp_path / "out"

    def broken() -> Iterator[Sample]:
        yield from rows[:8]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(broken(), out, "train", format, most_samples=3)
    assert sorted(path.name for path in out.glob("train*")) == [f"train-00000{i}{FORMATS[format].SUFFIX}" for i in range(2)]
    (out / f".train-000002-x{FORMATS[format].SUFFIX}").write_bytes(b"left by a kill")
    marks = {path.name: path.stat().st_mtime_ns for path in out.glob("train*")}
    write(rows, out, "train", format, most_samples=3)
    assert all((out / name).stat().st_mtime_ns == mark for name, mark in marks.items())
    assert ids(Stream(out, buffer=0)) == [row.id for row in rows]
    assert not list(out.glob(".train*"))
    assert write(rows, out, "train", format, most_samples=3).samples == 12
    with pytest.raises(DataError, match="other samples"):
        write(rows[1:], out, "train", format, most_samples=3)
    with pytest.raises(DataError, match="another way"):
        write(rows, out, "train", format, most_samples=4)
    with pytest.raises(DataError, match="more samples"):
        write([*rows, *rows], out, "train", format, most_samples=3)


def test_pictures_that_are_missing_stop_or_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = samples(tmp_path / "in", 6)
    rows[2].pictures[0].path.unlink()
    rows[4].pictures[0].path.write_bytes(b"not a picture")
    with pytest.raises(NotFoundError, match=r"p002\.png is missing"):
        write(rows, tmp_path / "out", "train")
    assert not list((tmp_path / "out").glob("*train*"))
    manifest = write(rows, tmp_path / "out", "train", on_missing="skip", most_samples=2)
    assert manifest.skipped == ("made/2", "made/4")
    assert manifest.samples == 4
    assert "made/4 is left out" in capsys.readouterr().err
    assert write(rows, tmp_path / "out", "train", on_missing="skip", most_samples=2) == manifest


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_shards import samples
from geoglot.data.shards import write
rows = samples(Path({folder!r}) / "in", 40)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
write(rows, Path({folder!r}) / "out", "train", {format!r}, most_samples=4 if {limit} > 1e5 else 30)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_told_and_leaves_nothing_half(format: str, tmp_path: Path) -> None:
    code = FULL.format(tests=str(Path(__file__).parent), folder=str(tmp_path), limit=20_000, format=format)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "ResourceError: The disk is full" in done.stderr, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == []
    write(samples(tmp_path / "in", 40), tmp_path / "out", "train", format, most_samples=30)
    assert len(ids(Stream(tmp_path / "out"))) == 40


def test_webdataset_reads_the_tar(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset", reason="the extra [test] brings it")
    write([*samples(tmp_path / "in", 4), rich(tmp_path)], tmp_path / "out", "train", most_samples=3)
    urls = [str(shard.path) for shard in open_shards(tmp_path / "out")]
    found = list(wds.WebDataset(urls, shardshuffle=False))
    assert [json.loads(row["json"])["id"] for row in found] == ["made/0", "made/1", "made/2", "made/3", "made/rich"]
    assert set(found[4]) - {"__key__", "__url__", "__local_path__"} == {"json", "txt", "0.tif", "1.tif", "mask.change.png"}
    shown = next(iter(wds.WebDataset(urls, shardshuffle=False).decode("rgb8")))
    assert shown["png"].shape == (24, 32, 3)
    assert shown["txt"] == "text 0"
    pairs = list(wds.WebDataset(urls[:1], shardshuffle=False).decode("pil").to_tuple("jpg;png;webp", "txt"))
    assert [text for _, text in pairs] == ["text 0", "text 1", "text 2"]


def test_shards_of_other_tools_are_read(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset", reason="the extra [test] brings it")
    with wds.TarWriter(str(tmp_path / "x-000.tar")) as sink:
        for i in range(3):
            sink.write({"__key__": f"k{i}", "jpg": np.full((8, 8, 3), i, np.uint8), "txt": f"words {i}", "json": {"a": 1}})
    found = list(Stream(tmp_path, buffer=0))
    assert [sample.captions for sample in found] == [("words 0",), ("words 1",), ("words 2",)]
    assert found[2].pictures[0].read().shape == (8, 8, 3)
    with pytest.raises(DataError, match="do not tell how many"):
        Stream(tmp_path).total()


def test_the_usual_tools_read_the_parquet(tmp_path: Path) -> None:
    write([*samples(tmp_path / "in", 3), rich(tmp_path)], tmp_path / "out", "train", "parquet")
    file = str(tmp_path / "out" / "train-000000.parquet")
    import pandas

    table = pandas.read_parquet(file)
    assert list(table["id"]) == ["made/0", "made/1", "made/2", "made/rich"]
    assert Image.open(io.BytesIO(table["images"][0][0]["bytes"])).size == (32, 24)
    duckdb = pytest.importorskip("duckdb", reason="the extra [test] brings it")
    query = f"select id, lon, len(images) from '{file}' where gsd = 10"
    assert duckdb.sql(query).fetchall() == [("made/rich", 3.0, 2)]
    datasets = pytest.importorskip("datasets", reason="the extra [test] brings it")
    loaded = datasets.Dataset.from_parquet(file, cache_dir=str(tmp_path / "cache"))
    assert loaded[0]["images"][0].size == (32, 24)
    assert loaded[1]["captions"] == ["text 1", "another"]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def without_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_shard_stops_or_is_left(format: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(samples(tmp_path / "in", 9), out, "train", format, most_samples=3)
    file = out / f"train-000001{FORMATS[format].SUFFIX}"
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size * 2 // 3)
    with pytest.raises(DamagedError, match=r"train-000001.*bytes where the manifest says.*write this shard again"):
        ids(Stream(out))
    said: list[str] = []
    found = ids(Stream(out, on_damage="skip", say=said.append))
    assert {f"made/{i}" for i in (0, 1, 2, 6, 7, 8)} <= set(found)
    assert len(found) < 9
    assert len(set(found)) == len(found)
    assert all("train-000001" in text for text in said)
    without_manifest(out)
    with pytest.raises(DamagedError, match=r"train-000001.*(breaks off|damaged)"):
        ids(Stream(out))


def test_damage_inside_a_tar_is_told_with_its_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(samples(tmp_path / "in", 4), out, "train")
    file, whole = out / "train-000000.tar", (out / "train-000000.tar").read_bytes()
    without_manifest(out)
    at = whole.index(b"000000002.json")
    flip(file, at + 3)
    with pytest.raises(DamagedError, match=rf"damaged at byte {at:,}, after 6 members"):
        ids(Stream(out, buffer=0))
    said: list[str] = []
    assert ids(Stream(out, buffer=0, on_damage="skip", say=said.append)) == ["made/0"]  # the one before may lack members
    file.write_bytes(whole[: whole.rindex(b"IEND") + 4])
    with pytest.raises(DamagedError, match="breaks off"):
        ids(Stream(out, buffer=0))
    file.write_bytes(b"")
    with pytest.raises(DamagedError, match="damaged at byte 0"):
        ids(Stream(out))
    file.write_bytes(whole.replace(b'"id":"made/1"', b'"id":"made/1}', 1))
    with pytest.raises(DamagedError, match=r"sample 1.*no JSON"):
        ids(Stream(out))


@pytest.mark.parametrize("format", FORMATS)
def test_a_changed_byte_is_found_by_checksum(format: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(samples(tmp_path / "in", 4), out, "train", format)
    file = out / f"train-000000{FORMATS[format].SUFFIX}"
    flip(file, file.read_bytes().index(b"IDAT") + 9)
    with pytest.raises(DamagedError, match="SHA-256"):
        ids(Stream(out, checksum=True))
    if format == "parquet":  # whose pages have their own
        with pytest.raises(DamagedError, match="damaged"):
            ids(Stream(out))


def test_missing_shards_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="geoglot data shards"):
        open_shards(tmp_path)
    write(samples(tmp_path / "in", 4), tmp_path / "out", "train", most_samples=2)
    (tmp_path / "out" / "train-000001.tar").unlink()
    with pytest.raises(NotFoundError, match="manifest lists it"):
        ids(Stream(tmp_path / "out"))
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="no manifest"):
        open_shards(tmp_path / "out")
