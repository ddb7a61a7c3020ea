"""Editing a place: shapes added on top, hidden, or given another outline, while all others keep their number.

What is drawn at coarse pixels depends on a shape's number, so that an edit changes nothing beyond its own ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from geoglot.data.synth.legend import MATERIAL, cover_of
from geoglot.data.synth.paint import Sun, paint
from geoglot.data.synth.render import BLOCK, INNER
from geoglot.data.synth.shapes import Ring
from geoglot.data.synth.stack import Frame
from geoglot.data.synth.world import Drawing, Thing, World
from geoglot.geo.grid import Grid

AWAY = 1e8  # metres to where a hidden shape goes
TRANSIENT = {"ship": "ship", "vehicle": "vehicle", "airplane": "airplane"}  # labels of what moves, and its material
OVERHEAD = Sun(180.0, 89.99)
MEMORY = tuple(f.name for f in fields(Drawing) if f.default_factory is dict)  # what a drawing remembers of itself
LAYOUT = ("coords", "starts", *MEMORY)  # fields that are not one entry a shape


def _renewed(d: Drawing, **changes: Any) -> Drawing:
    forgotten: dict[str, Any] = {name: {} for name in MEMORY}
    return replace(d, **forgotten, **changes)


def append(world: World, made: World, cleared: Sequence[Ring] = ()) -> World:
    """The place with another drawn over it, but not the other's ground; things whose middle lies in a cleared ring are gone."""
    a, b = world.drawing, made.drawing
    # the other's first shape is its ground
    names = [f.name for f in fields(Drawing) if f.name not in LAYOUT]
    parts = {name: np.concatenate([getattr(a, name), getattr(b, name)[1:]]) for name in names}
    parts["stripe"] = np.concatenate([a.stripe, np.where(b.stripe > 0, b.stripe + len(world.stripes) - 1, 0)[1:]]).astype(
        np.uint16
    )
    skip = int(b.starts[1])
    starts = np.concatenate([a.starts, b.starts[2:] - skip + len(a.coords)])
    drawing = _renewed(a, coords=np.concatenate([a.coords, b.coords[skip:]]), starts=starts, **parts)
    kept = world.things if not len(cleared) else _without(world.things, cleared)
    return replace(
        world, drawing=drawing, things=(*kept, *made.things), zones=(*world.zones, *made.zones),
        stripes=(*world.stripes, *made.stripes[1:]),
    )  # fmt: skip


def _without(things: tuple[Thing, ...], cleared: Sequence[Ring]) -> tuple[Thing, ...]:
    if not things:
        return things
    middles = shapely.points(np.array([(t.ring.min(axis=0) + t.ring.max(axis=0)) / 2 for t in things]))
    gone = np.zeros(len(things), bool)
    for ring in cleared:
        gone |= shapely.contains(Polygon(ring).buffer(0), middles)
    return tuple(t for t, out in zip(things, gone, strict=True) if not out)


def hidden(world: World, which: NDArray[np.bool_]) -> World:
    """The place without some shapes (N,)."""
    if not which.any():
        return world
    d = world.drawing
    coords, box = d.coords.copy(), d.box.copy()
    coords[np.repeat(which, np.diff(d.starts))] += AWAY
    box[which] += AWAY
    return replace(world, drawing=_renewed(d, coords=coords, box=box))


def reshaped(world: World, rings: Mapping[int, Ring]) -> World:
    """The place with other outlines (counter-clockwise) for the shapes of some numbers."""
    if not rings:
        return world
    d = world.drawing
    own = [rings.get(k) for k in range(len(d.material))]
    counts = np.array([n if ring is None else len(ring) for n, ring in zip(np.diff(d.starts).tolist(), own, strict=True)])
    coords = np.concatenate([d.coords[d.starts[k] : d.starts[k + 1]] if ring is None else ring for k, ring in enumerate(own)])
    size, box, middle = d.size.copy(), d.box.copy(), d.middle.copy()
    convex, single = d.convex.copy(), d.single.copy()
    for k, ring in rings.items():
        size[k] = Polygon(ring).area
        box[k] = (*ring.min(axis=0), *ring.max(axis=0))
        middle[k], convex[k], single[k] = (box[k, :2] + box[k, 2:]) / 2, False, False
    starts = np.concatenate([[0], np.cumsum(counts)])
    return replace(
        world, drawing=_renewed(d, coords=coords, starts=starts, size=size, box=box, middle=middle, convex=convex, single=single)
    )


