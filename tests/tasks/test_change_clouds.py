"""Change under clouds: what masks hide is not observed, whoever made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from change_kit import again, built, land, save

from geoglot.core.errors import InputError, RasterError
from geoglot.data.build import weather
from geoglot.data.synth.paint import Sun
from geoglot.geo.scene import Scene
from geoglot.tasks.change import change
from geoglot.tasks.change.clouds import GROW

NODATA = 255
CLOUD = slice(60, 90), slice(60, 120)


@pytest.fixture
def cloudy(tmp_path: Path) -> tuple[Path, Path, list[Path]]:
    """A pair whose second date has a white field, and a mask of each date."""
    values = again(built(land())[0])
    values[:, *CLOUD] = 9000.0
    before, after = save(tmp_path / "before.tif", land()), save(tmp_path / "after.tif", values)
    clear, sky = np.zeros(values.shape[1:], np.uint8), np.zeros(values.shape[1:], np.uint8)
    sky[CLOUD] = 1
    return before, after, [masked(before, clear), masked(after, sky)]


def masked(of: Path, mask: np.ndarray) -> Path:
    """A mask (H, W) of a scene, beside it."""
    path = of.with_name(f"mask-{of.name}")
    with rasterio.open(of) as file:
        profile = {"driver": "GTiff", "height": file.height, "width": file.width, "crs": file.crs, "transform": file.transform}
    with rasterio.open(path, "w", **profile, count=1, dtype="uint8", nodata=NODATA) as out:
        out.write(mask, 1)
        out.write_colormap(1, {0: (0, 0, 0, 0), 1: (255, 255, 255, 255), 2: (0, 0, 0, 255)})
    return path


def quiet(*args: Any, **more: Any) -> Any:
    return change(*args, progress=False, sensor="sentinel-2", bands=("B02", "B03", "B04", "B08"), **more)


def test_what_given_masks_hide_is_not_observed(cloudy: Any, tmp_path: Path) -> None:
    before, after, masks = cloudy
    plain = quiet(before, after).read()
    assert (plain[CLOUD] == 1).mean() > 0.9
    made = quiet(before, after, clouds=masks)
    found = made.read()
    over = np.zeros(found.shape, bool)
    over[60 - GROW : 90 + GROW, 60 - GROW : 120 + GROW] = True
    assert np.array_equal(found == NODATA, over)
    assert (found[30:54, 40:64][~over[30:54, 40:64]] == 1).mean() > 0.9
    assert any("after.tif: 5.6% lies under cloud" in text for text in made.report["assumptions"])
    assert np.array_equal(quiet(before, after, clouds=masks, out=tmp_path / "out.tif").read(), found)
    assert not np.array_equal(quiet(before, after, out=tmp_path / "out.tif").read(), found), "another request is made anew"


def test_a_second_date_on_another_grid_is_hidden_too(cloudy: Any, tmp_path: Path) -> None:
    before, _, masks = cloudy
    values = again(built(land())[0])
    values[:, *CLOUD] = 9000.0
    moved = save(tmp_path / "moved.tif", values[:, 10:, 13:], west=500_000.0 + 133)
    rows, cols = CLOUD
    mask = np.zeros((values.shape[1] - 10, values.shape[2] - 13), np.uint8)
    mask[rows.start - 10 : rows.stop - 10, cols.start - 13 : cols.stop - 13] = 1
    found = quiet(before, moved, clouds=[masks[0], masked(moved, mask)], register=False).read()
    # the file lies ten rows up and a third of a column off, as its georeference says
    assert (found[rows.start - 10 : rows.stop - 10, cols] == NODATA).all()
    assert (found == NODATA).sum() < 0.35 * found.size


def test_a_model_masks_clouds_itself(tmp_path: Path) -> None:
    before = land()
    with Scene.open(save(tmp_path / "before.tif", before), "sentinel-2", ("B02", "B03", "B04", "B08")) as scene:
        bands = scene.bands
    light = again(before) * 1e-4
    sky = weather.Weather("cumulus", 0.35, 10.0, Sun(140.0, 50.0), 11)
    seen, index = weather.put(light.astype(np.float32), bands, sky)
    assert 0.1 < (index == weather.CLOUD).mean() < 0.6
    after = save(tmp_path / "after.tif", seen * 1e4)
    found = quiet(tmp_path / "before.tif", after, clouds="nano").read()
    plain = quiet(tmp_path / "before.tif", after).read()
    cloud = index == weather.CLOUD
    assert (found[cloud] == 1).mean() < 0.5 * (plain[cloud] == 1).mean()
    assert (found[cloud] == NODATA).mean() > 0.6


def test_masks_that_do_not_fit_are_refused_at_once(cloudy: Any, tmp_path: Path) -> None:
    before, after, masks = cloudy
    with pytest.raises(InputError, match="give one for each"):
        quiet(before, after, clouds=masks[:1])
    other = save(tmp_path / "other.tif", land(40, 50)[:1], dtype="uint8", names=("mask",))
    with pytest.raises(InputError, match="no mask of"):
        quiet(before, after, clouds=[masks[0], other])
    with pytest.raises(InputError, match="Radar sees through clouds"):
        change(before, after, clouds="nano", sensor="sentinel-1", bands=("VV", "VH", "HH", "HV"), progress=False)


def test_all_under_clouds(cloudy: Any) -> None:
    before, after, masks = cloudy
    masked(after, np.ones(land().shape[1:], np.uint8))
    with pytest.raises(RasterError, match="take clearer dates"):
        quiet(before, after, clouds=masks)


def test_windows_of_a_hidden_scene_agree_with_the_whole(cloudy: Any) -> None:
    _, after, masks = cloudy
    with Scene.open(after) as scene, Scene.open(masks[1]) as mask, scene.hidden(mask, (1,), 6):
        whole = scene.read().valid
        assert np.array_equal(scene.read(window=(50, 50, 30, 40)).valid, whole[50:80, 50:90])
        assert scene.grid is not None
        assert np.array_equal(scene.read(grid=scene.grid.window(50, 50, 30, 40)).valid, whole[50:80, 50:90])
        assert np.array_equal(scene.observed((50, 50, 30, 40)), whole[50:80, 50:90])
        small = scene.read(shape=(80, 100)).valid
        assert (~small).any()
        assert not small[~whole[::2, ::2]].any()
    assert scene.read().valid.all(), "only for a while"
