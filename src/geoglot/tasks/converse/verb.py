"""The verbs: caption, ask and ground, over scenes of any size."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import Chat
from geoglot.geo.write import check_apart
from geoglot.tasks.converse import grammar, marks, views
from geoglot.tasks.converse.answer import Answer, check_output
from geoglot.tasks.converse.asked import Settings, check_text, opened
from geoglot.tasks.converse.conversation import Conversation
from geoglot.text import asking
from geoglot.text.asking import Question


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
    is yes as soon as one part says so. Lengths, widths and areas are measured on the ground from the box of the thing. With
    `box` and `point` the question is about what they mark; several are answered one by one, by their numbers. `out` are files
    for boxes, the map of evidence (.tif) or all in words (.json). With `conversation` the question follows those in that file,
    which is begun where it is not there, or those of a `Conversation`, which is left as it is. For `settings` see `Settings`.

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
    asked = Settings(**settings)
    if asked.box is not None or asked.point is not None:
        raise InputError("What is to be found is not pointed at: name the part of the scene to look in as the region.")
    return _run(model, source, Question(text, "where", asking.thing(text)), out, None, asked)


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
        pointed = marks.of(scenes[0], asked)
        from geoglot.tasks.converse.run import Asking  # torch, after all that a request itself can be told

        chat = loaded(model)
        ids = tuple(scene.id for scene in scenes)
        if before is None:
            before = Conversation(ids, chat.spec.name)
        before.check(ids, chat.spec.name)
        made = Asking(chat, scenes, question, asked, before.turns, pointed).answer()
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