def leveled(world: World, metres: float) -> World:
    """The place with the banks of its rivers and lakes moved outwards by `metres` (inwards below zero); not those of the sea."""
    d = world.drawing
    wet = np.flatnonzero(d.material == MATERIAL["water"])
    rings: dict[int, Ring] = {}
    zones = []
    for zone in world.zones:
        moved = None
        if zone.label in ("river", "lake") and abs(metres) > 0.05:
            ends = np.concatenate([zone.ring.min(axis=0), zone.ring.max(axis=0)])
            same = wet[np.abs(d.box[wet] - ends).max(axis=1) < 1e-6]
            moved = _grown(zone.ring, metres) if len(same) else None
            if moved is not None:
                rings[int(same[0])] = moved
        zones.append(zone if moved is None else Thing(zone.label, moved))
    return replace(reshaped(world, rings), zones=tuple(zones))


def _grown(ring: Ring, metres: float) -> Ring | None:
    shape: BaseGeometry = Polygon(ring)
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    grown = shapely.simplify(shape.buffer(metres, join_style="mitre"), 0.2)
    parts = [part for part in getattr(grown, "geoms", [grown]) if isinstance(part, Polygon) and not part.is_empty]
    if not parts:
        return None
    largest = max(parts, key=lambda part: part.area)
    return None if len(largest.interiors) else np.asarray(shapely.geometry.polygon.orient(largest).exterior.coords)[:-1]


def moving(world: World) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """For each shape (N,) the number of the thing that moves with it, -1 for what stays; and those things' numbers."""
    d = world.drawing
    owner = np.full(len(d.material), -1, np.int64)
    chosen: list[int] = []
    for label, material in TRANSIENT.items():
        numbers = [k for k, thing in enumerate(world.things) if thing.label == label]
        shapes = np.flatnonzero(d.material == MATERIAL[material])
        if not numbers or not len(shapes):
            continue
        tree = shapely.STRtree([Polygon(world.things[k].ring) for k in numbers])
        owner[shapes] = np.array(numbers)[tree.nearest(shapely.points((d.box[shapes, :2] + d.box[shapes, 2:]) / 2))]
        chosen += numbers
    return owner, tuple(chosen)


def present(world: World, share: float, seed: int) -> World:
    """The place at a moment: of what moves, only a share is there, drawn by the seed."""
    owner, numbers = moving(world)
    rng = np.random.default_rng([seed, 53])
    gone = {k for k, chance in zip(numbers, rng.random(len(numbers)).tolist(), strict=True) if chance >= share}
    table = np.zeros(len(world.things) + 1, bool)
    table[list(gone)] = True
    lone = np.isin(world.drawing.material, [MATERIAL[m] for m in TRANSIENT.values()]) & (owner < 0)
    without = hidden(world, table[owner] & (owner >= 0) | (lone & (share <= 0)))
    return replace(without, things=tuple(t for k, t in enumerate(world.things) if k not in gone))


def covers(world: World, grid: Grid) -> NDArray[np.uint8]:
    """The land cover of a place on a grid of its own reference system (H, W), as a picture of it would show."""
    h, w = grid.shape
    out = np.empty((h, w), np.uint8)
    step = (grid.transform.a, -grid.transform.e)
    x0, y1 = grid.transform.c - world.origin[0], grid.transform.f - world.origin[1]
    for top in range(0, h, BLOCK):
        for left in range(0, w, BLOCK):
            shape = (min(BLOCK, h - top), min(BLOCK, w - left))
            frame = Frame(x0 + left * step[0], y1 - top * step[1], step, shape)
            layers = paint(world, frame, 2, OVERHEAD, world.drawing.colour)
            material = layers.of(world.drawing.material)[INNER]
            out[top : top + shape[0], left : left + shape[1]] = cover_of().take(material)
    return out
