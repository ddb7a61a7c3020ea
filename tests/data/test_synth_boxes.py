"""Objects of rendered scenes one by one: boxes hold their outlines, hidden things are not claimed, words mean one object."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglot.data.synth import CLASSES, Rendered, landscape, render
from geoglot.data.synth.facts import colour_name, facts
from geoglot.data.synth.instances import COVERS, Instance, instances, numbered
from geoglot.data.synth.refer import referring
from geoglot.data.synth.relations import OPPOSITE, between, gap, near, part, relations, side


@pytest.fixture(scope="module")
def scenes() -> list[Rendered]:
    made = []
    for seed, kind in ((4, "harbour"), (3, "houses"), (2, "airfield"), (1, "tankfarm")):
        world = landscape(seed, kind, 800)
        made.append(render(world, world.grid(1.0, 512), seed=seed))
    return made


windows = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(30, 112), st.integers(30, 112))


@settings(max_examples=40, deadline=None)
@given(which=st.integers(0, 3), window=windows)
def test_boxes_hold_their_polygons_and_stay_in_the_frame(scenes, which, window):
    for item in scenes[which].instances(window):
        left, top, right, bottom = item.upright.bounds()
        assert left >= -1e-9
        assert top >= -1e-9
        assert right <= window[3] + 1e-9
        assert bottom <= window[2] + 1e-9
        assert item.oriented.polygon().buffer(1e-6).covers(item.shape)
        assert item.oriented.area <= item.upright.area * (1 + 1e-9)
        assert 0 < item.visible <= 1 + 1e-9
        assert item.oriented.width >= item.oriented.height


def test_oriented_boxes_are_the_least_of_many_turns(scenes):
    for item in scenes[0].instances()[:40]:
        p = item.polygon
        angles = np.radians(np.arange(0, 90, 0.5))
        x = p[:, :1] * np.cos(angles) + p[:, 1:] * np.sin(angles)
        y = -p[:, :1] * np.sin(angles) + p[:, 1:] * np.cos(angles)
        assert item.oriented.area <= (np.ptp(x, axis=0) * np.ptp(y, axis=0)).min() + 1e-6


def test_an_object_across_two_windows_shares_its_outline(scenes):
    whole = [i for i in scenes[0].instances() if i.visible == 1]
    parts = [i for w in ((0, 0, 512, 256), (0, 256, 512, 256)) for i in scenes[0].instances(w)]
    assert sum(i.shape.area for i in parts) == pytest.approx(sum(i.shape.area for i in scenes[0].instances()), rel=1e-6)
    assert len(whole) > 20


def test_objects_that_are_found_carry_their_cover(scenes):
    for scene in scenes:
        for item in scene.instances():
            if not item.legible or item.label not in COVERS or item.shape.area < 30:
                continue
            on = numbered([item.polygon], scene.cover.shape) > 0
            assert (scene.cover[on] == CLASSES.index(COVERS[item.label])).mean() >= 0.12


def test_what_lies_under_something_else_is_not_found():
    ring = np.array([(10.0, 10), (20, 10), (20, 20), (10, 20)])
    cover = np.full((40, 40), CLASSES.index("water"), np.uint8)
    hidden = instances(["ship"], [ring], cover, CLASSES, 1.0)[0]
    assert hidden.found == 0
    assert not hidden.legible
    cover[10:20, 10:20] = CLASSES.index("ship")
    seen = instances(["ship"], [ring], cover, CLASSES, 1.0)[0]
    assert seen.found == 1
    assert seen.legible
    assert seen.upright.bounds() == (10, 10, 20, 20)
    assert seen.sides == (10, 10)
    outside = instances(["ship"], [ring - 30], cover, CLASSES, 1.0)
    assert outside == ()
    half = instances(["ship"], [ring - (15, 0)], cover, CLASSES, 1.0)[0]
    assert half.visible == 0.5
    assert instances(["ship"], [ring - (15, 0)], cover, CLASSES, 1.0, least=0.5) == ()


def square(x: float, y: float, long: float = 4.0) -> Instance:
    half = long / 2
    ring = np.array([(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)])
    return Instance("ship", ring, 1.0, 1.0, long**2, (long, long), 1.0)


def test_relations_come_from_geometry():
    a, b, c = square(10, 10), square(30, 12), square(20, 11)
    assert side(a, b) == "left of"
    assert side(b, a) == "right of"
    assert side(square(10, 2), a) == "above"
    assert side(a, square(12, 11)) is None
    assert gap(a, b) == pytest.approx(16)
    assert between(c, a, b)
    assert not between(a, b, c)
    assert near(a, c)
    assert near(square(0, 0), square(300, 0)) is False
    assert part(10, 10, (100, 100)) == "top left"
    assert part(34, 50, (100, 100)) is None
    found = {(r.kind, r.subject, r.others) for r in relations((a, b, c))}
    assert ("between", 2, (0, 1)) in found
    assert ("left of", 0, (1,)) in found


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.floats(-80, 80)] * 4))
def test_sides_are_opposite(points):
    x, y, u, v = points
    a, b = square(x, y), square(u, v, 6)
    assert side(b, a) == (None if side(a, b) is None else OPPOSITE[side(a, b)])
    assert near(a, b) == near(b, a)


def test_expressions_mean_one_object(scenes):
    told = 0
    for scene in scenes:
        for window in scene.raster.grid.tiles(128):
            f = facts(scene, window)
            for r in referring(f):
                told += 1
                others = [i for i in f.by_label[r.label] if i is not r.item]
                assert r.item.legible
                if "largest" in r.text:
                    assert all(r.item.shape.area > i.shape.area for i in others)
                if "smallest" in r.text:
                    assert all(r.item.area < i.area for i in others)
                if "leftmost" in r.text and " from " not in r.text:
                    assert all(r.item.centre[0] < i.centre[0] for i in others)
                if "northernmost" in r.text:
                    assert all(r.item.centre[1] < i.centre[1] for i in others)
                if "only" in r.text:
                    assert not others
            texts = [r.text for r in referring(f)]
            assert len(texts) == len(set(texts))
    assert told > 100


def test_colours_have_names():
    for rgb, name in (((240, 240, 238), "white"), ((30, 30, 32), "black"), ((120, 122, 119), "grey"), ((180, 50, 40), "red"),
                      ((50, 70, 150), "blue"), ((175, 172, 178), None)):  # fmt: skip
        assert colour_name(np.array(rgb, float)) == name


def test_shapes_are_valid_for_shapely(scenes):
    assert all(shapely.is_valid(i.shape) or i.label == "bridge" for s in scenes for i in s.instances())
