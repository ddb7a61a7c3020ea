"""The eight symmetries: what is done to points, boxes and grids is what is done to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Grid
from geoglot.geo.symmetry import ALL, Symmetry

EIGHT = st.sampled_from(ALL)


def test_they_are_eight_and_a_group() -> None:
    assert len({symmetry.matrix for symmetry in ALL}) == 8
    picture = np.arange(12).reshape(3, 4)
    for one in ALL:
        assert np.array_equal(one.inverse.pixels(one.pixels(picture)), picture)
        assert one.then(one.inverse) == Symmetry()
        for two in ALL:
            assert np.array_equal(one.then(two).pixels(picture), two.pixels(one.pixels(picture)))
    with pytest.raises(InputError, match="0 to 3"):
        Symmetry(4)


@given(EIGHT, st.integers(0, 7), st.integers(0, 4))
def test_points_go_with_pixels(symmetry: Symmetry, col: int, row: int) -> None:
    picture = np.zeros((5, 8), np.uint8)
    picture[row, col] = 1
    moved = symmetry.pixels(picture)
    x, y = symmetry.point((col + 0.5) / 8, (row + 0.5) / 5)
    assert moved[int(y * moved.shape[0]), int(x * moved.shape[1])] == 1


@given(EIGHT, st.integers(0, 6), st.integers(0, 3), st.integers(1, 4), st.integers(1, 3))
def test_boxes_go_with_pixels(symmetry: Symmetry, col: int, row: int, width: int, height: int) -> None:
    picture = np.zeros((8, 12), np.uint8)
    picture[row : row + height, col : col + width] = 1
    moved = symmetry.pixels(picture)
    rows, cols = np.nonzero(moved)
    h, w = moved.shape
    found = symmetry.bounds(col / 12, row / 8, (col + width) / 12, (row + height) / 8)
    assert found == pytest.approx((cols.min() / w, rows.min() / h, (cols.max() + 1) / w, (rows.max() + 1) / h))
    box = symmetry.box(Box.upright(col, row, col + width, row + height), (8, 12))
    assert box.bounds() == pytest.approx((cols.min(), rows.min(), cols.max() + 1, rows.max() + 1))


@given(EIGHT, st.floats(-90, 89.9), st.floats(3, 9), st.floats(1, 3))
def test_oriented_boxes_go_with_their_corners(symmetry: Symmetry, angle: float, x: float, y: float) -> None:
    box = Box.oriented(x, y, 4, 2, angle)
    found = symmetry.box(box, (6, 12))
    size = (12, 6) if symmetry.turns % 2 else (6, 12)
    moved = [symmetry.point(u / 12, v / 6) for u, v in box.corners()]
    corners = sorted((round(u * size[1], 6), round(v * size[0], 6)) for u, v in moved)
    assert np.allclose(sorted((round(u, 6), round(v, 6)) for u, v in found.corners()), corners, atol=1e-4)
    assert symmetry.inverse.box(found, size).iou(box) == pytest.approx(1, abs=1e-6)


@given(EIGHT, st.floats(0, 8), st.floats(0, 5))
def test_a_pixel_stays_where_it_is_on_the_earth(symmetry: Symmetry, col: float, row: float) -> None:
    grid = Grid(CRS.from_epsg(32631), Affine(10, 1, 500_000, -1, -10, 5_500_000), (5, 8))
    moved = symmetry.grid(grid)
    assert moved.shape == symmetry.pixels(np.zeros((5, 8))).shape
    x, y = symmetry.point(col / 8, row / 5)
    assert moved.transform * (x * moved.shape[1], y * moved.shape[0]) == pytest.approx(grid.transform * (col, row))
    assert symmetry.inverse.grid(moved).transform.almost_equals(grid.transform, 1e-6)
