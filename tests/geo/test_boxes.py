"""Boxes: corners, overlap, normalisation, round trips between frames, and the map."""

import math

import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry import Polygon
from shapely.geometry import box as rectangle

from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box, from_polygon
from geoglot.geo.grid import Grid

lengths = st.floats(0.5, 300)
places = st.floats(-500, 500)
angles = st.floats(-720, 720)
boxes = st.builds(Box.oriented, places, places, lengths, lengths, angles)


def drawn(x, y, w, h, angle) -> Polygon:
    """The same box by shapely: rows count downwards, so a counter-clockwise turn as seen is clockwise in numbers."""
    return affinity.rotate(rectangle(x - w / 2, y - h / 2, x + w / 2, y + h / 2), -angle, origin=(x, y))


def apart(a: Polygon, b: Polygon) -> float:
    """The area of one without the other; on a fine grid, without which GEOS says both of some boxes that are the same."""
    return float(shapely.symmetric_difference(a, b, grid_size=1e-9).area)


@given(places, places, lengths, lengths, angles)
def test_oriented_boxes_cover_what_was_meant(x, y, w, h, angle):
    box = Box.oriented(x, y, w, h, angle)
    assert box.width >= box.height
    assert -90 <= box.angle < 90
    wanted = drawn(x, y, w, h, angle)
    assert apart(box.polygon(), wanted) < 1e-6 * wanted.area + 1e-6


@given(boxes, boxes)
def test_overlap_is_that_of_polygons_symmetric_and_bounded(a, b):
    # on a fine grid: without one GEOS says 0 of some boxes with the same angle and sides in common
    common = shapely.intersection(a.polygon(), b.polygon(), grid_size=1e-9).area
    assert a.iou(b) == pytest.approx(common / (a.area + b.area - common), abs=1e-7)
    assert a.iou(b) == pytest.approx(b.iou(a), abs=1e-9)
    assert 0 <= a.iou(b) <= 1 + 1e-9
    assert a.iou(a) == pytest.approx(1)


@given(boxes)
def test_bounds_hold_the_corners_which_go_clockwise_as_seen(box):
    left, top, right, bottom = box.bounds()
    assert all(left <= x <= right and top <= y <= bottom for x, y in box.corners())
    # clockwise as seen is counter-clockwise in numbers where rows count downwards
    assert box.polygon().exterior.is_ccw
    assert box.polygon().area == pytest.approx(box.area)


@given(boxes, st.integers(1, 3000))
def test_pixels_to_unit_and_back_in_a_square_image(box, side):
    shape = (side, side)
    back = box.to_unit(shape).to_pixels(shape)
    assert apart(back.polygon(), box.polygon()) < 1e-6 * box.area + 1e-6


@given(places, places, lengths, lengths, st.integers(1, 3000), st.integers(1, 3000))
def test_upright_boxes_survive_any_image(x, y, w, h, height, width):
    box = Box.upright(x, y, x + w, y + h)
    unit = box.to_unit((height, width))
    assert unit.bounds() == pytest.approx((x / width, y / height, (x + w) / width, (y + h) / height))
    assert unit.to_pixels((height, width)).bounds() == pytest.approx(box.bounds(), abs=1e-6)


@given(boxes, st.integers(50, 500), st.integers(50, 500))
def test_turned_boxes_in_oblong_images_are_held_by_their_image(box, height, width):
    unit = box.to_unit((height, width))
    stretched = Polygon([(x / width, y / height) for x, y in box.corners()])
    assert unit.polygon().buffer(1e-6).contains(stretched)


@given(boxes)
def test_a_polygon_gives_its_box_back(box):
    assume(box.height > 1)
    found = from_polygon(box.polygon())
    assert found.iou(box) == pytest.approx(1, abs=1e-6)


def test_a_line_and_a_point_are_boxes_without_area():
    assert from_polygon(Polygon([(0, 0), (5, 0), (9, 0)])).area == 0
    assert Box.upright(1, 1, 1, 1).iou(Box.upright(0, 0, 2, 2)) == 0
    assert Box.upright(0, 0, 2, 5).angle == -90


def test_boxes_go_to_the_map_and_across_the_antimeridian():
    grid = Grid.at(5, 50, 10, 100)
    shape = Box.upright(20, 30, 60, 50).to_map(grid)
    part = grid.window(30, 20, 20, 40).footprint()
    assert shape.symmetric_difference(part).area < 1e-3 * part.area
    unit = Box.upright(0.2, 0.3, 0.6, 0.5, "unit").to_map(grid)
    assert unit.symmetric_difference(part).area < 1e-3 * part.area
    crossing = Box.upright(0, 0, 100, 100).to_map(Grid.at(180, 10, 100, 100))
    assert crossing.geom_type == "MultiPolygon"
    assert crossing.area == pytest.approx(Grid.at(180, 10, 100, 100).footprint().area, rel=1e-3)
    assert Box.upright(3, 3, 3, 9).to_map(grid).area == pytest.approx(0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Box(0, 0, -1, 1),
        lambda: Box(0, 0, math.nan, 1),
        lambda: Box(0, 0, 1, 1, 90),
        lambda: Box.upright(5, 0, 1, 1),
        lambda: Box.upright(0, 0, 1, 1).iou(Box.upright(0, 0, 1, 1, "unit")),
    ],
)
def test_boxes_that_are_none_are_refused(make):
    with pytest.raises(InputError):
        make()
