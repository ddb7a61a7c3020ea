"""Ingest: what goes in once stays once, what changes is replaced, what is broken is told."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time

import numpy as np
import pytest
import shapely
from archive_kit import FakeEncoder, coloured, contents, patchwork, same, write_scene

from geoglot.archive import Archive, index, ingest, plan, tiling
from geoglot.archive.store import SCHEMA, STATE, Store, Writer
from geoglot.archive.tiling import Options
from geoglot.core.errors import ArchiveError, InputError, LockedError, ModelMismatchError, NotFoundError, RasterError
from geoglot.geo.scene import Scene


def take(sources, out, encoder, **options):
    return index(sources, model=encoder, out=out, progress=False, **options)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "archive"


def test_rows_tell_scene_place_time_and_bands(folder, out, encoder):
    report = take([folder], out, encoder)
    assert (len(report.added), report.tiles, report.skipped) == (4, 21, ())
    archive = Archive.open(out)
    assert len(archive) == 21
    assert archive.model == encoder.spec
    (red,) = [row for row in archive.scenes() if "red" in row["scene"]]
    assert red["tiles"] == 12
    assert red["time"].isoformat() == "2020-01-05T00:00:00+00:00"
    assert red["bands"] == ("red", "green", "blue")
    with Scene.open(folder / "red_20200105.tif") as scene:
        outline, grid = scene.footprint, scene.grid
    for hit in archive.search("red", k=50, where={"scene": red["scene"]}, text_encoder=encoder):
        assert hit.grid == grid.window(*hit.window)
        assert outline.buffer(1e-6).covers(hit.geometry)  # outlines are chords: they agree to centimetres
        assert hit.gsd == pytest.approx(10.0, rel=1e-3)
        assert hit.valid == 1.0


def test_the_same_again_adds_nothing(folder, out, encoder):
    take([folder], out, encoder)
    before, calls = contents(out), len(encoder.batches)
    report = take([folder, folder / "mixed.tif"], out, encoder)
    assert (report.unchanged, report.added, report.replaced, report.tiles) == (4, (), (), 0)
    assert len(encoder.batches) == calls
    assert contents(out).keys() == before.keys()


def test_a_changed_file_replaces_its_rows(folder, out, encoder):
    take([folder], out, encoder)
    before = contents(out)
    path = write_scene(folder / "mixed.tif", patchwork(64, 32, 8, 9), origin=(300000.0, 5600000.0))
    os.utime(path, ns=(1, 1))
    report = take([folder], out, encoder)
    assert (report.replaced, report.unchanged, report.tiles) == ((str(path),), 3, 2)
    after = contents(out)
    assert len(after) == len(before) + 1
    assert len(after.keys() & before.keys()) == 20
    assert {hit.window for hit in Archive.open(out).search("red", where={"scene": str(path)}, text_encoder=encoder)} == {
        (0, 0, 32, 32),
        (32, 0, 32, 32),
    }


def test_a_reader_sees_the_old_scene_or_the_new_one(folder, out, encoder, monkeypatch):
    """Many flushes while a scene is replaced: the count a reader sees is that of the old state or of the new one."""
    take([folder], out, encoder)
    path = write_scene(folder / "red_20200105.tif", patchwork(160, 160, 8, 9))
    monkeypatch.setattr(ingest, "FLUSH_ROWS", 3)
    seen, stop = set(), threading.Event()

    def watch():
        archive = Archive.open(out)
        while not stop.is_set():
            hits = archive.search("red", k=50, where={"scene": str(path)}, text_encoder=FakeEncoder())
            seen.add(len(hits))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        take([folder], out, FakeEncoder(delay=0.01), batch=2)
    finally:
        time.sleep(0.1)
        stop.set()
        watcher.join()
    assert seen <= {12, 25}
    assert 25 in seen


def test_remove(folder, out, encoder):
    take([folder], out, encoder)
    archive = Archive.open(out)
    path = str(folder / "red_20200105.tif")
    assert archive.remove(path) == 12
    assert len(archive) == 9
    assert path not in {row["scene"] for row in archive.scenes()}
    with pytest.raises(NotFoundError, match="no scene"):
        archive.remove(path)
    assert take([folder], out, encoder).added == (path,)
    assert len(archive) == 21


def test_remove_does_not_bring_leftovers_to_light(tmp_path, out, encoder, monkeypatch):
    first, second = (write_scene(tmp_path / f"{i}.tif", patchwork(128, 128, 16, i)) for i in range(2))
    take([first], out, encoder)
    archive = Archive.open(out)
    tables = Writer(Store(out), encoder.spec, Options()).tables(Store(out).state().live)
    tables.add(
        [tables.tiles.to_arrow().slice(0, 5).set_column(2, "run", [[7] * 5]).to_batches()[0]]
    )  # a killed writer's last deed
    assert len(archive) == 16
    take([second], out, encoder)
    assert len(archive) == 32
    tables = Writer(Store(out), encoder.spec, Options()).tables(Store(out).state().live)
    tables.add([tables.tiles.to_arrow().slice(0, 5).set_column(2, "run", [[8] * 5]).to_batches()[0]])
    assert archive.remove(str(second)) == 16
    assert len(archive) == 16
    assert len(contents(out)) == 16
    take([second], out, encoder)
    assert Store(out).read(Store(out).state().live)[0].count_rows() == 32


def test_another_model_is_refused_with_advice(folder, out, encoder):
    take([folder], out, encoder)
    with pytest.raises(ModelMismatchError, match="--re-embed"):
        take([folder], out, FakeEncoder(seed=1))
    with pytest.raises(ModelMismatchError, match="re-embed"):
        Archive.open(out).search("red", text_encoder=FakeEncoder(seed=1))


def test_other_tiles_are_refused_and_the_recorded_ones_kept(folder, out, encoder):
    take([folder], out, encoder, tile=64, overlap=0.5)
    with pytest.raises(ArchiveError, match="tile 64, not 32"):
        take([folder], out, encoder, tile=32)
    with pytest.raises(ArchiveError, match="overlap"):
        take([folder], out, encoder, overlap=0.25)
    assert take([folder], out, encoder).unchanged == 4
    assert take([folder], out, encoder, tile=64).unchanged == 4


def test_what_the_user_says_of_scenes_stays_with_them(tmp_path, out, encoder):
    path = write_scene(tmp_path / "a.tif", np.full((4, 64, 64), 900, np.uint16))
    take([path], out, encoder, sensor="sentinel-2", bands=["B02", "B03", "B04", "B08"], time="2019-05-04")
    (row,) = Archive.open(out).scenes()
    assert (row["sensor"], row["time"].year) == ("sentinel-2", 2019)
    assert take([path], out, encoder).unchanged == 1
    assert take([path], out, encoder, time="2018-01-01").replaced == (str(path),)
    (row,) = Archive.open(out).scenes()
    assert (row["sensor"], row["time"].year) == ("sentinel-2", 2018)


def test_broken_sources_are_told_and_stop_nothing(folder, out, encoder):
    (folder / "text.tif").write_text("this is no raster")
    whole = (folder / "red_20200105.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 2])
    write_scene(folder / "empty.tif", np.zeros((3, 64, 64), np.uint8), nodata=0)
    report = take([folder], out, encoder)
    assert len(report.added) == 4
    assert {source.rsplit("/", 1)[1] for source, _ in report.skipped} == {"text.tif", "cut.tif", "empty.tif"}
    assert all(reason for _, reason in report.skipped)
    assert len(contents(out)) == 21
    assert {row["scene"].rsplit("/", 1)[1] for row in Archive.open(out).scenes()}.isdisjoint({"text.tif", "cut.tif", "empty.tif"})


def test_nothing_but_broken_is_an_error(tmp_path, out, encoder):
    (tmp_path / "a.tif").write_text("no")
    with pytest.raises(RasterError, match=r"None of 1 sources.*a\.tif"):
        take([tmp_path / "a.tif"], out, encoder)
    with pytest.raises(NotFoundError):
        take([tmp_path / "nowhere.tif"], out, encoder)


def test_a_scene_that_breaks_halfway_leaves_no_rows(tmp_path, out, encoder, monkeypatch):
    monkeypatch.setattr(ingest, "FLUSH_ROWS", 4)
    monkeypatch.setattr(tiling, "CHUNK_BYTES", 12 * 32 * 32 * 4)
    good = write_scene(tmp_path / "good.tif", patchwork(128, 128, 16, 1))
    bad = write_scene(
        tmp_path / "bad.tif", patchwork(1024, 128, 16, 2), tiled=True, blockxsize=64, blockysize=64, compress="deflate"
    )
    whole = bad.read_bytes()
    bad.write_bytes(whole[: int(len(whole) * 0.8)])
    report = take([bad, good], out, encoder, batch=4)
    assert report.added == (str(good),)
    assert report.skipped[0][0] == str(bad)
    assert len(contents(out)) == 16


def test_empty_tiles_are_left_out_and_partial_ones_are_masked(tmp_path, out):
    data = patchwork(96, 96, 16, 1) | 1
    data[:, :, :48] = 0
    path = write_scene(tmp_path / "a.tif", data, nodata=0)
    masks = []

    class Watching(FakeEncoder):
        def encode(self, tiles, valid, gsd):
            masks.extend(valid.mean(axis=(1, 2)).tolist())
            assert (tiles.transpose(0, 2, 3, 1)[~valid] == 0).all()
            return super().encode(tiles, valid, gsd)

    report = take([path], out, Watching())
    assert (report.tiles, report.empty) == (6, 3)
    assert sorted(masks) == [0.5] * 3 + [1.0] * 3
    hits = Archive.open(out).search("red", where={"valid_min": 0.9}, text_encoder=FakeEncoder())
    assert {hit.window[1] for hit in hits} == {64}


def test_images_without_georeference(tmp_path, out, encoder):
    path = write_scene(tmp_path / "chip.tif", coloured(50, 80, (1, 0, 0)), crs=None)
    take([path], out, encoder)
    archive = Archive.open(out)
    hits = archive.search("red", merge=False, text_encoder=encoder)
    assert {hit.window for hit in hits} == {(row, col, 32, 32) for row in (0, 18) for col in (0, 32, 48)}
    assert all(hit.grid is None and hit.geometry is None and hit.gsd is None for hit in hits)
    assert json.loads(hits.to_geojson())["features"][0]["geometry"] is None
    assert not archive.search("red", bbox=(-180, -90, 180, 90), text_encoder=encoder)


def test_batches_are_filled_across_scenes(tmp_path, out, encoder):
    for i in range(20):
        write_scene(tmp_path / f"{i}.tif", patchwork(32, 32, 8, i))
    take([tmp_path / "*.tif"], out, encoder, batch=8)
    assert encoder.batches == [8, 8, 4]


def test_cloudy_tiles_are_left_out(tmp_path, out, encoder):
    class White:
        def score(self, tiles, valid):
            return tiles.mean(axis=(1, 2, 3))

    data = np.concatenate([coloured(64, 64, (1, 1, 1)), coloured(64, 64, (0, 0, 0))], axis=2)
    path = write_scene(tmp_path / "a.tif", data)
    with pytest.raises(InputError, match="scorer"):
        take([path], out, encoder, max_cloud=0.5)
    report = take([path], out, encoder, cloud=White(), max_cloud=0.5)
    assert (report.tiles, report.cloudy) == (4, 4)
    assert all(hit.window[1] >= 64 and hit.cloud < 0.5 for hit in Archive.open(out).search("black", text_encoder=encoder))


def test_an_interrupted_run_goes_on(tmp_path, out, encoder, monkeypatch):
    """An error in the midst of a large scene stands for a kill: what is stored is neither seen nor encoded again."""
    monkeypatch.setattr(ingest, "FLUSH_ROWS", 8)
    monkeypatch.setattr(tiling, "CHUNK_BYTES", 12 * 32 * 32 * 4)
    path = write_scene(tmp_path / "a.tif", patchwork(256, 256, 16, 2))

    class Failing(FakeEncoder):
        def encode(self, tiles, valid, gsd):
            if len(self.batches) == 8:
                raise RuntimeError("the machine stops")
            return super().encode(tiles, valid, gsd)

    with pytest.raises(RuntimeError, match="stops"):
        take([path], out, Failing(), batch=4)
    assert threading.active_count() < 10
    assert contents(out) == {}
    report = take([path], out, encoder, batch=4)
    assert report.tiles == 64
    assert sum(encoder.batches) == 64 - 32
    take([path], tmp_path / "whole", encoder)
    assert same(out, tmp_path / "whole")


def test_leftovers_of_a_file_that_is_gone_are_swept(tmp_path, out, encoder, monkeypatch):
    monkeypatch.setattr(ingest, "FLUSH_ROWS", 4)
    first, second = (write_scene(tmp_path / f"{i}.tif", patchwork(128, 128, 16, i)) for i in range(2))

    class Failing(FakeEncoder):
        def encode(self, tiles, valid, gsd):
            if len(self.batches) == 3:
                raise RuntimeError
            return super().encode(tiles, valid, gsd)

    with pytest.raises(RuntimeError):
        take([first], out, Failing(), batch=4)
    take([second], out, encoder)
    tables = Store(out).read(Store(out).state().live)
    assert tables[0].count_rows() == 16
    assert len(contents(out)) == 16


def test_re_embedding_moves_the_archive_to_another_model(folder, out, encoder):
    take([folder], out, encoder)
    archive = Archive.open(out)
    other = FakeEncoder(dim=24, seed=5, version="2")
    report = take((), out, other, re_embed=True)
    assert len(report.added) == 4
    assert archive.search("red", k=3, text_encoder=other)[0].scene.endswith("red_20200105.tif")
    assert archive.model.name == "fake@2"
    take([folder], folder.parent / "fresh", other)
    assert same(out, folder.parent / "fresh")
    names = {entry.name for entry in out.iterdir() if entry.suffix == ".lance"}
    assert names == {"state.lance", "tiles_2.lance", "scenes_2.lance"}


def test_re_embedding_can_cut_anew_and_take_more(folder, out, encoder):
    take([folder / "red_20200105.tif"], out, encoder)
    report = take([folder], out, encoder, tile=64, re_embed=True)
    assert len(report.added) == 4
    assert Archive.open(out).info()["tile"] == 64
    assert len(Archive.open(out)) == 4 + 1 + 1 + 1


def test_interrupted_re_embedding_leaves_the_old_and_goes_on(folder, out, encoder, monkeypatch):
    take([folder], out, encoder)
    before = contents(out)
    monkeypatch.setattr(ingest, "FLUSH_ROWS", 4)

    class Failing(FakeEncoder):
        def encode(self, tiles, valid, gsd):
            if len(self.batches) == 3:
                raise RuntimeError
            return super().encode(tiles, valid, gsd)

    with pytest.raises(RuntimeError):
        take((), out, Failing(seed=7), batch=4, re_embed=True)
    assert contents(out).keys() == before.keys()
    assert take([folder], out, encoder).unchanged == 4  # the old model may still be used
    other = FakeEncoder(seed=7)
    take((), out, other, batch=4, re_embed=True)
    assert sum(other.batches) < 21  # what was stored is not encoded again
    take([folder], folder.parent / "fresh", FakeEncoder(seed=7))
    assert same(out, folder.parent / "fresh")


def test_re_embedding_tells_of_scenes_that_are_gone(folder, out, encoder):
    take([folder], out, encoder)
    (folder / "mixed.tif").unlink()
    report = take((), out, FakeEncoder(seed=3), re_embed=True)
    assert len(report.added) == 3
    assert report.skipped[0][0].endswith("mixed.tif")


def test_one_writer_at_a_time(folder, out, encoder):
    take([folder / "mixed.tif"], out, encoder)
    with (out / ".lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockedError, match="wait"):
            take([folder], out, encoder)
        with pytest.raises(LockedError):
            Archive.open(out).remove(str(folder / "mixed.tif"))
        assert len(Archive.open(out).search("red", text_encoder=encoder)) == 1
    assert len(take([folder], out, encoder).added) == 3


def test_open_scenes_can_be_sources(folder, out, encoder):
    scene = Scene.open(folder / "red_20200105.tif", time="2001-02-03")
    take([scene, folder / "mixed.tif"], out, encoder)
    assert take([Scene.open(folder / "red_20200105.tif", time="2001-02-03")], out, encoder).unchanged == 1
    other = FakeEncoder(seed=3)
    take((), out, other, re_embed=True)
    (row,) = [row for row in Archive.open(out).scenes() if "red" in row["scene"]]
    assert (row["time"].year, row["tiles"]) == (2001, 12)


def test_items_of_a_catalogue(folder, out, encoder, tmp_path):
    with Scene.open(folder / "red_20200105.tif") as scene:
        outline = json.loads(shapely.to_geojson(scene.footprint))
        west, south, east, north = scene.footprint.bounds
    asset = {"href": "scenes/red_20200105.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]}
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "one",
        "geometry": outline,
        "bbox": [west, south, east, north],
        "properties": {"datetime": "2015-05-05T00:00:00Z", "updated": "2016-01-01T00:00:00Z"},
        "links": [],
        "assets": {"data": asset},
    }
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item))
    assert take((), out, encoder, stac=path).tiles == 12
    (row,) = Archive.open(out).scenes()
    assert (row["scene"], row["time"].year) == ("one", 2015)
    assert take((), out, encoder, stac=path).unchanged == 1
    path.write_text(json.dumps(item | {"properties": item["properties"] | {"updated": "2017-01-01T00:00:00Z"}}))
    assert take((), out, encoder, stac=path).replaced == ("one",)
    path.unlink()
    take((), out, FakeEncoder(seed=8), re_embed=True)
    hits = Archive.open(out).search("red", text_encoder=FakeEncoder(seed=8))
    assert len(hits) == 12
    assert "<img" in hits.contact_sheet(tmp_path / "sheet.html").read_text()


def test_folders_of_others_are_left_alone(folder, encoder, tmp_path):
    with pytest.raises(ArchiveError, match="other files"):
        take([folder], folder, encoder)
    with pytest.raises(ArchiveError, match="is a file"):
        take([folder], folder / "mixed.tif", encoder)
    with pytest.raises(NotFoundError, match="geoglot index"):
        Archive.open(tmp_path / "nowhere")


def test_an_archive_of_a_newer_geoglot_is_refused(folder, out, encoder):
    import pyarrow as pa

    take([folder], out, encoder)
    table = Store(out).connect().open_table(STATE)
    made = json.loads(table.to_arrow()["state"][0].as_py())
    table.add(pa.table({"state": [json.dumps(made | {"schema": SCHEMA + 1})]}), mode="overwrite")
    with pytest.raises(ArchiveError, match="newer geoglot"):
        Archive.open(out)
    table.add(pa.table({"state": ["{"]}), mode="overwrite")
    with pytest.raises(ArchiveError, match="damaged"):
        Archive.open(out)


def test_plan_counts_what_index_will_do(folder, out, encoder):
    (folder / "text.tif").write_text("no")
    made = plan([folder], model=encoder, out=out)
    assert (made.scenes, made.unchanged, made.tiles, len(made.skipped)) == (4, 0, 21, 1)
    assert made.bytes > 21 * 64
    assert made.seconds > 0
    assert not out.exists()
    take([folder / "mixed.tif"], out, encoder)
    made = plan([folder], model=encoder, out=out)
    assert (made.scenes, made.unchanged, made.tiles) == (3, 1, 20)
    with pytest.raises(ModelMismatchError):
        plan([folder], model=FakeEncoder(seed=4), out=out)
    assert plan((), model=FakeEncoder(seed=4), out=out, re_embed=True).scenes == 1


def test_progress_tells_tiles_rate_and_time_left(folder, out, capsys, monkeypatch):
    from geoglot.core.progress import Progress

    lines = []

    def advance(self, n=1, note=""):
        self.done += n
        lines.append(self.line())

    monkeypatch.setattr(Progress, "advance", advance)
    index([folder], model=FakeEncoder(), out=out, workers=1)
    assert "tiles" in lines[0]
    assert "left" in lines[0]
    assert lines[-1].startswith("index: 21 of 21 tiles")
    assert capsys.readouterr().out == ""


def test_scenes_have_their_outlines(folder, out, encoder):
    take([folder], out, encoder)
    for row in Archive.open(out).scenes():
        assert isinstance(row["geometry"], shapely.Geometry)
        west, south, east, north = row["geometry"].bounds
        assert (row["west"], row["south"], row["east"], row["north"]) == pytest.approx((west, south, east, north))


def test_a_scene_whose_geometry_fails_is_told_and_stops_nothing(folder, out, encoder, monkeypatch):
    made = ingest.tile_batch

    def failing(scene, *rest):
        if "red" in scene.id:
            raise ValueError("no such place")
        return made(scene, *rest)

    monkeypatch.setattr(ingest, "tile_batch", failing)
    monkeypatch.setattr(ingest, "FLUSH_ROWS", 4)
    report = take([folder], out, encoder, batch=4)
    assert len(report.added) == 3
    ((source, reason),) = report.skipped
    assert source.endswith("red_20200105.tif")
    assert "no such place" in reason
    assert len(contents(out)) == 9
