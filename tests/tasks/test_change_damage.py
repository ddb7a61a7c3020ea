"""Damage of parts between two scenes, by the head that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from change_kit import again, built, land, save

from geoglot.core.errors import InputError, NotFoundError
from geoglot.geo import vectors
from geoglot.nn import pairs
from geoglot.tasks.change.damage import damage, windows

DATES = ("2017-08-01", "2017-09-01")


def scenes(folder: Path, gsd: float = 1.0) -> tuple[Path, Path]:
    """Before and after, in which two squares were built."""
    values = land(96, 140, bands=3)
    how = {"gsd": gsd, "names": ("red", "green", "blue"), "nodata": 0}
    return save(folder / "before.tif", values, **how), save(folder / "after.tif", again(built(values)[0]), **how)


def test_parts_are_told(tmp_path: Path) -> None:
    made = damage(*scenes(tmp_path), dates=DATES, out=tmp_path / "d.gpkg", progress=False)
    rows = [row for _, row in vectors.read_features(tmp_path / "d.gpkg")]
    assert len(rows) == len(made.parts) == 6  # of 60 pixels, the last over the one before
    assert {row["label"] for row in rows} <= set(pairs.NAMES)
    assert all(0.5 <= row["score"] <= 1 and (row["before"], row["after"]) == DATES for row in rows)
    assert made.assumptions == ()
    assert "parts" in made.table()


def test_parts_of_coarse_pixels_are_wider_and_that_is_said(tmp_path: Path) -> None:
    made = damage(*scenes(tmp_path, gsd=5.0), progress=False)
    assert len(made.parts) == 3 * 5
    assert "160 m wide" in made.assumptions[-1]


def test_what_damage_is_not_told_of(tmp_path: Path) -> None:
    one, other = scenes(tmp_path)
    with pytest.raises(InputError, match="told of parts"):
        damage(one, other, out=tmp_path / "d.tif")
    with pytest.raises(InputError, match="no folder"):
        damage(one, other, out=tmp_path / "none" / "d.gpkg")
    with pytest.raises(NotFoundError, match="evals"):
        damage(one, other, head=tmp_path / "none.safetensors")
    radar = [save(tmp_path / f"{name}.tif", land(96, 140, bands=2, seed=k), names=("VV", "VH")) for k, name in enumerate("ab")]
    with pytest.raises(InputError, match="radar"):
        damage(*radar, sensor="sar")
    assert np.ptp([window[0] for window in windows(_pair(one, other))]) == 36


def _pair(one: Path, other: Path) -> object:
    from geoglot.tasks.change.asked import Settings, paired

    return paired(one, other, Settings())
