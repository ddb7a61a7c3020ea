"""One question on its way through a scene: what its kind needs is asked of the parts that matter, and put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import InputError
from geoglot.core.progress import track
from geoglot.core.protocols import Chat, Said
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.converse import grammar, marked, merge, relation, sizes, types, views
from geoglot.tasks.converse.answer import Answer, Heat
from geoglot.tasks.converse.asked import Settings
from geoglot.tasks.converse.marks import Mark
from geoglot.tasks.converse.merge import Heard, Told
from geoglot.tasks.detect.boxes import SceneBoxes
from geoglot.text.asking import Question

SIZES = ("length", "width", "area")


class Asking:
    """One question on its way through the parts of a scene."""

    def __init__(
        self, chat: Chat, scenes: tuple[Scene, ...], question: Question, asked: Settings, turns: tuple[Said, ...],
        marks: tuple[Mark, ...] = (),
    ) -> None:  # fmt: skip
        self.chat, self.scenes, self.question, self.asked, self.turns = chat, scenes, question, asked, turns
        self.marks = marks
        self.scene = scenes[0]
        self.cut = views.cut(self.scene, asked.region, asked.gsd, asked.tile, chat)
        self.assumed: list[str] = []
        self.grammar = grammar.of(chat)

    def answer(self) -> Answer:
        """Ask what the kind of question needs."""
        if len(self.scenes) > 1:
            return self._dates()
        made = types.answer(self) or relation.answer(self)
        return made or (marked.answer(self) if self.marks else self.plain())

    def plain(self) -> Answer:
        """Ask about the region of the scene."""
        kind = self.question.kind
        if kind in SIZES:
            return self._measured()
        if kind == "where":
            return self._grounded()
        if kind == "count":
            return self._counted()
        if kind == "presence":
            heard = self.parts(self.grammar.ask(self.question))
            return self.made(merge.presence(heard), heard)
        words = self.grammar.ask(self.question)
        heard = self.hear([self.cut.region], words)  # a large one as an overview
        if kind != "caption" and not self.cut.whole:
            heard += self.parts(words)
        return self.made(merge.voices(heard), heard)

    def _dates(self) -> Answer:
        region = self.asked.region
        if self.marks:
            row, col, height, width = marked.together(self)
            region = Box.upright(col, row, col + width, row + height)
        found = views.dates(self.scenes, region, self.cut.side)
        numbers = tuple(range(len(found)))
        words = marked.words(self, self.marks, found[0]) if self.marks else self.grammar.dates(self.question)
        said = Said("user", words, numbers)
        reply = self.chat.reply((*self.turns, said), [view.picture for view in found])
        heard = [Heard(found[0].window, reply)]
        return self.made(merge.voices(heard), heard, views.Cut(self.scene, found[0].window, 1.0, max(self.scene.shape), 0.0))

    def _grounded(self) -> Answer:
        heard = self.parts(self.grammar.ground(self.question.what))
        boxes = self.boxes(heard)
        if not len(boxes):
            refused = [one for one in heard if one.reply.refused]
            text = merge.voices(refused).text if refused else f"There is no {self.question.what} to be seen here."
            sure = [one.reply.confidence for one in refused if one.reply.confidence is not None]
            return self.made(Told(text, max(sure) if sure else None, True), heard)
        if self.grammar.single(self.question.text):
            boxes = first(boxes)
        return self.made(Told(_listed(boxes, self.question.what), float(boxes.score.max())), heard, boxes=boxes)

    def _counted(self) -> Answer:
        if self.grammar.by_boxes:
            heard = self.parts(self.grammar.ground(self.question.what))
            boxes = self.boxes(heard)
            sure = float(boxes.score.mean()) if len(boxes) else None
            return self.made(Told(f"{len(boxes):,}", sure, False), heard, boxes=boxes)
        heard = self.parts(self.grammar.ask(self.question), overlap=0.0)
        told = merge.total(heard)
        if told is None:
            return self.made(merge.voices(heard), heard)
        if len(heard) > 1:
            self.assumed.append("numbers of parts that do not overlap were added: what lies on an edge may count twice")
        return self.made(told, heard)

    def _measured(self) -> Answer:
        kind, what = self.question.kind, self.question.what
        if self.scene.grid is None:
            text = f"{self.scene.id} has no georeference, so that nothing can be said in metres."
            return self.made(Told(text, None, True), [])
        heard = self.parts(self.grammar.ground(what))
        boxes = first(self.boxes(heard))
        if not len(boxes):
            return self.made(Told(f"There is no {what} to be seen here.", None, True), heard)
        row = next(boxes.rows((what,)))
        long, short = (float(row[name] or 0.0) for name in ("width", "height"))
        told = sizes.sized(kind, long, short)
        self.assumed.append("measured on its box on the ground")
        return self.made(Told(told, float(boxes.score[0])), heard, boxes=boxes)

    def parts(self, words: str, overlap: float = views.OVERLAP) -> list[Heard]:
        """Ask the parts that matter."""
        self.cut = replace(self.cut, overlap=overlap)
        windows = self.cut.windows()
        if len(windows) > self.asked.most:
            guide = self.guide()
            chosen = views.ordered(self.cut, self.question.what or self.question.text, guide, self.asked.most)
            how = "those that look most like it" if guide is not None else "the first ones"
            self.assumed.append(f"{len(chosen)} of {len(windows)} parts were asked, {how} (--most asks more)")
            windows = chosen
        return self.hear(windows, words)

    def guide(self) -> Any:
        """The image-text model beside the one that answers, None where there is none."""
        guide = self.asked.guide
        if isinstance(guide, str | Path):
            from geoglot import models

            return models.load(guide)
        return guide

    def hear(self, windows: Sequence[Window], words: str) -> list[Heard]:
        """What the model says of windows of the scene. Raises `InputError` where nothing was observed in them."""
        heard = []
        with track(len(windows), "ask", "parts", quiet=not self.asked.progress or len(windows) < 2) as progress:
            for window in windows:
                picture = self.cut.view(window).picture
                if picture.valid.any():
                    heard.append(Heard(window, self.chat.reply((*self.turns, Said("user", words, (0,))), [picture])))
                progress.advance(1)
        if not heard:
            raise InputError(f"{self.scene.id} holds no observed pixel there: ask about another region.")
        return heard

    def boxes(self, heard: Sequence[Heard], what: str = "") -> SceneBoxes:
        """The boxes of what was heard."""
        return merge.boxes(self.scene, self.cut, heard, (what or self.question.what,), self.asked.least, self.asked.upright)

    def made(
        self, told: Told, heard: Sequence[Heard], cut: views.Cut | None = None, boxes: SceneBoxes | None = None,
        names: tuple[str, ...] = (),
    ) -> Answer:  # fmt: skip
        """The answer, with boxes of what was heard if none are given, and the parts that counted."""
        names = names or (self.question.what or "object",)
        if boxes is None:
            boxes = merge.boxes(self.scene, cut or self.cut, heard, names, self.asked.least, self.asked.upright)
        heat = tuple(Heat(one.window, np.asarray(one.reply.heat, np.float32)) for one in heard if one.reply.heat is not None)
        return Answer(
            self.question.text,
            told.text,
            self.question.kind,
            self.chat.spec.name,
            self.scene.id,
            self.scene.shape,
            self.scene.grid,
            boxes,
            names,
            told.confidence,
            told.refused,
            heat,
            max(len(heard), 1),
            (*self.assumed, *self.scene.assumptions),
            told.reasons or (types.reasons_in(told.text) if self.question.kind == "type" else ()),
        )


def first(boxes: SceneBoxes) -> SceneBoxes:
    """The best box alone."""
    return replace(boxes, boxes=boxes.boxes[:1], label=boxes.label[:1], score=boxes.score[:1])


def _listed(boxes: SceneBoxes, what: str) -> str:
    return f"{len(boxes):,} found: {what}" if len(boxes) != 1 else f"found: {what}"
