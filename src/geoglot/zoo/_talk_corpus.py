"""The pictures of a run of `nano_chat` with everything that is asked of them, by source; all of one split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from geoglot.data.build import talks
from geoglot.data.build.talks import LABELS, Talked
from geoglot.data.build.windows import wholes
from geoglot.data.sample import Split
from geoglot.data.sources import aid_rsicd, ucm, vhr10
from geoglot.data.synth.refer import noun
from geoglot.text.answers import normal
from geoglot.text.sentences import MASS, has_direction
from geoglot.zoo import _talk_words as words
from geoglot.zoo._talk_seen import Shown, circumstances, turned
from geoglot.zoo._talk_words import Ask

NAMES = {  # the seventeen labels in the words that they are asked in
    "airplanes": "airplane", "bare soil": "bare soil", "mobile homes": "mobile home", "storage tanks": "storage tank",
    "tennis courts": "tennis court", "docks": "dock", "fields": "field", "boats": "boat", "buildings": "building", "cars": "car",
    "trees": "tree",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A picture, or two dates of a place, and what is asked; ``human`` marks questions that people made."""

    id: str
    source: str
    shown: tuple[Shown, ...]
    asks: tuple[Ask, ...]
    human: tuple[Ask, ...] = ()
    label: str = ""


def from_ucm(root: Path, split: Split, views: int = 1) -> Iterator[Told]:
    """UC Merced: captions, classes, object labels, questions."""
    names = [NAMES.get(name, name) for name in ucm.names_of(root / "ucm_multilabels.txt")]
    for number, sample in enumerate(ucm.rows(root, split)):
        asks = [Ask("caption", words.CAPTION, sample.captions, not any(map(has_direction, sample.captions)))]
        asks.append(Ask("class", words.CLASS, (ucm.CARD.classes[str(sample.label)][0],)))
        human: list[Ask] = []
        own: list[Ask] = []
        for turn in sample.turns:
            theme = "theme" in turn.question.lower()
            where = "location" in turn.question.lower()
            made = Ask("class" if theme else "human", (turn.question,), (normal(turn.answer),), not where)
            (asks if theme else human).append(made)
        present = {NAMES.get(name, name) for name in sample.labels}
        for name in names:
            own += words.presence(name, name in present)
            if name in present and name not in MASS:
                own += [words.locating(f"the {name}", name, None), words.every(name)]
        pixels = sample.pictures[0].read()
        yield from _views(sample.id, "ucm", pixels, 0.3, (*asks, *own), tuple(human), views, number, str(sample.label))


def from_aid(root: Path, split: Split, views: int = 1) -> Iterator[Told]:
    """AID: captions of RSICD, classes."""
    for number, sample in enumerate(aid_rsicd.rows(root, split)):
        name = aid_rsicd.CARD.classes[str(sample.label)][0]
        asks = (Ask("caption", words.CAPTION, sample.captions, not any(map(has_direction, sample.captions))),
                Ask("class", (*words.CLASS, "What is the theme of this picture?"), (name,)))  # fmt: skip
        yield from _views(sample.id, "aid_rsicd", sample.pictures[0].read(), None, asks, (), views, number, str(sample.label))


def _views(
    name: str, source: str, pixels: np.ndarray, gsd: float | None, asks: Sequence[Ask], human: tuple[Ask, ...], views: int,
    number: int, label: str,
) -> Iterator[Told]:  # fmt: skip
    known = circumstances(gsd)
    yield Told(name, source, (Shown(name, pixels, known),), tuple(asks), human, label)
    for k in range(1, views):
        shown = Shown(f"{name}@{k}", turned(pixels, (31, number, k)), known)
        still = tuple(ask for ask in human if ask.turned)
        yield Told(shown.name, source, (shown,), tuple(ask for ask in asks if ask.turned), still, label)


def from_vhr10(root: Path, split: Split) -> Iterator[Told]:
    """NWPU VHR-10: which of ten kinds there are, how many, where."""
    kinds = [phrases[0] for phrases in vhr10.CARD.classes.values()]
    for sample in wholes(vhr10.rows(root, split)):
        things = [(thing.name, thing.box) for thing in sample.things]
        count = Counter(label for label, _ in things)
        asks = [ask for kind in kinds for ask in words.presence(kind, count[kind] > 0)]
        asks += [words.counting(kind, count[kind]) for kind in kinds]
        asks += [words.locating(text, label, box, more) for text, label, box, more in words.expressions(things)]
        asks += [words.every(label) for label in count]
        yield Told(sample.id, "vhr10", (Shown(sample.id, sample.pictures[0].read(), circumstances(None)),), tuple(asks))


def from_rendered(split: Split, places: int, folder: Path) -> Iterator[Told]:
    """Made-up places: captions, questions, expressions, what is there and what is not; two dates; grey copies."""
    for one in talks.load(split, places, folder):
        times = one.times or (None,)
        shown = tuple(
            Shown(f"{one.id}/{k}", pixels, circumstances(one.gsd, day))
            for k, (pixels, day) in enumerate(zip(one.pixels, times, strict=True))
        )
        if len(shown) == 2:
            asks = [Ask("change", words.CHANGE, one.captions)] if one.captions else []
            asks += [Ask("changed", (q,), (a,)) for q, a, _ in one.questions]
            yield Told(one.id, "dates", shown, tuple(asks))
            continue
        yield Told(one.id, "rendered", shown, tuple(_asked(one)))
        if shown[0].name.endswith("/3/0"):
            yield _grey(one, shown[0])


def _asked(one: Talked) -> Iterator[Ask]:
    if one.captions:
        yield Ask("caption", words.CAPTION, one.captions)
    for question, answer, family in one.questions:
        yield Ask(family, (question,), (answer,))
    for meant in one.meant:
        yield words.locating(meant.text, noun(meant.label), meant.box, meant.rivals)
    for label in LABELS:
        if label in one.present:
            yield from words.presence(noun(label), True)
            yield words.every(noun(label))
        elif label in one.absent:
            yield from words.presence(noun(label), False, colours=True)
            yield replace(words.counting(noun(label), 0), task="count none")
    for told in one.colours:
        label, _, colour = told.partition("|")
        yield Ask("colour", tuple(q.format(it=f"the {label}") for q in words.COLOUR), (colour,), label=label)


def _grey(one: Talked, shown: Shown) -> Told:
    mean = np.repeat(one.pixels[0].mean(-1, keepdims=True).round().astype(np.uint8), 3, -1)
    asks = [Ask("sensor", tuple(q.format(it=f"the {noun(label)}") for q in words.COLOUR), (words.GREY,)) for label in one.present]
    asks += [Ask("sensor", (q,), (words.GREY,)) for q, _, family in one.questions if family == "colour"]
    asks += [Ask("caption", words.CAPTION, one.captions)] if one.captions else []
    asks += [ask for label in one.absent for ask in words.presence(noun(label), False)]
    return Told(f"{one.id}/grey", "grey", (Shown(f"{one.id}/grey", mean, shown.known),), tuple(asks))
