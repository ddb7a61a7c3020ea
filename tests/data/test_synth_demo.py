"""The demo's landscape: files that other readers understand, and searches that have an answer."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio

from geoglot.core.errors import ConfigError
from geoglot.data.synth import PLANS, SEARCHES, DemoScene, demo_scenes
from geoglot.geo.scene import Scene


@pytest.fixture(scope="module")
def landscape_on_disk(tmp_path_factory) -> list[DemoScene]:
    small = tuple(
        replace(plan, size=256) if plan.satellite else replace(plan, size=576, gsd=plan.gsd * plan.size / 576) for plan in PLANS
    )
    return demo_scenes(tmp_path_factory.mktemp("demo") / "scenes", seed=0, plans=small)


def test_files_say_where_when_and_what(landscape_on_disk):
    assert len(landscape_on_disk) == len(PLANS)
    for made, plan in zip(landscape_on_disk, PLANS, strict=True):
        with Scene.open(made.path) as scene:
            assert scene.grid is not None
            assert scene.grid.lonlat() == pytest.approx(plan.lonlat, abs=5e-4)
            assert scene.time == plan.time
            assert scene.sensor.id == ("sentinel-2" if plan.satellite else "rgb")
            assert scene.grid == made.truth.raster.grid
            shown = scene.display(shape=(64, 64)).data
            assert 0.1 < float(np.mean(shown)) < 0.75
    dates = {made.truth.raster.time for made in landscape_on_disk}
    assert len(dates) == len(PLANS)
    assert max(dates) < datetime(2026, 1, 1, tzinfo=UTC)


def test_files_are_cloud_optimised_and_carry_tags(landscape_on_disk):
    with rasterio.open(landscape_on_disk[0].path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        assert file.tags()["TIFFTAG_DATETIME"].startswith("2021:06:14")
        assert "not observed" in file.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    assert not [p for p in landscape_on_disk[0].path.parent.iterdir() if p.suffix != ".tif"]


def test_every_search_has_right_and_wrong_answers(landscape_on_disk):
    truths = [s.truth.truth_at(w) for s in landscape_on_disk for w in s.truth.raster.grid.tiles(48)]
    for search in SEARCHES:
        right = sum(search.right(truth) for truth in truths)
        assert 1 <= right < len(truths) / 2, search.text


def test_the_same_seed_makes_the_same_landscape(tmp_path):
    plan = (replace(PLANS[4], size=160),)
    a, b = demo_scenes(tmp_path / "a", 3, plan)[0], demo_scenes(tmp_path / "b", 3, plan)[0]
    with rasterio.open(a.path) as one, rasterio.open(b.path) as two:
        assert np.array_equal(one.read(), two.read())
    assert np.array_equal(a.truth.cover, b.truth.cover)


def test_an_impossible_plan_is_refused(tmp_path):
    plan = (replace(PLANS[4], size=32, must=(("ship", 1),)),)
    with pytest.raises(ConfigError, match="ship"):
        demo_scenes(tmp_path, 0, plan)
    assert not list(tmp_path.iterdir())
