"""Clouds over real pictures: exact masks, light that follows the band, splits that share no place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from geoglot.core.errors import DataError
from geoglot.data.build import grounds, weather
from geoglot.data.build.grounds import Ground, ViewConfig
from geoglot.data.build.weather import CLEAR, CLOUD, SHADOW, Weather
from geoglot.data.synth.paint import Sun
from geoglot.geo.display import RGB
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band

SUN = Sun(150.0, 45.0)
SWIR = (Band("green", "green", 0.56), Band("nir", "nir", 0.84), Band("swir22", "swir22", 2.19))


def sky(amount: float = 0.4, kind: str = "cumulus", seed: int = 3, gsd: float = 10.0) -> Weather:
    return Weather(kind, amount, gsd, SUN, seed)


def flat(value: float = 0.3, shape: tuple[int, int] = (128, 160)) -> np.ndarray:
    return np.full((3, *shape), value, np.float32)


@pytest.mark.parametrize("amount", [0.1, 0.5, 0.9])
def test_the_share_is_what_was_asked_for(amount: float) -> None:
    _, index = weather.put(flat(), RGB, sky(amount), camera=True)
    assert (index == CLOUD).mean() == pytest.approx(amount, abs=0.06)


def test_cloud_is_bright_and_shadow_dark() -> None:
    seen, index = weather.put(flat(), RGB, sky(), camera=True)
    assert (index == SHADOW).mean() > 0.02
    assert seen[:, index == CLOUD].min() > seen[:, index == SHADOW].mean()
    assert seen[:, index == SHADOW].max() < 0.8
    assert seen[:, index == SHADOW].mean() < 0.3 < seen[:, index == CLOUD].mean()


def test_no_cloud_changes_nothing() -> None:
    light = np.random.default_rng(0).uniform(0, 1, (3, 64, 64)).astype(np.float32)
    seen, index = weather.put(light, RGB, sky(0.0), camera=True)
    assert (index == CLEAR).all()
    assert np.allclose(seen, light)


def test_shadows_lie_where_the_sun_puts_them() -> None:
    """Turned by half a circle, the sun throws the shadow to the other side of the same clouds."""
    low = Weather("cumulus", 0.3, 20.0, Sun(180.0, 60.0), 5)
    other = Weather("cumulus", 0.3, 20.0, Sun(0.0, 60.0), 5)
    a, b = (how.over((160, 160)) for how in (low, other))
    assert np.array_equal(a.cloud, b.cloud)
    shift = round(a.opacity.shape[0] / 160 * _height(low) / np.tan(np.radians(60.0)) / 20.0)
    north = np.abs(a.shadow[: 160 - shift] - a.opacity[shift:])  # thrown upwards, to a part of a pixel
    south = np.abs(b.shadow[shift:] - b.opacity[: 160 - shift])
    assert max(np.quantile(north, 0.9), np.quantile(south, 0.9)) < 0.1
    assert np.abs(a.shadow[shift:] - a.opacity[: 160 - shift]).mean() > 3 * north.mean()


def _height(how: Weather) -> float:
    return float(np.random.default_rng([how.seed, 37]).uniform(*weather.KINDS[how.kind].height))


def test_thin_cloud_passes_long_waves() -> None:
    light = flat(0.0)
    seen, index = weather.put(light, SWIR, sky(0.5, "cirrus"))
    white = np.array([weather.spectra.cloud(band)[0] for band in SWIR])
    hidden = seen / white[:, None, None]
    thin = (hidden[0] > 0.1) & (hidden[0] < 0.6)
    assert (hidden[2][thin] < hidden[0][thin]).all()
    assert (index == CLOUD).any()


def test_the_same_seed_gives_the_same_picture() -> None:
    ground = Ground("a", "ucm", np.random.default_rng(1).uniform(0, 1, (3, 90, 110)).astype(np.float32), RGB, True)
    chance, how = grounds.chances([ground]), ViewConfig(size=64)
    first, second, other = (grounds.view([ground], chance, how, np.random.default_rng(seed))[1] for seed in (4, 4, 5))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_reflectance_and_counts_of_scenes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(300, 3000, (4, 40, 50)).astype(np.uint16)
    place = {"crs": "EPSG:32631", "transform": Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    path = tmp_path / "s2a.tif"
    with rasterio.open(path, "w", "GTiff", 50, 40, 4, dtype="uint16", **place) as file:
        file.write(data)
    with Scene.open(path, sensor="sentinel-2") as scene:
        made = grounds.of_scene(scene, ("red", "green", "blue"), "a", "sentinel-2")
        shown = scene.display().data
    assert not made.camera
    assert np.allclose(made.light, data[[2, 1, 0]] * 1e-4, atol=1e-5)
    pixels, _ = made.under(sky(0.0))  # without a cloud a ground is shown as its scene is
    assert np.abs(pixels / 255 - np.moveaxis(shown, 0, -1)).max() < 0.003


def test_no_place_is_in_two_splits() -> None:
    files = [place.files for place in grounds.PLACES]
    assert len(set(files)) == len(files)
    assert {place.split for place in grounds.PLACES} == {"train", "val", "test"}
    rendered = [{ground.id for ground in grounds.made_up(split, 2, 48)} for split in ("train", "val", "test")]
    assert not set.intersection(*rendered)


def test_no_scenes_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the scenes"):
        grounds.load(tmp_path, "train", 0, 0)
