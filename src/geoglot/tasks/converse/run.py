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
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.tasks.converse import grammar, merge, views
from geoglot.tasks.converse.answer import Answer, Heat
from geoglot.tasks.converse.asked import Settings
from geoglot.tasks.converse.merge import Heard, Told
from geoglot.tasks.detect.boxes import SceneBoxes
from geoglot.text.asking import Question

SIZES = ("length", "width", "area")


class Asking:
    """One question on its way through the parts of a scene."""

    def __init__(
        self, chat: Chat, scenes: tuple[Scene, ...], question: Question, asked: Settings, turns: tuple[Said, ...]
    ) -> None:
        self.chat, self.scenes, self.question, self.asked, self.turns = chat, scenes, question, asked, turns
        self.scene = scenes[0]
        self.cut = views.cut(self.scene, asked.region, asked.gsd, asked.tile, chat)
        self.assumed: list[str] = []
        self.grammar = grammar.of(chat)

    def answer(self) -> Answer:
        """Ask what the kind of question needs."""
        kind = self.question.kind
        if len(self.scenes) > 1:
            return self._dates()
        if kind in SIZES:
            return self._measured()
        if kind == "where":
            return self._grounded()
        if kind == "count":
            return self._counted()
        if kind == "presence":
            heard = self._parts(self.grammar.ask(self.question))
            return self._made(merge.presence(heard), heard)
        words = self.grammar.ask(self.question)
        heard = self._hear([self.cut.region], words)  # a large one as an overview
        if kind != "caption" and not self.cut.whole:
            heard += self._parts(words)
        return self._made(merge.voices(heard), heard)

    def _dates(self) -> Answer:
        found = views.dates(self.scenes, self.asked.region, self.cut.side)
        numbers = tuple(range(len(found)))
        said = Said("user", self.grammar.dates(self.question), numbers)
        reply = self.chat.reply((*self.turns, said), [view.picture for view in found])
        heard = [Heard(found[0].window, reply)]
        return self._made(merge.voices(heard), heard, views.Cut(self.scene, found[0].window, 1.0, max(self.scene.shape), 0.0))

    def _grounded(self) -> Answer:
        heard = self._parts(self.grammar.ground(self.question.what))
        boxes = self._boxes(heard)
        if not len(boxes):
            refused = [one for one in heard if one.reply.refused]
            text = merge.voices(refused).text if refused else f"There is no {self.question.what} to be seen here."
            sure = [one.reply.confidence for one in refused if one.reply.confidence is not None]
            return self._made(Told(text, max(sure) if sure else None, True), heard)
        if self.grammar.single(self.question.text):
            boxes = _first(boxes)
        return self._made(Told(_listed(boxes, self.question.what), float(boxes.score.max())), heard, boxes=boxes)

    def _counted(self) -> Answer:
        if self.grammar.by_boxes:
            heard = self._parts(self.grammar.ground(self.question.what))
            boxes = self._boxes(heard)
            sure = float(boxes.score.mean()) if len(boxes) else None
            return self._made(Told(f"{len(boxes):,}", sure, False), heard, boxes=boxes)
        heard = self._parts(self.grammar.ask(self.question), overlap=0.0)
        told = merge.total(heard)
        if told is None:
            return self._made(merge.voices(heard), heard)
        if len(heard) > 1:
            self.assumed.append("numbers of parts that do not overlap were added: what lies on an edge may count twice")
        return self._made(told, heard)

    def _measured(self) -> Answer:
        kind, what = self.question.kind, self.question.what
        if self.scene.grid is None:
            text = f"{self.scene.id} has no georeference, so that nothing can be said in metres."
            return self._made(Told(text, None, True), [])
        heard = self._parts(self.grammar.ground(what))
        boxes = _first(self._boxes(heard))
        if not len(boxes):
            return self._made(Told(f"There is no {what} to be seen here.", None, True), heard)
        row = next(boxes.rows((what,)))
        long, short = (float(row[name] or 0.0) for name in ("width", "height"))
        told = {"length": f"about {_metres(long)}", "width": f"about {_metres(short)}", "area": f"about {_square(long * short)}"}[
            kind
        ]
        self.assumed.append("measured on its box on the ground")
        return self._made(Told(told, float(boxes.score[0])), heard, boxes=boxes)

    def _parts(self, words: str, overlap: float = views.OVERLAP) -> list[Heard]:
        """Ask the parts that matter."""
        self.cut = replace(self.cut, overlap=overlap)
        windows = self.cut.windows()
        if len(windows) > self.asked.most:
            guide = self._guide()
            chosen = views.ordered(self.cut, self.question.what or self.question.text, guide, self.asked.most)
            how = "those that look most like it" if guide is not None else "the first ones"
            self.assumed.append(f"{len(chosen)} of {len(windows)} parts were asked, {how} (--most asks more)")
            windows = chosen
        return self._hear(windows, words)

    def _guide(self) -> Any:
        guide = self.asked.guide
        if isinstance(guide, str | Path):
            from geoglot import models

            return models.load(guide)
        return guide

    def _hear(self, windows: Sequence[Window], words: str) -> list[Heard]:
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

    def _boxes(self, heard: Sequence[Heard]) -> SceneBoxes:
        return merge.boxes(self.scene, self.cut, heard, (self.question.what,), self.asked.least, self.asked.upright)

    def _made(self, told: Told, heard: Sequence[Heard], cut: views.Cut | None = None, boxes: SceneBoxes | None = None) -> Answer:
        names = (self.question.what or "object",)
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
        )


def _first(boxes: SceneBoxes) -> SceneBoxes:
    """The best box alone."""
    return replace(boxes, boxes=boxes.boxes[:1], label=boxes.label[:1], score=boxes.score[:1])


def _listed(boxes: SceneBoxes, what: str) -> str:
    return f"{len(boxes):,} found: {what}" if len(boxes) != 1 else f"found: {what}"


def _metres(value: float) -> str:
    return f"{value:,.0f} m" if value >= 10 else f"{value:.1f} m"


def _square(value: float) -> str:
    return f"{value / 1e6:,.2f} km²" if value >= 1e6 else f"{value:,.0f} m²"
