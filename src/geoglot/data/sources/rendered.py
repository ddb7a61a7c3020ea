"""Rendered places: expressions that mean one of several objects, what is there and what is not, captions and questions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build import talks
from geoglot.data.build.talks import LABELS, Meant, Talked
from geoglot.data.degrade import held
from geoglot.data.sample import Card, Sample, Split, Thing, Turn
from geoglot.data.synth import RENDERER
from geoglot.data.synth.refer import noun

CARD = Card(
    name="rendered",
    title="rendered places",
    licence="this project's",
    origin="geoglot.data.synth: made-up places, seeds of their own for each split",
    splits=("val", "test"),
    task="referring expressions, objects that are there and are not, captions, questions",
    gsd=(0.3, 0.5),
    quirks="Nobody observed them. An expression means one of at least four objects of its label. The places of training are "
    "drawn by the recipes themselves.",
    classes={label: (noun(label),) for label in LABELS},
    version=RENDERER,
)
PLACES = {"val": 30, "test": 80}
RIVALS = 3
EACH = 4  # expressions of a picture, of its labels in turn


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Render the pictures of a split; nothing is read below ``root``."""
    for number in range(PLACES.get(split, 0)):
        for one in talks.place(split, number):
            if len(one.pixels) == 1 and one.gsd <= talks.FINE[-1]:
                yield _sample(one)


def _sample(one: Talked) -> Sample:
    chosen = _in_turn([meant for meant in one.meant if meant.rivals >= RIVALS])
    return Sample(
        id=one.id,
        source=CARD.name,
        pictures=(held(one.pixels[0], one.id),),
        captions=one.captions,
        labels=one.present,
        lacking=one.absent,
        things=tuple(Thing(m.label, m.box, (), {"expression": m.text, "others": str(m.rivals)}) for m in chosen),
        turns=tuple(Turn(question, answer) for question, answer, _ in one.questions),
        gsd=one.gsd,
    )


def _in_turn(found: list[Meant]) -> list[Meant]:
    """At most four expressions: of each label in turn, spread over what its expressions say."""
    by_label: dict[str, list[Meant]] = {}
    for meant in found:
        by_label.setdefault(meant.label, []).append(meant)
    chosen: list[Meant] = []
    for step in range(EACH):
        for label in sorted(by_label):
            own = by_label[label]
            if len(chosen) < EACH and step < len(own):
                chosen.append(own[step * 7919 % len(own)])
    return list(dict.fromkeys(chosen))
