"""Questions about what is pointed at: boxes in the words of models that read them, parts of the picture for other models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from geoglot.core.errors import InputError
from geoglot.core.protocols import Said
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Window
from geoglot.tasks.converse.answer import Answer
from geoglot.tasks.converse.marks import Mark, around
from geoglot.tasks.converse.merge import Heard, Told
from geoglot.tasks.converse.sizes import sized
from geoglot.tasks.converse.views import View, window_of
from geoglot.tasks.detect.boxes import SceneBoxes

if TYPE_CHECKING:
    from geoglot.tasks.converse.run import Asking

SOUGHT = ("count", "presence", "where")


def answer(asking: Asking) -> Answer:
    """The answer to a question about marks; numbers, places and presence are those of the part of the scene in a box."""
    marks, kind = asking.marks, asking.question.kind
    if kind in ("length", "width", "area") and not any(mark.point for mark in marks):
        return _measured(asking)
    if kind in SOUGHT and len(marks) == 1 and not marks[0].point:
        asking.cut = replace(asking.cut, region=window_of(asking.scene, marks[0].box))
        return asking.plain()
    if asking.grammar.syntax is None:
        asking.assumed.append(f"{asking.chat.spec.name} reads no boxes: it was shown the parts around what is marked")
        heard = [one for mark in marks for one in _heard(asking, mark.window(asking.scene, asking.cut.ratio), (mark,))]
    else:
        whole = asking.cut.region if asking.cut.whole and asking.asked.region is None else together(asking)
        heard = [one for mark in marks for one in _heard(asking, whole, (mark,))]
    return asking.made(_told(heard), heard, boxes=placed(asking, marks, heard), names=tuple(one.reply.text for one in heard))


def together(asking: Asking) -> Window:
    """The part of the scene that holds all marks, and as much around them as is seen at once."""
    edges = np.array([mark.box.bounds() for mark in asking.marks])
    (left, top), (right, bottom) = edges[:, :2].min(0), edges[:, 2:].max(0)
    least = asking.cut.side * asking.cut.ratio
    return around(
        (left + right) / 2, (top + bottom) / 2, max(1.5 * (right - left), least), max(1.5 * (bottom - top), least),
        asking.scene.shape,
    )  # fmt: skip


def words(asking: Asking, marks: Sequence[Mark], view: View) -> str:
    """The question as the model takes it, with the boxes of marks where it reads them."""
    grammar, question = asking.grammar, asking.question
    if grammar.syntax is None:
        return grammar.ask(question) if len(asking.scenes) == 1 else grammar.dates(question)
    return grammar.region(question, [seen(mark.box, view) for mark in marks], view.picture.shape)


def seen(box: Box, view: View) -> Box:
    """A box of the scene in pixels of a view of a part of it."""
    row, col, height, width = view.window
    across, down = view.picture.shape[1] / width, view.picture.shape[0] / height
    # both scales are one up to rounding, so that a turned box stays one
    return Box((box.x - col) * across, (box.y - row) * down, box.width * across, box.height * across, box.angle)


def placed(asking: Asking, marks: Sequence[Mark], heard: Sequence[Heard] = ()) -> SceneBoxes:
    """The marks as boxes of the answer, each with a label of its own; a point as what was shown around it.

    The score is the confidence of what was heard of it, one where there is none.
    """
    shown = [mark.box if not mark.point else _box(mark.window(asking.scene, asking.cut.ratio)) for mark in marks]
    boxes = np.array([(box.x, box.y, box.width, box.height, box.angle) for box in shown], float).reshape(-1, 5)
    known = [one.reply.confidence for one in heard] or [None] * len(shown)
    sure = [1.0 if one is None else one for one in known]
    weak = np.zeros(0, np.int64), np.zeros(0)
    return SceneBoxes.of(asking.scene, boxes, np.arange(len(shown)), np.array(sure, float), weak)


def _box(window: Window) -> Box:
    row, col, height, width = window
    return Box.upright(col, row, col + width, row + height)


def _heard(asking: Asking, window: Window, marks: Sequence[Mark]) -> list[Heard]:
    view = asking.cut.view(window)
    if not view.picture.valid.any():
        raise InputError(f"{asking.scene.id} holds no observed pixel there: point at another place.")
    said = Said("user", words(asking, marks, view), (0,))
    return [Heard(window, asking.chat.reply((*asking.turns, said), [view.picture]))]


def _told(heard: Sequence[Heard]) -> Told:
    """What was said of each mark, by its number where there are several; as sure as the least sure of them."""
    replies = [one.reply for one in heard]
    text = replies[0].text if len(replies) == 1 else "\n".join(f"{k}: {reply.text}" for k, reply in enumerate(replies, 1))
    sure = [reply.confidence for reply in replies]
    known = [value for value in sure if value is not None]
    return Told(text, min(known) if len(known) == len(sure) else None, all(reply.refused for reply in replies))


def _measured(asking: Asking) -> Answer:
    """The sizes of the boxes on the ground."""
    kind, scene = asking.question.kind, asking.scene
    if scene.grid is None:
        return asking.made(Told(f"{scene.id} has no georeference, so that nothing can be said in metres.", None, True), [])
    boxes = placed(asking, asking.marks)
    told = [sized(kind, float(row["width"] or 0), float(row["height"] or 0)) for row in boxes.rows([""] * len(boxes))]
    text = told[0] if len(told) == 1 else "\n".join(f"{k}: {one}" for k, one in enumerate(told, 1))
    asking.assumed.append("measured on the box that was given")
    return asking.made(Told(text, None), [], boxes=boxes, names=tuple(told))
