"""The verbs: caption, ask and ground, over scenes of any size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import InputError, ModelError
from geoglot.core.progress import track
from geoglot.core.protocols import Chat, Said
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene
from geoglot.geo.write import check_apart
from geoglot.tasks.converse import grammar, merge, views
from geoglot.tasks.converse.answer import Answer, Heat, check_output
from geoglot.tasks.converse.asked import Settings, check_text, opened
from geoglot.tasks.converse.conversation import Conversation
from geoglot.tasks.converse.merge import Heard, Told
from geoglot.tasks.detect.boxes import SceneBoxes
from geoglot.text import asking
from geoglot.text.asking import Question

SIZES = ("length", "width", "area")


def ask(
    model: Any,
    source: Any,
    question: str,
    *,
    out: str | Path | Sequence[str | Path] = (),
    conversation: str | Path | Conversation | None = None,
    **settings: Any,
) -> Answer:
    """Answer a question about a scene, or about several dates of a place, in words, with boxes where the answer has a place.

    `model` is a `Chat`, the name of one, or a function that loads it once the request is known to make sense. A large scene is
    asked part by part, those that matter first: numbers are added, what two parts both see is counted once, and "is there"
    is yes as soon as one part says so. Lengths, widths and areas are measured on the ground from the box of the thing. `out`
    are files for boxes, the map of evidence (.tif) or all in words (.json). With `conversation` the question follows those in
    that file, which is begun where it is not there, or those of a `Conversation`, which is left as it is. For `settings` see
    `Settings`.

    Raises `InputError` for what makes no sense, before a model is loaded, and what `Scene.open` and the model raise.
    """
    text = check_text(question)
    return _run(model, source, asking.read(text), out, conversation, Settings(**settings))


def caption(
    model: Any, source: Any, *, long: bool = False, out: str | Path | Sequence[str | Path] = (), **settings: Any
) -> Answer:
    """Describe a scene or a region of it in a sentence, at length, or what changed between several dates; else as `ask`."""
    words = grammar.LONG if long else grammar.SHORT
    return _run(model, source, Question(words, "caption"), out, None, Settings(**settings))


def ground(model: Any, source: Any, phrase: str, *, out: str | Path | Sequence[str | Path] = (), **settings: Any) -> Answer:
    """Find what a phrase speaks of ("the largest ship", "all bridges"), as boxes; else as `ask`."""
    text = check_text(phrase, "phrase")
    return _run(model, source, Question(text, "where", asking.thing(text)), out, None, Settings(**settings))


def _run(
    model: Any,
    source: Any,
    question: Question,
    out: str | Path | Sequence[str | Path],
    kept: str | Path | Conversation | None,
    asked: Settings,
) -> Answer:
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    for path in outputs:
        check_output(path)
    with ExitStack() as stack:
        scenes = opened(stack, source, asked)
        if asked.region is not None:
            views.window_of(scenes[0], asked.region)
        check_apart(outputs, [layer.href for scene in scenes for layer in scene.layers])
        before = kept if isinstance(kept, Conversation) else None
        if isinstance(kept, str | Path) and Path(kept).exists():
            before = Conversation.read(kept)
        chat = loaded(model)
        ids = tuple(scene.id for scene in scenes)
        if before is None:
            before = Conversation(ids, chat.spec.name)
        before.check(ids, chat.spec.name)
        made = _Asking(chat, scenes, question, asked, before.turns).answer()
        if isinstance(kept, str | Path):
            before.extended(question.text, made.text).write(kept)
        for path in outputs:
            made.write(path)
        return made


def loaded(model: Any) -> Chat:
    """A conversational model, loaded where it is a name or a function that loads it. Raises `ModelError` for another model."""
    if isinstance(model, str | Path):
        from geoglot import models

        model = models.opened(model)
    elif callable(model) and not hasattr(model, "reply"):
        model = model()
    if not isinstance(model, Chat):
        name = model.spec.name if hasattr(model, "spec") else type(model).__name__
        raise ModelError(f"{name} does not answer questions: use nano-chat, or another conversational model.")
    return model


class _Asking:
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
