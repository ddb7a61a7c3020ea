"""How one thing lies to another: from their boxes, with distance and compass where the scene has a place on the Earth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Geod
from shapely.ops import nearest_points

from geoglot.geo.boxes import Box
from geoglot.geo.footprint import place
from geoglot.geo.scene import Scene
from geoglot.tasks.converse.answer import Answer
from geoglot.tasks.converse.merge import Heard, Told
from geoglot.tasks.converse.sizes import metres
from geoglot.tasks.detect.boxes import SceneBoxes
from geoglot.text import places

if TYPE_CHECKING:
    from geoglot.tasks.converse.run import Asking

MARKED = ("", "this", "it", "that", "this one", "that one", "the first", "the second", "first", "second")
WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
CONE = 60.0  # degrees to either side of a direction in which one still says so
INSIDE = 0.8  # share of a box that lies in another from which it is inside
NEAR, FAR, LEAST = 1.0, 4.0, 15.0  # times the longer side of both, taken to be so many metres at least
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Lie:
    """How a box lies to another: ``side`` in the picture in words, ``turn`` in degrees from upwards in the picture clockwise,
    ``bearing`` from north and metres between their middles (``middles``) and edges (``gap``), None without georeference;
    ``near`` is the gap over the longer side; ``inside`` the share of the one that lies in the other."""

    side: str
    turn: float
    bearing: float | None
    middles: float | None
    gap: float | None
    near: float
    inside: float


def answer(asking: Asking) -> Answer | None:
    """The answer to a question about a relation; None for another question, and where a model neither finds the things nor is
    shown both."""
    question, scene = asking.question, asking.scene
    if question.kind != "relation":
        return None
    names = (question.what, question.other)
    pointed = [name.lower() in MARKED for name in names]
    if sum(pointed) != len(asking.marks) or not (all(pointed) or asking.grammar.grounds or asking.grammar.by_boxes):
        return None
    needs = question.how in ("distance", *WINDS)
    if needs and scene.grid is None:
        text = f"{scene.id} has no georeference, so that neither metres nor the compass can be told."
        return asking.made(Told(text, None, True), [])
    things, heard, marks = list[Thing](), list[Heard](), iter(asking.marks)
    for number, (name, given) in enumerate(zip(names, pointed, strict=True)):
        if given:
            things.append(Thing(("the first", "the second")[number] if all(pointed) else "this", next(marks).box, None))
            continue
        words = asking.parts(asking.grammar.ground(name))
        found = asking.boxes(words, name)
        heard += words
        if not len(found):
            return asking.made(Told(f"There is no {name} to be seen here.", None, True), heard)
        things.append(Thing(f"the {name}", found.box(0), float(found.score[0])))
    lie = lies(scene, things[0].box, things[1].box)
    sure = [thing.score for thing in things if thing.score is not None]
    told = Told(said(question.how, things[0].name, things[1].name, lie), min(sure) if sure else None)
    if scene.grid is None:
        asking.assumed.append("no georeference: directions are those of the picture, and nothing is said in metres")
    asking.assumed.append("from the boxes of both")
    return asking.made(told, heard, boxes=_both(scene, things), names=tuple(thing.name for thing in things))


@dataclass(frozen=True)
class Thing:
    """One of the two: how it is called, its box in pixels, and how sure it is that it is that; None where it was marked."""

    name: str
    box: Box
    score: float | None


def lies(scene: Scene, a: Box, b: Box) -> Lie:
    """How a lies to b, both in pixels of a scene."""
    dx, dy = a.x - b.x, a.y - b.y
    one, other = a.polygon(), b.polygon()
    inside = one.intersection(other).area / one.area if one.area else float(other.covers(one))
    near = one.distance(other) / max(a.width, b.width, 1.0)
    units = [box.to_unit(scene.shape).bounds() for box in (a, b)]
    side = "inside" if inside >= INSIDE else places.relation(units[0], units[1]) or _askew(dx, dy)
    turn = float(np.degrees(np.arctan2(dx, -dy)) % 360)
    if scene.grid is None:
        return Lie(side, turn, None, None, None, near, inside)
    ends = nearest_points(one, other)
    cols = np.array([b.x, a.x, ends[0].x, ends[1].x, a.corners()[0][0], a.corners()[1][0], b.corners()[0][0], b.corners()[1][0]])
    rows = np.array([b.y, a.y, ends[0].y, ends[1].y, a.corners()[0][1], a.corners()[1][1], b.corners()[0][1], b.corners()[1][1]])
    lon, lat = place(scene.grid, cols, rows)
    bearing, _, ways = _GEOD.inv(lon[::2], lat[::2], lon[1::2], lat[1::2])
    middles, gap, *sides = ways.tolist()
    return Lie(side, turn, float(bearing[0]) % 360, middles, gap, gap / max(*sides, LEAST), inside)


def said(how: str, what: str, other: str, lie: Lie) -> str:
    """The answer to how one thing lies to another: in words, or yes or no with them."""
    if how == "distance":
        return f"about {metres(lie.middles or 0.0)} between their middles, {_edges(lie)}"
    whole = f"{what} is {lie.side} {other}"
    if lie.bearing is not None and lie.side != "inside":
        whole += f", {WINDS[round(lie.bearing / 45) % 8]} of it, {_edges(lie)}"
    holds = holding(how, lie) if how else None
    return whole[:1].upper() + whole[1:] + "." if holds is None else f"{'yes' if holds else 'no'}: {whole}."


def holding(how: str, lie: Lie) -> bool | None:
    """Whether a relation holds; None where one could say either."""
    if how == "inside":
        return lie.inside >= INSIDE
    if how == "near":
        return True if lie.near < NEAR else False if lie.near > FAR else None
    if how == "far":
        return True if lie.near > FAR else False if lie.near < NEAR else None
    sides = {"above": 0.0, "right": 90.0, "below": 180.0, "left": 270.0}
    turn, wanted = (lie.turn, sides[how]) if how in sides else (lie.bearing or 0.0, 45.0 * WINDS.index(how))
    return abs((turn - wanted + 180) % 360 - 180) <= CONE


def _edges(lie: Lie) -> str:
    return "their edges touch" if not lie.gap else f"about {metres(lie.gap)} between their edges"


def _askew(dx: float, dy: float) -> str:
    """Two directions, where neither is much the stronger, or boxes overlap."""
    across, down = "to the left of" if dx < 0 else "to the right of", "above" if dy < 0 else "below"
    if abs(dx) > 2 * abs(dy) or abs(dy) > 2 * abs(dx):
        return across if abs(dx) > abs(dy) else down
    return f"{down} and {across}"


def _both(scene: Scene, things: list[Thing]) -> SceneBoxes:
    """Both boxes, each with a label of its own."""
    boxes = np.array([(one.box.x, one.box.y, one.box.width, one.box.height, one.box.angle) for one in things], float)
    score = np.array([1.0 if one.score is None else one.score for one in things])
    return SceneBoxes.of(scene, boxes, np.arange(2), score, (np.zeros(0, np.int64), np.zeros(0)))
