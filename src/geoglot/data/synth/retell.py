"""Captions and questions of two dates: what was built, cleared or flooded, where, how much, and what only the season did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geoglot.data.synth.changes import WORKS, Event
from geoglot.data.synth.facts import GROUNDS
from geoglot.data.synth.questions import RANGES, Question, choose, yes_no
from geoglot.data.synth.relations import part
from geoglot.data.synth.seasons import STATE
from geoglot.text.sentences import MASS, listing

if TYPE_CHECKING:
    from geoglot.data.synth.series import Pair

SEEN = 0.5  # share of an event's change that must be free of cloud at both dates
LEAST = 60  # pixels of a change that a viewer would notice
NOTHING = ("nothing was built or removed", "there is no lasting change", "the land cover stayed the same")


def noticed(pair: Pair) -> list[tuple[int, Event]]:
    """The events that a viewer of both pictures could notice, with their numbers from 1."""
    out = []
    for number, event in enumerate(pair.events, 1):
        on = pair.numbered == number
        if on.sum() >= LEAST and (on & pair.visible).sum() >= SEEN * on.sum():
            out.append((number, event))
    return out


def _spot(pair: Pair, number: int) -> str | None:
    rows, cols = np.nonzero(pair.numbered == number)
    return part(float(cols.mean()), float(rows.mean()), pair.lasting.shape)


def _ground(pair: Pair, number: int, which: str) -> str | None:
    """The cover that most of an event's ground had before, or has after, in words."""
    on = pair.numbered == number
    found = np.bincount((pair.old if which == "old" else pair.new)[on])
    best = int(found.argmax())
    name = pair.before.truth.classes[best]
    return GROUNDS.get(name) if found[best] > 0.6 * found.sum() else None


def _clear(pair: Pair) -> bool:
    """Whether so little is hidden that one can say that nothing else happened."""
    return float((pair.before.cloud | pair.after.cloud).mean()) < 0.05


def _seasons(pair: Pair) -> list[str]:
    """What the season changed, where it can be seen."""
    a, b = pair.before.state, pair.after.state
    clear = ~pair.before.cloud & ~pair.after.cloud
    n = max(1, int(clear.sum()))

    def went(old: tuple[str, ...], new: tuple[str, ...]) -> float:
        first, last = np.isin(a, [STATE[s] for s in old]), np.isin(b, [STATE[s] for s in new])
        return float((first & last & clear).sum()) / n

    if pair.before.shot.radar is not None:
        return []
    every = tuple(STATE)
    bare, grown = ("bare", "stubble"), ("young", "green", "flowering", "ripe")
    rest = tuple(s for s in every if s != "snow")
    told = (
        (went(("snow",), rest), "the snow has melted"), (went(rest, ("snow",)), "snow has fallen"),
        (went(grown, bare), "fields were harvested"), (went(bare, grown), "crops have grown on bare fields"),
        (went(("green",), ("autumn", "leafless")), "leaves have turned or fallen"),
        (went(("leafless",), ("young", "green")), "trees have come into leaf"),
    )  # fmt: skip
    return [text for share, text in told if share > 0.12]


def captions(pair: Pair, count: int = 6) -> list[str]:
    """At most `count` true sentences, those on lasting change first."""
    rng = np.random.default_rng([pair.seed, 73])
    found, seasonal = noticed(pair), _seasons(pair)
    out: dict[str, None] = {}
    for number, event in found:
        for text in event.told:
            out.setdefault(text)
        spot, old = _spot(pair, number), _ground(pair, number, "old")
        verb = event.told[0]
        if spot:
            out.setdefault(f"{verb} in the {spot} of the image")
        if old and event.kind not in ("clearing", "filled land"):
            out.setdefault(f"{verb} where there was {old} before" if old in MASS else f"{verb} on former {old}")
    if len(found) > 1:
        out.setdefault(listing([event.told[0] for _, event in found]))
    if not pair.events and _clear(pair):
        out.setdefault(NOTHING[int(rng.integers(len(NOTHING)))])
        for text in seasonal:
            out.setdefault(f"{text}, but {NOTHING[int(rng.integers(len(NOTHING)))]}")
    if found and seasonal:
        out.setdefault(f"{found[0][1].told[0]}, and {seasonal[0]}")
    for text in seasonal:
        out.setdefault(text)
    return list(out)[:count]


