"""From what a model said of the parts of a scene to one answer: numbers added, boxes put together, voices weighed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.core.protocols import Reply
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.converse.views import Cut
from geoglot.tasks.detect import tiles
from geoglot.tasks.detect.boxes import SceneBoxes
from geoglot.text import asking


@dataclass(frozen=True)
class Heard:
    """What a model said of a window of the scene."""

    window: Window
    reply: Reply


@dataclass(frozen=True)
class Told:
    """One answer: text, confidence (None where a model has none), whether it was refused, and the reasons that are given."""

    text: str
    confidence: float | None
    refused: bool = False
    reasons: tuple[str, ...] = ()


def boxes(scene: Scene, cut: Cut, heard: Sequence[Heard], names: Sequence[str], least: float, upright: bool) -> SceneBoxes:
    """The boxes of all views in pixels of the scene, without what two neighbouring views both saw."""
    parts, cuts = [], []
    for one in heard:
        found = [box for box, of in zip(one.reply.boxes, one.reply.of or (0,) * len(one.reply.boxes), strict=True) if of == 0]
        labels = one.reply.labels or (names[0],) * len(one.reply.boxes)
        label = np.array([names.index(text) if text in names else 0 for text in labels[: len(found)]], np.int64)
        score = np.full(len(found), 1.0 if one.reply.confidence is None else one.reply.confidence)
        part = _rows(one.window, found, label, score)
        kept, cutoff = (part, np.zeros(len(found), np.bool_)) if cut.whole else _placed(part, one.window, cut)
        parts.append(kept)
        cuts.append(cutoff)
    together = tiles.together(parts)
    return tiles.finish(scene, together, np.concatenate(cuts) if cuts else np.zeros(0, np.bool_), upright, least)


def _rows(window: Window, found: Sequence[Box], label: NDArray[np.int64], score: NDArray[np.float64]) -> tiles.Boxes:
    """Boxes of the unit square of a window, in pixels of the scene."""
    top, left, height, width = window
    pixels = [box.to_pixels((height, width)) for box in found]
    upright = np.array([box.bounds() for box in pixels], float).reshape(-1, 4)
    turned = np.array([(box.x, box.y, box.width, box.height, box.angle) for box in pixels], float).reshape(-1, 5)
    return tiles.Boxes(label, score, upright + np.array((left, top, left, top)), turned + np.array((left, top, 0, 0, 0)))


def _placed(part: tiles.Boxes, window: Window, cut: Cut) -> tuple[tiles.Boxes, NDArray[np.bool_]]:
    """Without what the next part sees whole, and which boxes the part has cut."""
    scale = cut.tiling.scale
    inside = part.moved((-window[0], -window[1], 0, 0), 1.0)
    top, left = cut.region[:2]
    kept, cutoff = tiles.placed(
        inside.moved((0, 0, 0, 0), 1 / scale), (window[0] - top, window[1] - left, *window[2:]), cut.tiling
    )
    return kept.moved((top, left, 0, 0), 1.0), cutoff


def presence(heard: Sequence[Heard]) -> Told:
    """Yes as soon as one part says so, with the confidence of the surest of them; no where all say no."""
    said = [(asking.affirmed(one.reply.text), one.reply) for one in heard]
    yes = [reply for answer, reply in said if answer]
    if yes:
        return Told("yes", best(yes).confidence)
    clear = [reply for answer, reply in said if answer is False]
    if not clear:
        return voices(heard)
    sure = [reply.confidence for reply in clear if reply.confidence is not None]
    return Told("no", min(sure) if sure else None, all(reply.refused for reply in clear))


def total(heard: Sequence[Heard]) -> Told | None:
    """The sum of the numbers of parts that do not overlap; None where no part gives one."""
    found = [(asking.number(one.reply.text), one.reply) for one in heard]
    known = [(number, reply) for number, reply in found if number is not None]
    if not known:
        return None
    sure = [reply.confidence for _, reply in known if reply.confidence is not None]
    return Told(f"{sum(number for number, _ in known):,}", float(np.mean(sure)) if sure else None)


def voices(heard: Sequence[Heard]) -> Told:
    """The text that is said with the most confidence in all, each part one voice; what was refused counts where all refuse."""
    kept = [one.reply for one in heard if not one.reply.refused] or [one.reply for one in heard]
    weight: dict[str, float] = defaultdict(float)
    for reply in kept:
        weight[reply.text] += 1.0 if reply.confidence is None else reply.confidence
    text = max(weight, key=lambda key: weight[key])
    chosen = [reply for reply in kept if reply.text == text]
    return Told(text, best(chosen).confidence, all(reply.refused for reply in chosen))


def best(replies: Sequence[Reply]) -> Reply:
    """The surest reply; the first one where no model says how sure it is."""
    return max(replies, key=lambda reply: -1.0 if reply.confidence is None else reply.confidence)
