"""Series of dates: lasting change told from what seasons do and from what passes, when it came, and what covers the ground."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from change_kit import again, built, land, save
from PIL import Image

from geoglot.core.errors import InputError, RasterError
from geoglot.geo import vectors
from geoglot.tasks.change.series import SeriesMap, series, stack, verb
from geoglot.tasks.change.series.breaks import COURSES, LASTING, NEWEST, PASSING, SEASONAL, STEADY, UNDECIDED, decided, fit
from geoglot.tasks.change.series.cover import Tally, holds
from geoglot.tasks.change.series.seasons import season
from geoglot.tasks.change.series.stack import partners
from geoglot.tasks.cloud.verb import CLOUD

SUMMERS = ("2016-07-05", "2018-07-20", "2020-06-30", "2022-07-10")
MIXED = ("2016-07-05", "2017-10-08", "2019-07-12", "2020-10-05", "2022-07-01")


def times(*dates: str) -> list[datetime]:
    return [datetime.fromisoformat(date).replace(tzinfo=UTC) for date in dates]


def course(values: list[float], dates: tuple[str, ...], seen: list[bool] | None = None) -> tuple[str, int]:
    """What one pixel of one band of unit noise is taken for, and the date that shows its step first."""
    valid = np.array(seen or [True] * len(values))[:, None]
    found = fit(np.array(values, np.float32)[:, None, None], valid, season(times(*dates)))
    kind, first = decided(found, 5.0)
    return COURSES[int(kind[0])], int(first[0])


def test_courses_of_one_pixel() -> None:
    assert course([0, 0, 1, 0], SUMMERS) == (COURSES[STEADY], 0)
    assert course([0, 30, 30, 30], SUMMERS) == (COURSES[LASTING], 1)
    assert course([0, 0, 0, 30], SUMMERS) == (COURSES[NEWEST], 3)
    assert course([0, 30, 0, 0], SUMMERS) == (COURSES[PASSING], 0)
    assert course([0, 30, 0, 30, 0], MIXED) == (COURSES[SEASONAL], 0)
    assert course([0, 30, 60, 90, 60], MIXED) == ("lasting and seasonal", 2)
    assert course([0, 0, 30, 30], SUMMERS, [True, False, True, True]) == (COURSES[LASTING], 2)


def test_a_state_of_a_season_that_was_never_seen_before_is_undecided() -> None:
    dates = ("2016-07-05", "2018-07-20", "2020-10-10")
    assert course([0, 0, 30], dates) == (COURSES[UNDECIDED], 0)
    assert course([0, 30, 30], dates) == (COURSES[LASTING], 1)
    # of a series that can tell seasons, where clouds left one date of each, or hid all of a wave but three
    assert course([0, 30, 0, 30, 0], MIXED, [True, True, False, False, False]) == (COURSES[UNDECIDED], 0)
    year = tuple(f"20{16 + k}-{month:02}-11" for k, month in enumerate((1, 3, 5, 7, 9, 11)))
    assert course([0, 0, 30, 30, 30, 30], year, [True, False, True, False, True, False]) == (COURSES[UNDECIDED], 0)


def test_one_date_says_nothing_and_two_say_that_it_changed() -> None:
    found = fit(np.zeros((2, 1, 1), np.float32), np.array([[True], [False]]), season(times(*SUMMERS[:2])))
    assert np.isnan(found.lasting).all()
    assert course([0, 30], SUMMERS[:2]) == (COURSES[NEWEST], 1)


def test_seasons_of_dates() -> None:
    assert season(times(*SUMMERS)).group == (0, 0, 0, 0)
    assert season(times(*SUMMERS)).design is None
    assert season(times(*MIXED)).group == (0, 1, 0, 1, 0)
    assert season(times("2016-12-20", "2018-01-10", "2019-07-01")).group == (0, 0, 1)  # round the end of the year
    assert "no two dates" in str(season(times("2016-01-02", "2018-05-10", "2019-09-01")).said)
    assert "year alone" in str(season(times("1985-01-01", "2000-01-01")).said)
    wave = season(times(*(f"20{16 + k}-{month:02}-11" for k, month in enumerate((1, 3, 5, 7, 9, 11)))))
    assert wave.design is not None
    assert wave.design.shape == (6, 3)
    assert partners(times(*MIXED)) == [(0, 2), (0, 4), (1, 3)]


def test_consistency_counts_returns_that_no_season_explains() -> None:
    classes = np.array([[[1, 1, 1, 1]], [[1, 2, 2, 255]], [[2, 1, 2, 1]], [[2, 1, 2, 1]]], np.uint8)
    assert holds(classes, season(times(*SUMMERS))).tolist() == [[True, False, True, True]]
    yearly = np.array([[[1, 1]], [[2, 2]], [[1, 1]], [[2, 1]], [[1, 1]]], np.uint8)
    assert holds(yearly, season(times(*MIXED))).tolist() == [[True, False]]
    tally = Tally(("water", "other"), 4, season(times(*SUMMERS)))
    tally.add(classes, np.array([[100.0]]))
    assert tally.consistency == pytest.approx(0.75)
    water = [row for row in tally.rows(SUMMERS, True) if row["label"] == "water"]
    assert [row["area"] for row in water] == [400.0, 100.0, 200.0, 200.0]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Four summers: a lake comes by the second, a field is bright in the third alone; light and noise differ."""
    made = []
    for k, date in enumerate(SUMMERS):
        values = land(120, 140)
        values[3] += 3000  # no field is as dark in the near infrared as water
        if k >= 1:
            values[:, 30:60, 30:60] = np.array([500, 700, 300, 60])[:, None, None]
        if k == 2:
            values[:, 80:100, 80:110] = 3900
        values = (1 + 0.05 * k) * values + 30 * k + np.random.default_rng(k).normal(0, 15, values.shape)
        made.append(save(tmp_path / f"s_{date}.tif", values))
    return made


