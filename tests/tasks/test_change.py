"""Change of two rasters: what is found by each method, on which grid, from whatever sizes, systems and sensors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from change_kit import again, built, land, save
from PIL import Image
from rasterio.warp import Resampling, reproject

from geoglot.core.errors import InputError, ModelError, NotFoundError, RasterError
from geoglot.core.parts import names
from geoglot.core.protocols import ModelSpec
from geoglot.geo import vectors
from geoglot.metrics.change import Change
from geoglot.models.dense import Cells
from geoglot.tasks.change import change
from geoglot.tasks.change import pair as pairing
from geoglot.tasks.change.asked import Settings, paired
from geoglot.tasks.change.level import register
from geoglot.tasks.change.methods import scm
from geoglot.tasks.change.verb import ROOM
from segment_kit import Painter


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """Before, after under other light, and what changed."""
    values = land()
    after, truth = built(values)
    return save(tmp_path / "before.tif", values), save(tmp_path / "after.tif", again(after)), truth


def f1(given: np.ndarray, truth: np.ndarray) -> float:
    metric = Change()
    metric.add(given, truth)
    return metric.result()["f1"]


def quiet(*args: Any, **more: Any) -> Any:
    return change(*args, progress=False, **more)


@pytest.mark.parametrize("method", ["cva", "ir-mad", "pca-kmeans", None])
def test_squares_that_were_built_are_found(two: Any, method: str | None) -> None:
    before, after, truth = two
    made = quiet(before, after, method=method)
    assert f1(made.read(), truth) > 85
    assert made.report["method"] == (method or "pca-kmeans")
    assert {row["label"] for row in made.rows()} >= {"unchanged", "brighter"} or made.rows()


def test_the_preset_is_better_than_plain_differencing(two: Any, tmp_path: Path) -> None:
    before, _, truth = two
    light = np.array([0.6, 0.6, 0.6, 3.0])[:, None, None]
    after = save(tmp_path / "light.tif", light * built(land())[0] + 100)
    plain = quiet(before, after, method="difference", threshold="otsu")
    assert f1(quiet(before, after).read(), truth) > f1(plain.read(), truth) + 20
    assert plain.report["gain"] is None


def test_every_method_is_found_by_its_file() -> None:
    assert names(ROOM) == ["cva", "difference", "ir_mad", "log_ratio", "pca_kmeans", "scm", "structure", "trained"]


def test_light_is_levelled(two: Any) -> None:
    made = quiet(*two[:2], method="cva", register=False)
    assert made.report["gain"] == pytest.approx([0.8] * 4, rel=0.03)
    assert made.report["offset"] == pytest.approx([-96] * 4, abs=60)


def test_a_shift_is_measured_and_undone(tmp_path: Path) -> None:
    fine = land(480, 600, seed=3)

    def seen(row: int, col: int) -> np.ndarray:
        part = fine[:, row : row + 420, col : col + 540]
        return part.reshape(4, 140, 3, 180, 3).mean(axis=(2, 4))

    after, truth = built(seen(9 + 4, 9 - 2), ((30, 40),))
    before = save(tmp_path / "a.tif", seen(9, 9))
    pair = paired(before, save(tmp_path / "b.tif", again(after)), Settings())
    found = register(pair)
    # what is seen at (r, c) of the first lies 4 / 3 rows above and 2 / 3 columns to the right in the second
    assert (found.down, found.across) == pytest.approx((-4 / 3, 2 / 3), abs=0.1)
    assert found.reliable
    moved, left = quiet(before, pair.after.href), quiet(before, pair.after.href, register=False)
    assert moved.report["shift"]["used"]
    assert moved.report["shift"]["metres"] == pytest.approx(10 * np.hypot(4 / 3, 2 / 3), abs=1)
    here = np.roll(truth, (1, -1), (0, 1))
    assert f1(moved.read(), here) > f1(left.read(), here) + 5


def test_another_system_size_and_extent(two: Any, tmp_path: Path) -> None:
    before, after, truth = two
    with rasterio.open(after) as file:
        data = file.read()
        place = Affine(7e-5, 0, 3.0, 0, -7e-5, 49.6525)
        out = np.zeros((4, 260, 300), np.uint16)
        reproject(data, out, src_transform=file.transform, src_crs=file.crs, dst_transform=place, dst_crs="EPSG:4326",
                  resampling=Resampling.bilinear)  # fmt: skip
    other = tmp_path / "lonlat.tif"
    with rasterio.open(other, "w", "GTiff", 300, 260, 4, dtype="uint16", crs="EPSG:4326", transform=place, nodata=0) as file:
        file.write(out)
        for index, name in enumerate(("blue", "green", "red", "nir"), 1):
            file.set_band_description(index, name)
    made = quiet(before, other, out=tmp_path / "c.tif")
    given = made.read()
    assert (given == 255).any()  # what the second does not show
    known = np.where(given == 255, 255, truth)
    assert f1(given, known) > 75
    with rasterio.open(tmp_path / "c.tif") as file, rasterio.open(before) as first:
        assert (file.crs, file.transform, file.shape) == (first.crs, first.transform, first.shape)
        assert file.descriptions == ("change", "score", "kind")
        assert set(np.unique(file.read(1))) <= {0, 1, 255}
    assert any("of the first scene lies in the second" in text for text in made.report["assumptions"])


def test_blocks_give_what_the_whole_gives(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {name: quiet(*two[:2], method=name).raster().data for name in ("ir-mad", "pca-kmeans", "cva")}
    monkeypatch.setattr(pairing, "ROWS", 64)
    monkeypatch.setattr(pairing, "COLUMNS", 48)
    for name, data in whole.items():
        parts = quiet(*two[:2], method=name).raster().data
        assert (parts[0] != data[0]).mean() < 0.002, name


def test_covariances_over_all_of_a_large_scene(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = quiet(*two[:2], method="ir-mad").read()
    monkeypatch.setattr("geoglot.tasks.change.methods.ir_mad.SAMPLE", 4)
    assert (quiet(*two[:2], method="ir-mad").read() != whole).mean() < 0.01


def test_the_rate_of_false_alarms_is_kept(tmp_path: Path) -> None:
    values = land(300, 300, seed=2)
    before, after = save(tmp_path / "a.tif", values), save(tmp_path / "b.tif", again(values))
    for rate in (0.05, 0.01):
        made = quiet(before, after, method="ir-mad", false_alarm=rate)
        assert made.changed == pytest.approx(rate, rel=0.8)


def test_radar_by_its_ratio(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = np.full((160, 200), 40.0)
    still[:, 120:] = 90
    wet, truth = still.copy(), np.zeros(still.shape, np.uint8)
    wet[40:90, 130:180] = 18
    truth[40:90, 130:180] = 1
    paths = [
        save(tmp_path / f"sar_{name}.tif", (values * np.sqrt(rng.gamma(4, 0.25, values.shape)))[None], names=("VV",))
        for name, values in (("before", still), ("after", wet))
    ]
    made = quiet(*paths, sensor="sar")
    plain = quiet(*paths, sensor="sar", method="difference", threshold="otsu")
    assert made.report["method"] == "pca-kmeans"
    assert f1(made.read(), truth) > max(85, f1(plain.read(), truth))
    assert f1(quiet(*paths, sensor="sar", method="log-ratio").read(), truth) > 80
    rows = {row["label"]: row["pixels"] for row in made.rows()}
    assert rows["darker"] > 10 * rows.get("brighter", 0)


def test_radar_against_optical(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    spectra = rng.uniform(300, 3000, (6, 4))
    covers = rng.integers(0, 6, (10, 12)).repeat(20, 0).repeat(20, 1)
    values = spectra[covers].transpose(2, 0, 1) + rng.normal(0, 30, (4, 200, 240))
    optical = save(tmp_path / "optical.tif", values)
    after, truth = built(values, ((40, 60), (120, 150)))
    # what is bright in red is a weak echo; the squares are strong ones, which no field like them is
    power = 4000 / np.sqrt(after[2]) * np.sqrt(rng.gamma(8, 1 / 8, after[2].shape))
    power[truth == 1] *= 6
    radar = save(tmp_path / "radar.tif", power[None], names=("VV",))
    made = quiet(optical, radar, sensor=("sentinel-2", "sentinel-1"))
    assert made.report["method"] == "structure"
    score = made.read(band=2).astype(float)
    assert score[truth == 1].mean() > 1.3 * score[truth == 0].mean()
    assert f1(made.read(), truth) > 30
    with pytest.raises(InputError, match="need the method structure"):
        quiet(optical, radar, sensor=("sentinel-2", "sentinel-1"), method="cva")


def test_kinds_of_change(tmp_path: Path) -> None:
    grass = np.stack([np.full((120, 120), v) for v in (400.0, 700.0, 500.0, 3500.0)])
    water = np.array([800.0, 700.0, 400.0, 200.0])
    soil = np.array([1200.0, 1500.0, 1900.0, 2300.0])
    one, other = grass + land(120, 120) / 30, grass + land(120, 120) / 30
    other[:, 20:50, 20:50] = water[:, None, None]
    other[:, 70:100, 20:50] = soil[:, None, None]
    made = quiet(save(tmp_path / "a.tif", one), save(tmp_path / "b.tif", again(other)), method="cva", register=False)
    kind = made.read(band=3)
    assert np.median(kind[25:45, 25:45]) == 5
    assert np.median(kind[75:95, 25:45]) == 3
    rows = {row["label"]: row["area"] for row in made.rows()}
    assert rows["water gain"] == pytest.approx(90_000, rel=0.15)
    assert rows["vegetation loss"] == pytest.approx(90_000, rel=0.15)


@pytest.mark.parametrize("name", ["c.gpkg", "c.geojson", "c.parquet"])
def test_polygons_with_dates_area_and_kind(two: Any, tmp_path: Path, name: str) -> None:
    made = quiet(*two[:2], out=[tmp_path / "c.tif", tmp_path / name], dates=("2019-05-01", "2021-06-02"), least=20_000)
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        rows = pq.read_table(tmp_path / name).to_pylist()
    else:
        rows = [values for _, values in vectors.read_features(tmp_path / name)]
    assert len(rows) == 2
    for row in rows:
        assert (row["before"], row["after"]) == ("2019-05-01", "2021-06-02")
        assert row["area"] == pytest.approx(57_600, rel=0.15)
        assert 0.5 < row["score"] <= 1
        assert row["label"] in ("brighter", "vegetation loss")
    assert made.write(tmp_path / "again.geojson").exists()


def test_pictures(two: Any, tmp_path: Path) -> None:
    outputs = [tmp_path / f"c{suffix}" for suffix in (".png", ".gif", ".webp")]
    made = quiet(*two[:2], out=outputs, dates=("2019", "2021"))
    with Image.open(outputs[0]) as image:
        assert image.width > 3 * 200
    for path in outputs[1:]:
        with Image.open(path) as image:
            assert image.n_frames == 3
    assert "<img" in made._repr_html_()
    assert made.table().startswith("change")


def test_without_georeference_the_pixels_are_the_places(tmp_path: Path) -> None:
    values = land()
    after, truth = built(values)
    before, later = save(tmp_path / "a.tif", values, None), save(tmp_path / "b.tif", again(after), None)
    made = quiet(before, later, out=tmp_path / "c.geojson")
    assert f1(made.read(), truth) > 85
    assert any("pixel by pixel" in text for text in made.report["assumptions"])
    rows = list(made.polygons(least=100))
    assert len(rows) == 2
    assert rows[0]["geometry"] is None
    assert "POLYGON" in rows[0]["outline"]
    small = save(tmp_path / "small.tif", values[:, :100], None)
    with pytest.raises(InputError, match="without georeference, and"):
        quiet(before, small)


def test_what_is_no_pair_is_refused_at_once(two: Any, tmp_path: Path) -> None:
    before, after, _ = two
    values = land()
    with pytest.raises(InputError, match="Both are"):
        quiet(before, before)
    copy = tmp_path / "copy.tif"
    copy.write_bytes(before.read_bytes())
    with pytest.raises(InputError, match="same pixels"):
        quiet(before, copy)
    far = save(tmp_path / "far.tif", values, 900_000.0)
    with pytest.raises(InputError, match="do not overlap"):
        quiet(before, far)
    other = save(tmp_path / "other.tif", values[:2], names=("swir1", "swir2"))
    with pytest.raises(InputError, match="share no band"):
        quiet(before, other)
    dated = save(tmp_path / "dated.tif", again(values), tags={"ACQUISITION_DATETIME": "2020-05-01T10:00:00+00:00"})
    with pytest.raises(InputError, match="not of 2018"):
        quiet(before, dated, dates=("2017-01-01", "2018-01-01"))
    with pytest.raises(InputError, match="is later than"):
        quiet(before, dated, dates=("2021", "2020"))
    with pytest.raises(NotFoundError):
        quiet(before, tmp_path / "none.tif")
    with pytest.raises(NotFoundError, match="ir_mad"):
        quiet(before, after, method="ir-madd")
    with pytest.raises(InputError, match="for radar"):
        quiet(before, after, method="log-ratio")
    with pytest.raises(InputError, match="no folder"):
        quiet(before, after, out=tmp_path / "none" / "c.tif")
    with pytest.raises(InputError, match="says the format"):
        quiet(before, after, out=tmp_path / "c.xyz")
    for wrong in ({"false_alarm": 0.7}, {"threshold": "much"}, {"query": " "}, {"level": "high"}, {"least": -1},
                  {"dates": ("2019",)}, {"false_alarm": 0.1, "threshold": "otsu"}, {"query": "x", "method": "cva"}):  # fmt: skip
        with pytest.raises(InputError):
            quiet(before, after, **wrong)
    with pytest.raises(ModelError, match="dense features"):
        quiet(before, after, method="scm", model=object)


def test_bands_that_only_one_scene_has_are_left_out(two: Any, tmp_path: Path) -> None:
    values = land()
    after, truth = built(values)
    few = save(tmp_path / "few.tif", again(after)[[2, 3]], names=("red", "nir"))
    made = quiet(two[0], few)
    assert made.report["bands"] == ["red", "nir"]
    assert any("only red, nir" in text for text in made.report["assumptions"])
    assert f1(made.read(), truth) > 70


def test_nothing_observed_in_both(tmp_path: Path) -> None:
    values = land()
    left, right = values.copy(), again(values)
    left[:, :, 100:], right[:, :, :100] = 1, 1
    before = save(tmp_path / "a.tif", left, nodata=1)
    with pytest.raises(RasterError, match="observed in both"):
        quiet(before, save(tmp_path / "b.tif", right, nodata=1), out=tmp_path / "c.tif")
    assert not (tmp_path / "c.tif").exists()


def test_an_interrupted_run_goes_on(two: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from geoglot.tasks.change.methods import ir_mad

    whole = quiet(*two[:2], method="ir-mad").raster().data
    monkeypatch.setattr(pairing, "ROWS", 64)
    monkeypatch.setattr(pairing, "VALUES", 2**14)
    score, done = ir_mad.score, []

    def once(*args: Any) -> Any:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(1)
        return score(*args)

    out = tmp_path / "c.tif"
    monkeypatch.setattr(ir_mad, "score", once)
    with pytest.raises(KeyboardInterrupt):
        quiet(*two[:2], out=out, method="ir-mad")
    assert not out.exists()
    assert (tmp_path / ".c.tif.part" / "state.json").exists()
    calls: list[int] = []
    monkeypatch.setattr(ir_mad, "score", lambda *args: (calls.append(1), score(*args))[1])
    monkeypatch.setattr(ir_mad, "fit", lambda *_: pytest.fail("fitted again"))
    made = quiet(*two[:2], out=out, method="ir-mad")
    assert len(calls) == len(pairing.Pair.windows(paired(*two[:2], Settings()))) - 1
    assert (made.raster().data[0] != whole[0]).mean() < 0.002
    assert not (tmp_path / ".c.tif.part").exists()
    # asked again, the finished map is the answer, until a scene changes
    stamp = out.stat().st_mtime_ns
    again_ = quiet(*two[:2], out=out, method="ir-mad")
    assert out.stat().st_mtime_ns == stamp
    assert again_.rows() == made.rows()
    monkeypatch.undo()
    later = time.time() + 10
    os.utime(two[1], (later, later))
    quiet(*two[:2], out=out, method="ir-mad")
    assert out.stat().st_mtime_ns != stamp


class Bright:
    """Cells of 16 pixels by how bright they are: dark and bright things have opposite vectors."""

    def __init__(self) -> None:
        import torch

        self.spec = ModelSpec(
            "bright", "1", "00ff" * 4, 2, ("red", "green", "blue"), 64, (0.1, 90), (0.5,) * 3, (0.5,) * 3, "-", "-"
        )
        self.cells = Cells(16, 64)
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def dense(self, batch: Any) -> Any:
        import torch

        mean = torch.nn.functional.avg_pool2d(batch.pixels.mean(1, keepdim=True), 16)[:, 0]
        angle = (mean.clamp(0, 1) * torch.pi / 2)[..., None]
        return torch.cat([angle.sin(), angle.cos()], -1)

    def text(self, texts: list[str]) -> Any:
        import torch

        return torch.tensor([[1.0, 0.0] if "buildings" in text else [0.0, 1.0] for text in texts])


def test_a_model_sees_what_words_mean(two: Any) -> None:
    before, after, truth = two
    plain = quiet(before, after, method="scm", model=Bright())
    piloted = quiet(before, after, query="new buildings", model=Bright)
    lost = quiet(before, after, query="lost buildings", model=Bright())
    assert plain.report["method"] == piloted.report["method"] == "scm"

    def contrast(made: Any) -> float:
        score = made.read(band=2).astype(float)
        return float(score[truth == 1].mean() / score[truth == 0].mean())

    assert contrast(plain) > 1.3
    assert contrast(piloted) > contrast(plain)
    assert contrast(piloted) > contrast(lost)


def test_the_words_of_a_query() -> None:
    assert scm.asked("new buildings") == ("buildings", "after")
    assert scm.asked("Demolished houses") == ("houses", "before")
    assert scm.asked("newly built roads") == ("roads", "after")
    assert scm.asked("water") == ("water", "both")


def test_polygons_say_what_was_there_and_what_is(tmp_path: Path) -> None:
    one = np.full((3, 160, 200), 20.0)
    one[1] = 220
    other = one.copy()
    other[0, 40:80, 60:120], other[1, 40:80, 60:120] = 220, 20
    noise = np.random.default_rng(0).normal(0, 4, one.shape)
    paths = [
        save(tmp_path / f"{name}.tif", values, dtype="uint8", names=("red", "green", "blue"), west=west)
        for name, values, west in (("a", one + noise, 500_000.0), ("b", other - noise, 500_000.0))
    ]
    made = quiet(*paths, sensor="rgb", labels="red,green,blue", model=Painter(), method="cva", register=False)
    (row,) = made.polygons(least=5000)
    assert (row["from"], row["to"]) == ("green", "red")
    with pytest.raises(InputError, match="nothing to tell 'red' from"):
        quiet(*paths, labels="red")


def test_methods_without_a_model_load_no_torch(two: Any) -> None:
    code = "import sys; from geoglot.tasks.change import change; change(*sys.argv[1:], progress=False)"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, *map(str, two[:2])], check=True)
