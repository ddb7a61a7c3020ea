from __future__ import annotations

import os
from pathlib import Path

import pytest
from archive_kit import FakeEncoder, coloured, patchwork, write_scene


@pytest.fixture
def encoder():
    return FakeEncoder()


@pytest.fixture
def folder(tmp_path):
    """Four scenes in UTM of different colours, places and dates; 32 px tiles: 12 + 4 + 4 + 1 of them."""
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    write_scene(scenes / "red_20200105.tif", coloured(96, 128, (1, 0, 0), 1))
    write_scene(scenes / "green_20200610.tif", coloured(64, 64, (0, 1, 0), 2), origin=(520000.0, 5500000.0))
    write_scene(scenes / "blue_20210301.tif", coloured(64, 64, (0, 0, 1), 3), origin=(500000.0, 5600000.0), gsd=20.0)
    write_scene(scenes / "mixed.tif", patchwork(32, 32, 8, 4), origin=(300000.0, 5600000.0))
    return scenes


@pytest.fixture
def data():
    """The folder of real data; tests that use it are skipped where it is not."""
    place = Path(os.environ.get("GEOGLOT_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (place / "scenes").is_dir():
        pytest.skip("no real scenes: set GEOGLOT_DATA to their folder")
    return place