def quiet(files: Any, **more: Any) -> SeriesMap:
    return series(files, progress=False, **more)


def test_what_lasts_is_dated_and_what_passes_is_not_change(files: list[Path], tmp_path: Path) -> None:
    names = [tmp_path / name for name in ("m.tif", "m.gpkg", "m.png", "m.webp")]
    made = quiet(files[::-1], out=names, least=5000)
    assert made.dates == SUMMERS
    change, when, course = (made.read(band=band) for band in (1, 4, 6))
    assert change[32:58, 32:58].mean() > 0.98
    assert change.sum() < 1.15 * 30 * 30
    assert set(when[change == 1]) == {1}
    assert np.median(course[84:96, 84:106]) == PASSING
    water = {row["date"]: row["area"] for row in made.report["classes"] if row["label"] == "water"}
    assert water["2018-07-20"] - water["2016-07-05"] == pytest.approx(9e4, rel=0.1)
    assert 0.9 < made.report["consistency"] <= 1
    assert made.report["periods"][0]["label"] == "water gain"
    assert "water" in made.table()
    (row,) = vectors.read_features(names[1])
    assert (row[1]["before"], row[1]["after"], row[1]["label"]) == ("2016-07-05", "2018-07-20", "water gain")
    assert getattr(Image.open(names[3]), "n_frames", 1) == 5
    assert "put in the order" in " ".join(made.report["assumptions"])
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_run_goes_on(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "ROWS", 32)
    whole = [quiet(files).read(band=band) for band in (1, 2, 3, 6)]
    names = [tmp_path / "m.tif", tmp_path / "m.gpkg"]
    block = verb._Run._block
    done: list[Any] = []

    def third(self: Any, work: Any, window: Any) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        block(self, work, window)
        done.append(window)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    for place, name, what in ((verb._Run, "_block", third), (verb, "write_raster", stop)):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, what)
            with pytest.raises(KeyboardInterrupt):
                quiet(files, out=names)
        assert not any(path.exists() for path in names)
    assert done[0][:2] == (0, 0)
    with monkeypatch.context() as patch:
        patch.setattr(verb._Run, "_block", stop)  # nothing is fitted again
        made = quiet(files, out=names)
    assert all(np.array_equal(made.read(band=band), part) for band, part in zip((1, 2, 3, 6), whole, strict=True))
    assert all(path.exists() for path in names)


def rewritten(path: Path, change: Any) -> None:
    """A file with its values as `change` makes them, and their profile."""
    with rasterio.open(path) as file:
        values, more = change(file.read())
        profile, names = file.profile | more | {"count": len(values), "dtype": values.dtype.name}, file.descriptions
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
        file.descriptions = names[: len(values)]


def holes(values: Any, at: int) -> tuple[Any, dict[str, Any]]:
    """Values with columns that were not observed."""
    made = values.astype("float32")
    made[:, :, at : at + 15] = np.nan
    made[:, :, 120:] = np.nan
    return made, {"nodata": float("nan")}


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_was_not_observed_takes_no_part(files: list[Path]) -> None:
    for k, path in enumerate(files):
        rewritten(path, lambda values, at=20 * k: holes(values, at))
    made = quiet(files)
    change, kind, when = (made.read(band=band) for band in (1, 3, 4))
    assert set(np.unique(change[:, 120:])) == {255}
    assert (change[32:58, 36:58] == 1).mean() > 0.98
    assert np.bincount(kind[32:58, 36:58].ravel()).argmax() == 5  # water gain, of means without what is missing
    assert set(when[32:58, 42:58].ravel()) == {1}
    assert set(when[32:58, 31:34].ravel()) == {2}  # the second date is missing here