def questions(pair: Pair, count: int = 10) -> list[Question]:
    """At most `count` questions; those with yes and no drawn with equal chance."""
    rng = np.random.default_rng([pair.seed, 79])
    found = noticed(pair)
    out: list[Question] = []
    kinds = {event.kind for event in pair.events}
    if len(found) == len(pair.events) and (found or _clear(pair)):
        words = ("Has anything been built or removed for good?", "Is there a lasting change between the two images?")
        out.append(yes_no(words, bool(found), "change", "any change", rng))
        out += _numbers(pair, found)
        for name, plan in WORKS.items():
            if name in kinds or _clear(pair):
                verb = "made" if name in ("clearing", "lake", "filled land") else "built"
                was = "Were" if plan.built.endswith("s") else "Was"
                text = (
                    f"{was} {plan.built} {verb} between the two dates?",
                    f"Does the second image show {plan.built} that the first lacks?",
                )
                out.append(yes_no(text, name in kinds, "change", f"change {name}", rng))
    if len(found) == 1 and len(pair.events) == 1:
        out += _one(pair, *found[0])
    out += _covers(pair, rng)
    for state, asked in (("the snow has melted", "Has snow melted?"), ("snow has fallen", "Has snow fallen?"),
                        ("fields were harvested", "Were fields harvested?")):  # fmt: skip
        told = state in _seasons(pair)
        if told or (_clear(pair) and not pair.seasonal.any()):
            out.append(yes_no((asked,), told, "season", f"season {state}", rng))
    return choose(out, count, rng)


def _numbers(pair: Pair, found: list[tuple[int, Event]]) -> list[Question]:
    out = [Question("How many lasting changes are there?", str(len(found)), "change", "number", "number of changes")]
    percent = 100 * float(pair.lasting.mean())
    bounds = ((0, 1), (1, 3), (3, 5), *RANGES[1:])
    if percent == 0 or min(abs(percent - b) / max(b, 1) for _, b in bounds[:-1]) > 0.05:
        a, b = next((a, b) for a, b in bounds if a <= percent <= b)
        out.append(
            Question("What share of the area has changed for good?", f"{a}% to {b}%", "change", "range", "share of change")
        )
    return out


def _one(pair: Pair, number: int, event: Event) -> list[Question]:
    verb = "made" if event.kind in ("clearing", "lake", "filled land") else "built"
    out = [
        Question("What is the main change between the two images?", event.told[0], "change", "name", "main change"),
        Question(f"What was {verb}?", event.built, "change", "name", f"what was {verb}"),
    ]
    if spot := _spot(pair, number):
        out.append(Question("Where is the lasting change?", spot, "change", "position", "where the change"))
    old, new = _ground(pair, number, "old"), _ground(pair, number, "new")
    if old:
        out.append(Question("What was there before the change?", old, "change", "name", "from what"))
    if new and new != old:
        out.append(Question("What covers the changed ground now?", new, "change", "name", "to what"))
    return out


def _covers(pair: Pair, rng: np.random.Generator) -> list[Question]:
    """Whether a land cover has gained or lost, where it has by enough to be seen and no cloud is in the way."""
    out: list[Question] = []
    if not _clear(pair):
        return out
    for number, name in enumerate(pair.before.truth.classes[:-1]):
        if name not in GROUNDS:
            continue
        a, b = float((pair.old == number).mean()), float((pair.new == number).mean())
        if max(a, b) > 0.02 and abs(a - b) > 0.1 * max(a, b):
            ground = GROUNDS[name]
            out.append(
                yes_no(
                    (f"Is there more {ground} than before?", f"Has the area of {ground} grown?"),
                    b > a,
                    "change",
                    f"gain {ground}",
                    rng,
                )
            )
            out.append(
                yes_no(
                    (f"Is there less {ground} than before?", f"Has the area of {ground} shrunk?"),
                    b < a,
                    "change",
                    f"loss {ground}",
                    rng,
                )
            )
    return out
