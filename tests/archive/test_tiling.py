"""Tiles cover scenes, chunks cover tiles, and what is cut lies where it should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglot.archive import tiling as cutting
from geoglot.archive.tiling import Options, cut, tiling
from geoglot.core.errors import InputError, RasterError

shapes = st.tuples(st.integers(1, 700), st.integers(1, 700))


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 250), st.integers(1, 250)),
    side=st.integers(20, 300),
    size=st.sampled_from([32, 64]),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.9]),
)
def test_tiles_cover_every_pixel_and_stay_inside(shape, side, size, overlap):
    plan = tiling(shape, None, size, Options(side, None, overlap))
    seen = np.zeros(shape, dtype=bool)
    windows = list(plan)
    for row, col, height, width in windows:
        assert row + height <= shape[0]
        assert col + width <= shape[1]
        seen[row : row + height, col : col + width] = True
    assert seen.all()
    assert len(windows) == len(plan) == len(set(windows))


@settings(deadline=None)
@given(
    shape=shapes,
    side=st.integers(16, 300),
    size=st.sampled_from([16, 32, 64]),
    overlap=st.sampled_from([0.0, 0.5]),
    limit=st.sampled_from([10_000, 100_000, 10**9]),
    block=st.sampled_from([(1, 700), (64, 64), (256, 256)]),
)
def test_chunks_hold_every_tile_once_with_its_place(shape, side, size, overlap, limit, block):
    plan = tiling(shape, None, size, Options(side, None, overlap))
    before = cutting.CHUNK_BYTES, cutting.BLOCK_ROW_BYTES
    cutting.CHUNK_BYTES, cutting.BLOCK_ROW_BYTES = limit, limit
    try:
        chunks = list(plan.chunks(block, 3))
    finally:
        cutting.CHUNK_BYTES, cutting.BLOCK_ROW_BYTES = before
    assert sorted(tile for chunk in chunks for tile in chunk.tiles) == sorted(plan)
    for chunk in chunks:
        top, left, height, width = chunk.window
        assert top + height <= shape[0]
        assert left + width <= shape[1]
        for tile, (row, col, h, w) in zip(chunk.tiles, chunk.places, strict=True):
            assert row >= 0
            assert col >= 0
            assert row + h <= chunk.shape[0]
            assert col + w <= chunk.shape[1]
            assert h <= size
            assert w <= size
            # within a pixel of where it should be
            assert abs(row - (tile[0] - top) * plan.scale) <= 1
            assert abs(col - (tile[1] - left) * plan.scale) <= 1


def test_by_default_a_tile_shows_enough_ground_but_averages_at_most_four_pixels():
    assert tiling((5000, 5000), 10.0, 144, Options()).side == 144  # 1.4 km: enough
    assert tiling((5000, 5000), 0.5, 144, Options()).side == 256  # 128 m
    assert tiling((5000, 5000), 0.05, 144, Options()).side == 576  # four times
    assert tiling((5000, 5000), None, 144, Options()).side == 144


def test_tile_and_resolution_as_asked():
    assert tiling((5000, 5000), 0.5, 144, Options(tile=300)).side == 300
    assert tiling((5000, 5000), 0.5, 144, Options(gsd=2.0)).side == 576
    assert tiling((5000, 5000), 0.5, 144, Options(tile=100, gsd=1.0)).side == 200
    assert tiling((5000, 5000), 10.0, 144, Options(gsd=5.0)).side == 72
    with pytest.raises(InputError, match="georeference"):
        tiling((5000, 5000), None, 144, Options(gsd=2.0))


def test_a_small_scene_is_one_tile_of_all_of_it():
    plan = tiling((40, 100), 10.0, 144, Options())
    assert list(plan) == [(0, 0, 40, 100)]
    (chunk,) = plan.chunks()
    assert chunk.shape == (58, 144)
    assert chunk.places == ((0, 0, 58, 144),)


@pytest.mark.parametrize(
    "options", [{"tile": 4}, {"tile": 10**6}, {"gsd": 0}, {"gsd": -1.0}, {"overlap": 0.95}, {"overlap": -0.1}]
)
def test_options_out_of_range(options):
    with pytest.raises(InputError):
        Options(**options)


def test_an_absurd_header_is_refused_at_once():
    with pytest.raises(RasterError, match="damaged"):
        tiling((2**21, 2**21), 10.0, 144, Options())
    assert len(tiling((30_000, 30_000), 10.0, 144, Options())) == 209**2


def test_cut_pads_and_counts():
    tile, seen = np.full((3, 8, 8), 9.0, np.float32), np.ones((8, 8), bool)
    picture, valid = np.arange(3 * 6 * 10, dtype=np.float32).reshape(3, 6, 10), np.ones((6, 10), bool)
    valid[0] = False
    assert cut(picture, valid, (0, 2, 5, 8), tile, seen) == pytest.approx(0.8)
    assert (tile[:, :5] == picture[:, :5, 2:10]).all()
    assert (tile[:, 5:] == 0).all()
    assert not seen[5:].any()
    assert not seen[0].any()
    assert seen[1:5].all()
