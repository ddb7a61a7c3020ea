"""What a run of `nano_chat` is measured by on validation: captions, questions, honesty, grounding."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.data.build.rendered_talks import FINE
from geoglot.metrics.cider import Cider
from geoglot.models import closed
from geoglot.models.counting import counted
from geoglot.models.leaning import leans, named, witness
from geoglot.models.nano_eyes import Seen, sight
from geoglot.models.pointing import pointed
from geoglot.nn.pointer import Pointer
from geoglot.nn.saying import Answered, answer, padded
from geoglot.nn.talk import Talk
from geoglot.text.answers import normal
from geoglot.text.pieces import Pieces
from geoglot.text.ptb import tokenize
from geoglot.zoo._talk_batches import Row, overlap
from geoglot.zoo._talk_presence import Known
from geoglot.zoo._talk_words import ABOUT, LOCATING, Ask

Floats = NDArray[np.float32]
Kind = Literal["refuse", "locate", "yes"]
PREMISES: Mapping[Kind, tuple[tuple[str, str, str], ...]] = {  # sources, and tasks that take true and false things for granted
    "refuse": (("ucm", "premise", "refusal"), ("rendered", "premise", "refusal")),
    "locate": (("rendered", "locate", "refusal"),),
    "yes": (("ucm", "presence", "presence"), ("rendered", "presence", "presence"), ("ucm", "human", "human")),
}
COUNTED = ("vhr10", "rendered")
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # how much the logit of presence may count
FOLDS = 5
PART = 64
SOME = 400  # questions of a task that are measured
SHORT = (("ucm", "human"), ("ucm", "presence"), ("rendered", "presence"), ("rendered", "count"), ("rendered", "colour"))


@dataclass(frozen=True)
class Held:
    """Pictures of validation with what is asked, all that was seen of them, and the classes of the head for objects."""

    rows: Sequence[Row]
    seen: Sequence[Seen]
    pieces: Pieces
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leaning:
    """What answers about what is there are pushed by, see `models.leaning`."""

    known: Known | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    answers: closed.Table = field(default_factory=dict)

    def shows(self, questions: Sequence[str], seen: Sequence[Seen]) -> Tensor:
        """The logit (B,) that pictures show what questions name."""
        return witness(self.known and self.known.head, self.known.kinds if self.known else (), questions, seen)


UPRIGHT = Leaning()


def fold_of(name: str) -> int:
    """The fold of a picture, by its name alone."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % FOLDS


def replies(talk: Talk, held: Held, asks: Sequence[tuple[Row, str]], leaning: Leaning = UPRIGHT) -> Answered:
    """Pieces and chances of greedy answers to questions about pictures."""
    ids_, chance = list[list[int]](), list[float]()
    pieces = held.pieces
    for start in range(0, len(asks), PART):
        some = asks[start : start + PART]
        with torch.inference_mode():
            past = talk.prefix(sight([[held.seen[k] for k in row.seen] for row, _ in some]))
        ids, real = padded([[pieces.ask, *pieces.ids(q), pieces.say] for _, q in some], pieces.pad)
        shows = leaning.shows([q for _, q in some], [held.seen[row.seen[-1]] for row, _ in some])
        lean = leans(leaning.calibration, pieces, [q for _, q in some], shows)
        made = answer(talk, past, ids, real, pieces.end, 40, lean=lean)
        for k, (_, question) in enumerate(some):
            told = leaning.answers.get(closed.key(question))
            if told:
                own = past.rows(torch.tensor([k]))
                text, share = closed.chosen(talk, own, pieces, [pieces.ask, *pieces.ids(question), pieces.say], told)
                made.ids[k], made.chance[k] = pieces.ids(text), float(np.log(share))
        ids_ += made.ids
        chance += made.chance
    return Answered(ids_, chance)