def test_bands_that_differ_and_one_that_says_nothing(files: list[Path]) -> None:
    rewritten(files[2], lambda values: (values[:3], {}))
    for path in files:
        rewritten(path, lambda values: (np.concatenate([values[:1] * 0 + 7, values[1:]]), {}))
    made = quiet(files)
    assert "only blue, green, red are compared" in " ".join(made.report["assumptions"])
    assert made.read()[32:58, 32:58].mean() > 0.9
    assert made.labels == ()


@pytest.mark.parametrize("names", [("VV", "VH"), ("VV",)])
def test_radar_has_no_classes_and_still_pictures(tmp_path: Path, names: tuple[str, ...]) -> None:
    made = []
    for k, date in enumerate(SUMMERS):
        values = land(120, 140, bands=len(names)) * np.random.default_rng(k).gamma(8, 1 / 8, (len(names), 120, 140))
        values[:, 30:60, 30:60] *= 1 if k < 2 else 8
        made.append(save(tmp_path / f"s_{date}.tif", values, names=names, west=None))
    found = quiet(made, sensor="sar", out=tmp_path / "s.png")
    assert found.read()[34:56, 34:56].mean() > 0.95
    assert set(found.read(band=4)[34:56, 34:56].ravel()) == {2}
    assert found.report["classes"] == []
    assert found.report["courses"][0]["area"] is None
    assert (tmp_path / "s.png").exists()


def test_what_masks_of_clouds_hide_takes_no_part(files: list[Path], tmp_path: Path) -> None:
    masks = []
    for k in range(len(files)):
        cover = np.zeros((1, 120, 140), np.uint8)
        cover[:, 35:55, 35:55] = CLOUD if k == 1 else 0  # over the lake, at the date that would show it first
        with rasterio.open(files[k]) as file:
            profile = file.profile | {"count": 1, "dtype": "uint8", "nodata": 255}
        masks.append(tmp_path / f"mask{k}.tif")
        with rasterio.open(masks[-1], "w", **profile) as file:
            file.write(cover)
    made = quiet(files[::-1], clouds=masks[::-1])
    when, water = made.read(band=4), made.read(band=8)
    assert set(when[38:52, 38:52].ravel()) == {2}
    assert set(water[38:52, 38:52].ravel()) == {255}
    assert "under cloud" in " ".join(made.report["assumptions"])
    with pytest.raises(InputError, match="one for each"):
        quiet(files, clouds=masks[:2])


def test_classes_by_words(tmp_path: Path) -> None:
    made = []
    for k, date in enumerate(SUMMERS[:2]):
        values = built(land(96, 96, bands=3), ((30, 40),))[0] if k else land(96, 96, bands=3)
        made.append(save(tmp_path / f"s_{date}.tif", again(values, seed=k), names=("red", "green", "blue")))
    found = quiet(made, labels="buildings,grass|trees")
    assert found.labels == ("buildings", "grass")
    assert found.report["classes by"]["by"] == "words"
    for k, date in enumerate(SUMMERS[:2]):
        rows = [row for row in found.report["classes"] if row["date"] == date]
        assert sum(row["pixels"] for row in rows) == 96 * 96
        assert (found.read(band=7 + k) == 1).sum() == rows[0]["pixels"]


def test_what_makes_no_series_is_refused(files: list[Path], tmp_path: Path) -> None:
    bare = save(tmp_path / "bare.tif", land(120, 140, seed=3))
    with pytest.raises(InputError, match="does not tell its date"):
        quiet([*files, bare])
    for same in (SUMMERS[-1], f"{SUMMERS[-1]}T18:30:00Z"):
        with pytest.raises(InputError, match="same date"):
            quiet([*files, bare], dates=[*SUMMERS, same])
    with pytest.raises(InputError, match="give one for each"):
        quiet(files, dates=SUMMERS[:2])
    with pytest.raises(InputError, match="2 to"):
        quiet(files[:1])
    with pytest.raises(InputError, match="above 0"):
        quiet(files, threshold=0)
    with pytest.raises(InputError, match="named twice"):
        quiet([*files, files[1]], dates=[*SUMMERS, "2023-07-01"])
    with pytest.raises(InputError, match="same pixels"):
        quiet([*files, shutil.copy(files[2], tmp_path / "copy.tif")], dates=[*SUMMERS, "2023-07-01"])
    with pytest.raises(InputError, match="written over"):
        quiet(files, out=files[0])
    with pytest.raises(InputError, match="do not overlap"):
        quiet([*files, save(tmp_path / "far_2023-07-01.tif", land(120, 140), west=900_000.0)])
    empty = [save(tmp_path / f"e_{date}.tif", land(120, 140) * 0, nodata=1) for date in SUMMERS]
    with pytest.raises((InputError, RasterError)):
        quiet(empty)
