"""Honesty: what is not there, what the sensor cannot show, what no picture tells; each beside a factual twin of the same form.

After HnstD (VHM): negatives are drawn at random, by how frequent a name is, or because it goes with what is there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, pick, sentence
from geoglot.data.conversations import Placed, mark
from geoglot.text.places import spot
from geoglot.text.sentences import article, plural

TASKS = ("honesty",)
FORMS = ("presence", "colour", "place", "refer")
YES = ("Yes, there {verb}.", "Yes.", "Yes, the image shows {what}.")


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """Pairs of exchanges of one twin: the false premise and the true one."""
    if len(known.pictures) > 1:
        return
    for number, (kind, name) in enumerate(negatives(known, crowd, rng)):
        yield from _absent(known, kind, name, f"absent{number}", rng)
    yield from _grey(known, rng)
    yield from _coarse(known, rng)
    yield from _beyond(known, rng)


def negatives(known: Known, crowd: Crowd, rng: np.random.Generator) -> list[tuple[str, str]]:
    """A name that is absent by each of the three ways of drawing; fewer where there are not enough names."""
    left = list(known.absent)
    out: list[tuple[str, str]] = []

    def take(kind: str, pool: list[str]) -> None:
        if pool:
            name = pick(pool, rng)
            left.remove(name)
            out.append((kind, name))

    near = sorted(left, key=lambda name: (-crowd.with_(name, known.present) - 1000 * (name in known.expected), name))
    take("adversarial", [name for name in near[:1] if name in known.expected or crowd.with_(name, known.present)])
    often = sorted(left, key=lambda name: (-crowd.names[name], name))
    take("frequent", often[:1] if often and crowd.names[often[0]] else [])
    take("random", left)
    return out


def _absent(known: Known, kind: str, name: str, twin: str, rng: np.random.Generator) -> Iterator[Exchange]:
    """One form of request about what is absent, and the same about what is there."""
    boxed = [(text, k) for text, k in known.told if text == f"the {known.objects[k].name}"]
    coloured = [(text, k) for text, k in boxed if known.objects[k].colour]
    spots = [(text, k) for text, k in boxed if _spot(known, k)]
    possible = {"presence": bool(known.present), "colour": bool(coloured), "place": bool(spots), "refer": bool(boxed)}
    form = pick([each for each in FORMS if possible[each]] or ["presence"], rng)
    if not possible[form]:
        return
    false = {"honesty": f"absent {kind}", "premise": "false", "type": form}
    true = {"honesty": f"absent {kind}", "premise": "true", "type": form}
    if form == "presence":
        there = pick(known.present, rng)
        words = {"one": article(name), "many": plural(name)}
        yield Exchange("honesty", draw("presence", rng, **words), draw("denied", rng, name=name), (), false, twin=twin)
        verb = f"are {plural(there)}" if there.endswith("s") else f"is {article(there)}"
        answer = pick(YES, rng).format(verb=verb, what=article(there))
        asked = draw("presence", rng, one=article(there), many=plural(there))
        yield Exchange("honesty", asked, answer, (), true, twin=twin)
        return
    text, k = pick({"colour": coloured, "place": spots, "refer": boxed}[form], rng)
    thing = known.objects[k]
    answer = {"colour": f"{thing.colour}", "place": _spot(known, k) or "", "refer": mark(0)}[form]
    boxes = (Placed(thing.upright, thing.name),) if form == "refer" else ()
    yield Exchange("honesty", draw(form, rng, what=f"the {name}"), draw("no such", rng, name=name), (), false, twin=twin)
    yield Exchange("honesty", draw(form, rng, what=text), answer if boxes else sentence(answer), boxes, true, twin=twin)


def _spot(known: Known, number: int) -> str | None:
    return spot(known.objects[number].upright.to_unit(known.shape).bounds())


def _grey(known: Known, rng: np.random.Generator) -> Iterator[Exchange]:
    """The colour of one object, asked of the picture without colours and of the one with them."""
    named = [(text, known.objects[k].colour) for text, k in known.told]
    coloured = [(text, colour) for text, colour in named if colour and colour not in text]
    if known.grey is None or not coloured:
        return
    text, colour = pick(coloured, rng)
    for premise, pictures, answer in (("false", (known.grey,), draw("no colour", rng)), ("true", (), sentence(colour))):
        attributes = {"honesty": "panchromatic", "premise": premise, "type": "colour"}
        yield Exchange("honesty", draw("colour", rng, what=text), answer, (), attributes, pictures, "grey")


def _coarse(known: Known, rng: np.random.Generator) -> Iterator[Exchange]:
    """How many there are of what is too small for the picture, or no radar shows; and of what it does show."""
    shown = sorted(name for name in known.counted if known.of(name))
    if not known.unseen or not shown:
        return
    name, there = pick(sorted(known.unseen), rng), pick(shown, rng)
    why = sentence(known.unseen[name].format(plural(name)))
    false = {"honesty": "sensor", "premise": "false", "type": "count"}
    yield Exchange("honesty", draw("count", rng, many=plural(name)), why, (), false, twin="sensor")
    true = false | {"premise": "true"}
    yield Exchange("honesty", draw("count", rng, many=plural(there)), str(len(known.of(there))), (), true, twin="sensor")


def _beyond(known: Known, rng: np.random.Generator) -> Iterator[Exchange]:
    """What no picture from above tells of an object, and where that object is."""
    if not known.told:
        return
    text, k = pick(known.told, rng)
    false = {"honesty": "beyond", "premise": "false", "type": "beyond"}
    yield Exchange("honesty", draw("beyond", rng, what=text), draw("cannot tell", rng), (), false, twin="beyond")
    thing = known.objects[k]
    true = {"honesty": "beyond", "premise": "true", "type": "refer"}
    yield Exchange("honesty", draw("refer", rng, what=text), mark(0), (Placed(thing.upright, thing.name),), true, twin="beyond")