def measure(talk: Talk, pointer: Pointer, held: Held, leaning: Leaning = UPRIGHT) -> dict[str, float]:
    """Figures of validation, shares in per cent; without calibration, refusals at the best leaning of their own."""
    talk.eval()
    pointer.eval()
    found = {}
    for source in ("ucm", "aid_rsicd"):
        rows = [row for row in held.rows if row.told.source == source]
        rows = rows[:: max(1, len(rows) // 250)]
        said = [held.pieces.words(ids) for ids in replies(talk, held, [(row, "Describe this image.") for row in rows]).ids]
        found[f"{source} cider"] = cider(said, [row.asks["caption"][0].answers for row in rows])
    for source, task in (
        ("ucm", "human"), ("ucm", "class"), ("ucm", "presence"), ("rendered", "presence"),
        ("rendered", "scene"), ("rendered", "colour"), ("dates", "changed"),
    ):  # fmt: skip
        found[f"{source} {task}"] = _share(right(talk, held, source, task, leaning)[0])
    for kind in ("refuse", "locate"):
        for of in PREMISES[kind]:
            part = margins(talk, held, kind, of, leaning)
            if not (len(part[0]) and len(part[1])):
                continue
            told = leaning.calibration.get(kind)
            lean = leaning_of([part]) if told is None else (told["bias"] * (1 if kind == "refuse" else -1), told["seen"])
            shares = honesty(*part, lean)
            found |= {f"{of[0]} {kind} {name}": 100 * v for name, v in zip(("accepted", "refused"), shares, strict=True)}
    for source in COUNTED:
        numbers = [pair for pair, _ in numbered(held, source, leaning)]
        found[f"{source} counted"] = _share([a == b for a, b in numbers])
        found[f"{source} counted within one"] = _share([abs(a - b) <= 1 for a, b in numbers])
    for source, least in (("rendered", 3), ("rendered", 0), ("vhr10", 0)):
        found[f"{source} located{'' if least == 0 else ' of many'}"] = _share(located(talk, pointer, held, source, least)[0])
    return found


def cider(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """CIDEr-D of one caption a picture."""
    metric = Cider()
    metric.add([tokenize(text) for text in said], [[tokenize(text) for text in texts] for texts in references])
    return metric.result()["cider"]


def _spread(asks: list[tuple[Row, Ask]]) -> list[tuple[Row, Ask]]:
    return [asks[int(k)] for k in np.linspace(0, len(asks) - 1, min(SOME, len(asks)))]


def _share(good: Sequence[bool]) -> float:
    return 100 * float(np.mean(good)) if good else float("nan")


def calibration(
    talk: Talk, pointer: Pointer, held: Held, known: Known | None = None, answers: closed.Table | None = None
) -> dict[str, dict[str, float]]:
    """How chances of short answers ("words") and of boxes ("box") become shares of right ones, and what is added to "no", to
    the mark of a place and to "yes", by itself and for each unit of the logit of presence."""
    leaning = Leaning(known)
    lean: dict[str, dict[str, float]] = {}
    for kind, told in PREMISES.items():
        bias, seen = leaning_of([margins(talk, held, kind, one, leaning) for one in told], kind != "yes")
        lean[kind] = {"bias": bias if kind == "refuse" else -bias, "seen": seen}
    leaning = Leaning(known, lean, answers or {})
    parts = [right(talk, held, source, task, leaning) for source, task in SHORT]
    words = platt([c for _, chances in parts for c in chances], [g for good, _ in parts for g in good])
    good, chance = located(talk, pointer, held, "rendered", 0)
    numbers = [pair for source in COUNTED for pair in numbered(held, source, leaning)]
    count = platt([c for _, c in numbers], [a == b for (a, b), c in numbers]) if numbers else {"slope": 1.0, "bias": 0.0}
    return {"words": words, "box": platt(chance, good), "count": count, **lean}


def numbered(held: Held, source: str, leaning: Leaning) -> list[tuple[tuple[int, int], float]]:
    """Numbers counted and true, and how plain they are, of kinds that the head for objects was taught; a tenth of the questions
    about what is not there."""
    made = []
    for row in held.rows:
        if row.told.source != source or len(row.seen) != 1:
            continue
        for place, ask in enumerate((*row.asks.get("count", ()), *row.asks.get("count none", ()))):
            seen, question = held.seen[row.seen[0]], ask.questions[0]
            true = normal(ask.answers[0])
            if not true.isdigit() or (true == "0" and place % 10):
                continue
            found = counted(seen, held.classes, question, float(leaning.shows([question], [seen])))
            if found is not None:
                made.append(((len(found.rows), int(true)), found.chance))
    return made


def platt(chance: Sequence[float], good: Sequence[bool]) -> dict[str, float]:
    """The sigmoid of a line of the logit that fits best, by Newton's method (Platt 1999), with a little penalty on the slope."""
    p = np.clip(np.array(chance), 1e-6, 1 - 1e-6)
    x = np.stack([np.log(p / (1 - p)), np.ones(len(p))], 1)
    y, weight, pull = np.array(good, float), np.array([1.0, 0.0]), np.diag([1.0, 1e-3])
    for _ in range(30):
        q = 1 / (1 + np.exp(-x @ weight))
        slope = x.T @ (q - y) + pull @ (weight - [1.0, 0.0])
        weight = weight - np.linalg.solve(x.T @ (x * (q * (1 - q))[:, None]) + pull, slope)
    return {"slope": float(weight[0]), "bias": float(weight[1])}


def margins(talk: Talk, held: Held, kind: Kind, of: tuple[str, str, str], leaning: Leaning = UPRIGHT) -> tuple[Floats, Floats]:
    """By how much a refusal is likelier than what else could be said, and the logit of presence: of true premises (N, 2), of
    false ones (M, 2).

    "refuse": "no" after "there is" or "there are", in questions about an object; "locate": anything but the mark of a box;
    "yes": anything but yes, in questions whether there is something of a kind that is known.
    """
    pieces = held.pieces
    piece = {"refuse": pieces.one("no"), "locate": pieces.locate, "yes": pieces.one("yes")}[kind]
    made = []
    for asks in _premises(held, kind, of, leaning):
        found: list[float] = []
        shows: list[float] = []
        for start in range(0, len(asks), PART):
            part = asks[start : start + PART]
            asked = [ask.questions[k % len(ask.questions)] for k, (_, ask) in enumerate(part)]
            begun = [pieces.ids(ask.answers[0])[:2] if kind == "refuse" else [] for _, ask in part]
            rows = [[pieces.ask, *pieces.ids(q), pieces.say, *some] for q, some in zip(asked, begun, strict=True)]
            with torch.inference_mode():
                past = talk.prefix(sight([[held.seen[k] for k in row.seen] for row, _ in part]))
                states, _ = talk.read(*padded(rows, pieces.pad), past)
                logits = talk.logits(states[:, -1]).float()
            rest = logits.clone()
            rest[:, piece] = -torch.inf
            sign = 1 if kind == "refuse" else -1
            found += (sign * (logits[:, piece] - rest.amax(1))).tolist()
            shows += leaning.shows(asked, [held.seen[row.seen[-1]] for row, _ in part]).tolist()
        made.append(np.array([found, shows], np.float32).T.reshape(-1, 2))
    return made[0], made[1]


def _premises(held: Held, kind: Kind, of: tuple[str, str, str], leaning: Leaning) -> Iterator[list[tuple[Row, Ask]]]:
    """Questions about what is there, then about what is not."""
    source, true, false = of
    first = {"refuse": ABOUT, "locate": LOCATING, "yes": ("",)}[kind][0].partition("{")[0]
    kinds = leaning.known.kinds if leaning.known else ()
    for task, word in ((true, "yes"), (false, "no")):
        asks = [(row, ask) for row in held.rows if row.told.source == source for ask in row.asks.get(task, ())]
        asks = [one for one in asks if one[1].questions[0].startswith(first)]
        if kind == "yes":
            asks = [one for one in asks if normal(one[1].answers[0]) == word]
            asks = [one for one in asks if named(one[1].questions[0], kinds) is not None]
        yield _spread(asks)


def leaning_of(parts: Sequence[tuple[Floats, Floats]], equal: bool = True) -> tuple[float, float]:
    """What is added to refusing, and how much the logit of presence takes from it, so that errors are as rare as can be.

    ``equal``: the worst share, of true premises accepted or of false ones refused, is the best; else the mean over the parts of
    the share that is judged rightly, where no part loses by it.
    """
    parts = [part for part in parts if len(part[0]) and len(part[1])]
    if not parts:
        return 0.0, 0.0

    count = [(len(true), len(false)) for true, false in parts]

    def rightly(lean: tuple[float, float]) -> Floats:
        return np.array(
            [np.average(honesty(*part, lean), weights=many) for part, many in zip(parts, count, strict=True)], np.float32
        )

    plain = rightly((0.0, 0.0))

    def good(lean: tuple[float, float]) -> float:
        if equal:
            return min(min(honesty(*part, lean)) for part in parts)
        shares = rightly(lean)
        return float(shares.mean()) if (shares >= plain - 1e-6).all() else -1.0

    tried = np.linspace(-6, 6, 121)
    best = (-1.0, 0.0, 0.0)
    for seen in WEIGHTS:
        found = np.array([good((more, seen)) for more in tried.tolist()])
        top = np.flatnonzero(found >= found.max() - 1e-9)
        best = max(best, (float(found.max()), float(tried[top[len(top) // 2]]), seen), key=lambda one: one[0])
    return best[1], best[2]


def honesty(true: Floats, false: Floats, lean: tuple[float, float]) -> tuple[float, float]:
    """Shares of true premises accepted and of false ones refused."""
    refusing = [part[:, 0] + lean[0] - lean[1] * part[:, 1] for part in (true, false)]
    return float((refusing[0] < 0).mean()), float((refusing[1] >= 0).mean())


def right(talk: Talk, held: Held, source: str, task: str, leaning: Leaning = UPRIGHT) -> tuple[list[bool], list[float]]:
    """Which questions of a task are answered as they should be, and the chances of the answers."""
    asks = [(row, ask) for row in held.rows if row.told.source == source for ask in row.asks.get(task, ())]
    asks = _spread(asks)
    said = replies(talk, held, [(row, ask.questions[k % len(ask.questions)]) for k, (row, ask) in enumerate(asks)], leaning)
    good = []
    for ids, (_, ask) in zip(said.ids, asks, strict=True):
        wanted = [held.pieces.said(text)[:-1] for text in ask.answers]
        good.append(ids in wanted or normal(held.pieces.words(ids)) in {normal(text) for text in ask.answers} - {""})
    return good, [float(np.exp(c)) for c in said.chance]


def located(talk: Talk, pointer: Pointer, held: Held, source: str, least: int) -> tuple[list[bool], list[float]]:
    """Which expressions, of one among ``least`` others or more, meet their box at an overlap of one half, and their chances."""
    asks = [
        (row, ask)
        for row in held.rows
        if row.told.source == source and (row.told.shown[0].known.gsd or 0.5) <= FINE[-1]
        for ask in row.asks.get("locate", ())
        if ask.box is not None and ask.rivals >= least
    ]
    good, chance = list[bool](), list[float]()
    asks = _spread(asks)
    for k, (row, ask) in enumerate(asks):
        question = ask.questions[k % len(ask.questions)]
        chances, boxes = pointed(pointer, talk, held.pieces, held.seen[row.seen[0]], question)
        chance.append(float(chances[:-1].max()) if len(boxes) else 0.0)
        best = boxes[[int(chances[:-1].argmax())]].numpy() if len(boxes) else None
        good.append(best is not None and ask.box is not None and float(overlap(best, ask.box)[0]) >= 0.5)
    return good, chance
