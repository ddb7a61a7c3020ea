"""Questions in words: a line of them, one at a time, to one conversational model, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from geoglot.core.errors import AccessError, InputError, ModelError, NetworkError, NotFoundError, ResourceError
from geoglot.core.progress import Progress, watched
from geoglot.core.protocols import Chat, ModelSpec, Reply, Said, Speech, whole
from geoglot.geo import vectors
from geoglot.geo.boxes import Box
from geoglot.geo.footprint import bounds
from geoglot.geo.scene import Scene
from geoglot.models.files import embedded
from geoglot.serve import problems
from geoglot.serve.answers import Answers
from geoglot.serve.encoders import Encoders
from geoglot.serve.errors import Busy, Missing, NoAnswer, Unusable
from geoglot.serve.library import Entry, Library
from geoglot.serve.logs import log
from geoglot.serve.settings import Limits
from geoglot.serve.shapes import QUESTION, TURNS, Ask, shape_of
from geoglot.text import asking

if TYPE_CHECKING:
    from geoglot.tasks.converse import Answer

DEFAULT, NONE = "nano-chat", "none"
BOXES = 2000  # of one answer; more are counted and not drawn
_ALOUD = ("caption", "other")  # kinds of questions whose answer is what the model says, and nothing put together from it
LATE = Busy("The question takes too long.", "Ask about a smaller part of the scene, or again in a minute.")

Tell = Callable[[str, dict[str, Any]], None]  # the name of an event, and what it says
Region = Box | list[float] | None


class Stopped(Exception):
    """Ends the work on a question whose answer nobody waits for."""


@dataclass(eq=False)
class Task:
    """A question under way: its scenes, who is told of what happens, and its answer."""

    asked: Ask
    entries: list[Entry]
    region: Region
    listener: Tell | None
    until: float
    stop: threading.Event = field(default_factory=threading.Event)
    future: Future[dict[str, Any]] = field(default_factory=Future)

    def check(self) -> None:
        """Raise `Stopped` where nobody waits any more: to be called between steps."""
        if self.stop.is_set():
            raise Stopped

    def tell(self, kind: str, what: dict[str, Any]) -> None:
        """Tell what happens, where somebody listens."""
        if self.listener is not None:
            self.listener(kind, what)

    def end(self) -> None:
        """Give the question up: at once where it waits, at its next step where it is at work."""
        self.stop.set()
        self.future.cancel()

    def result(self, seconds: float = 0.0) -> dict[str, Any]:
        """The answer, waited for; raises what went wrong, and `Busy` where it takes longer or the service ends."""
        try:
            return self.future.result(seconds)
        except Late:
            raise LATE from None
        except (Stopped, CancelledError):
            raise Busy("The question was given up: the service is being stopped.", "Ask again when it is back.") from None

    def watch(self, shown: Progress) -> None:
        """Tell how many parts have been looked at."""
        self.check()
        self.tell("progress", {"done": shown.done, "total": shown.total})

    @property
    def late(self) -> bool:
        """Whether it has taken too long."""
        return time.monotonic() > self.until


class Asker:
    """One model, one thread; a question waits while another is answered, and is refused where too many wait."""

    def __init__(self, library: Library, encoders: Encoders, answers: Answers, chat: str | Chat | None, limits: Limits) -> None:
        """Load a model that is named, and `nano-chat` only when it is first asked; raises `ModelError` for what does not
        answer questions, and what loading raises."""
        self._library, self._answers, self._limits = library, answers, limits
        self._guide = _Guide(encoders)
        self._chat: Chat | None = None
        if chat is None:
            self._name = DEFAULT if DEFAULT in embedded() else ""
        elif chat == NONE:
            self._name = ""
        else:
            self._chat = _loaded(chat)
            self._name = self._chat.spec.name
        self._tasks: set[Task] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="questions")

    def __len__(self) -> int:
        return len(self._tasks)

    def about(self) -> dict[str, Any] | None:
        """The model and the limits of questions; None where none are answered."""
        return {"model": self._name, "question": QUESTION, "turns": TURNS} if self._name else None

    def add(self, asked: Ask, listener: Tell | None = None) -> Task:
        """Put a question in the line; what is wrong with it is said now. Raises `Missing`, `Busy`, `InputError`.

        `listener` is told of `progress` and of the `text` as it is spoken, in the thread of the model.
        """
        if not self._name:
            raise Missing(
                "This service answers no questions: it runs without a conversational model.",
                "Ask its operator to start it with --chat MODEL.",
            )
        if not asked.question.strip():
            raise Unusable("The question is empty.", "Say in words what you want to know.")
        for number, turn in enumerate(asked.history):
            if turn.role != ("user", "assistant")[number % 2]:
                raise Unusable(f"Turn {number + 1} of the history is missing.", "Send questions and answers in turn.")
        if len(asked.history) % 2:
            raise Unusable("The last question of the history has no answer.", "Leave it out of the history.")
        entries = [self._library.entry(id) for id in asked.scenes]
        task = Task(asked, entries, self._region(asked), listener, time.monotonic() + self._limits.answer_seconds)
        with self._lock:
            if len(self._tasks) >= self._limits.questions:
                raise Busy("Too many questions wait for the model.", "Ask again in a few seconds.")
            self._tasks.add(task)
            task.future = self._pool.submit(self._run, task)
        task.future.add_done_callback(lambda _: self._tasks.discard(task))
        return task

    def ask(self, asked: Ask) -> dict[str, Any]:
        """The answer to a question, waited for; raises what `add` raises, and `Busy` where it takes too long."""
        task = self.add(asked)
        try:
            return task.result(self._limits.answer_seconds)
        finally:
            task.end()

    def _region(self, asked: Ask) -> Region:
        given = [value for value in (asked.bbox, asked.polygon, asked.window) if value is not None]
        if len(given) > 1:
            raise Unusable("The place is given in more than one way.", "Send one of bbox, polygon and window.")
        if asked.window is not None:
            row, col, height, width = asked.window
            return Box.upright(col, row, col + width, row + height)
        if asked.polygon is not None:
            return list(bounds(shape_of(asked.polygon, self._limits.vertices)))
        if asked.bbox is None:
            return None
        west, south, east, north = asked.bbox
        return [west, south, east + 360 if west > east else east, north]

    def _run(self, task: Task) -> dict[str, Any]:
        from geoglot.tasks.converse import Conversation, ask

        began = time.monotonic()
        task.check()
        asked = task.asked
        with ExitStack() as stack:
            scenes = [stack.enter_context(self._library.scene(entry)) for entry in task.entries]
            check_place(scenes[0], task.region, task.entries[0].name)
            chat = self._model()
            turns = tuple(Said(turn.role, turn.text) for turn in asked.history)
            before = Conversation(tuple(scene.id for scene in scenes), chat.spec.name, turns)
            pointed: dict[str, Any] = {"box": asked.boxes or None, "point": asked.points or None, "lonlat": asked.lonlat}
            check_marks(scenes[0], pointed, task.entries[0].name)
            one = len(asked.boxes) + len(asked.points) <= 1  # several are answered one by one, by their numbers
            aloud = task.listener is not None and (len(scenes) > 1 or (one and asking.read(asked.question).kind in _ALOUD))
            with watched(task.watch):
                made = ask(
                    Listener(chat, task, aloud),
                    scenes,
                    asked.question,
                    conversation=before,
                    region=task.region,
                    most=asked.most,
                    guide=self._guide,
                    progress=False,
                    **pointed,
                )
        return self._told(made, task) | {"seconds": round(time.monotonic() - began, 3)}

    def _model(self) -> Chat:
        if self._chat is None:
            with _answering():
                self._chat = _loaded(self._name)
        return self._chat

    def _told(self, made: Answer, task: Task) -> dict[str, Any]:
        """An answer for strangers: scenes by their public ids, boxes as features."""
        names = {str(entry.row["scene"]): entry.name for entry in task.entries}
        assumed = [problems.hidden(text.removesuffix(" (--most asks more)")) for text in made.assumptions]
        if task.asked.polygon is not None:
            assumed.append("looked at the upright box around the area")
        if len(made.boxes) > BOXES:
            assumed.append(f"of {len(made.boxes):,} boxes the best {BOXES:,} are told")
        text = made.text
        for scene, name in names.items():
            text = text.replace(scene, name)
        return {
            "question": made.question,
            "text": problems.hidden(text),
            "kind": made.kind,
            "confidence": made.confidence,
            "refused": made.refused,
            "model": made.model,
            "scenes": [entry.id for entry in task.entries],
            "shape": list(made.shape),
            "views": made.views,
            "assumptions": assumed,
            "reasons": list(made.reasons),
            "boxes": {"type": "FeatureCollection", "features": features(made, task.entries[0].id)},
            "evidence": self._answers.keep(made),
        }

    def close(self) -> None:
        """Give up what waits, and end the thread once the model has spoken."""
        for task in list(self._tasks):
            task.end()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _loaded(chat: str | Chat) -> Chat:
    from geoglot.tasks.converse.verb import loaded  # what imports torch is imported when there is a model for it

    return loaded(chat)


def check_place(scene: Scene, region: Region, name: str) -> None:
    """Raise `Unusable` for a part that the scene does not have."""
    from geoglot.tasks.converse.views import window_of

    if region is None:
        return
    if scene.grid is None and not isinstance(region, Box):
        raise Unusable(f"{name} has no georeference.", "Ask about the whole of it, or give a window in its pixels.")
    try:
        window_of(scene, region)
    except InputError:
        raise Unusable(f"The region lies outside {name}.", "Move the map to the scene, or ask about the whole of it.") from None


def check_marks(scene: Scene, pointed: Mapping[str, Any], name: str) -> None:
    """Raise `Unusable` for boxes and points that the scene does not have."""
    from geoglot.tasks.converse import Settings, marks

    try:
        marks.of(scene, Settings(**pointed))
    except InputError as error:
        raise Unusable(str(error).replace(scene.id, name), "Point at a place in the scene.") from None


def features(made: Answer, scene: str) -> list[dict[str, Any]]:
    """The best boxes of an answer as GeoJSON features, whose geometry is null where the scene has no place on the Earth.

    `box` are left, top, right and bottom in pixels of the scene, `turned` centre, long and short side and angle.
    """
    few = replace(made.boxes, boxes=made.boxes.boxes[:BOXES], label=made.boxes.label[:BOXES], score=made.boxes.score[:BOXES])
    found = []
    for number, row in enumerate(few.rows(made.names)):
        told = {key: row[key] for key in ("label", "score", "time", "gsd", "width", "height", "angle")}
        told |= {"scene": scene, "box": [row[key] for key in ("left", "top", "right", "bottom")]}
        told["turned"] = [row[key] for key in ("x", "y", "long", "short", "turn")]
        shape = vectors.geometry(row["geometry"])
        found.append({"type": "Feature", "id": number, "geometry": shape, "properties": vectors.plain(told)})
    return found


class Listener:
    """A chat whose text is told while it speaks, and which stops speaking when nobody listens any more.

    Only what is said of the first look at a scene is said aloud.
    """

    def __init__(self, chat: Chat, task: Task, aloud: bool) -> None:
        self._chat, self._task, self._aloud = chat, task, aloud
        from geoglot.tasks.converse import grammar

        self.grammar, self.view = grammar.of(chat), getattr(chat, "view", None)
        self.reasons = getattr(chat, "reasons", True)

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self._chat.spec

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        """The answer to the last turn; raises `NoAnswer` where the model gives none, and `Stopped`."""
        self._task.check()
        aloud, self._aloud = self._aloud, False
        with _answering():
            made = whole(self.stream(turns, pictures), self._tell) if aloud else self._chat.reply(turns, pictures)
        self._task.check()
        return made

    def _tell(self, part: str) -> None:
        self._task.check()
        self._task.tell("text", {"text": part})

    def stream(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Speech:
        """The text of the answer in parts, and the reply in the end; raises as `reply`."""
        return self._chat.stream(turns, pictures)


@contextmanager
def _answering() -> Iterator[None]:
    """What goes wrong with a model as `NoAnswer`, without the addresses of the operator, which go to the log."""
    try:
        yield
    except (NetworkError, ResourceError, ModelError, AccessError, NotFoundError) as error:
        log.warning("model", extra={"fields": {"error": str(error)}})
        if isinstance(error, ResourceError):
            raise Busy("The model that answers is at its limits.", "Ask again in a minute.") from None
        if isinstance(error, NetworkError):
            raise NoAnswer("The model that answers cannot be reached, or takes too long.", "Ask again in a minute.") from None
        raise NoAnswer(
            "The model gave no answer that can be used.", "Ask in other words, or tell the operator of this service."
        ) from None


class _Guide:
    """The archive's model, which is loaded when parts of a large scene are to be put in order and not before."""

    def __init__(self, encoders: Encoders) -> None:
        self._encoders = encoders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoders.dual, name)
