"""What is known of one place, from annotations or from a rendered scene: everything that conversations are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from geoglot.data.sample import Card, Picture, Sample
from geoglot.data.synth import facts as synth
from geoglot.data.synth.describe import scene_class
from geoglot.data.synth.questions import ASKED
from geoglot.data.synth.refer import noun, referring
from geoglot.geo.boxes import Box
from geoglot.text.cleaning import distinct
from geoglot.text.sentences import article, plural

if TYPE_CHECKING:
    from geoglot.data.synth.scenes import View
    from geoglot.data.synth.series import Pair

Shape = tuple[int, int]
CLEAR = 1.3  # the largest of several must exceed the next by this factor
AHEAD = 0.05  # and an outermost one by this share of the side
OUTERMOST = (("leftmost", 1, True), ("rightmost", -1, True), ("topmost", 1, False), ("bottommost", -1, False))


@dataclass(frozen=True)
class Object:
    """A thing in the picture: its boxes in pixels, and whether all of it is in sight, so that it can be measured."""

    name: str
    box: Box
    upright: Box
    whole: bool = True
    colour: str | None = None


@dataclass(frozen=True)
class Known:
    """One place and what is true of it.

    counted: the names of which every object is in `objects`; present and absent: names that are there and that are not, for
    certain; unseen: names that this picture cannot show, with the reason; told: expressions that mean one object, by its number;
    asked: (family, question, answer); choices: what a scene class is chosen from; cover: shares of land cover; grey: the same
    picture without colours; expected: names that one would expect at a place like this.
    """

    id: str
    source: str
    pictures: tuple[Picture, ...]
    shape: Shape
    gsd: float | None = None
    captions: tuple[str, ...] = ()
    label: str | None = None
    choices: tuple[str, ...] = ()
    objects: tuple[Object, ...] = ()
    counted: frozenset[str] = frozenset()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unseen: Mapping[str, str] = field(default_factory=dict)
    told: tuple[tuple[str, int], ...] = ()
    asked: tuple[tuple[str, str, str], ...] = ()
    cover: Mapping[str, float] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    grey: Picture | None = None
    expected: frozenset[str] = frozenset()

    def of(self, name: str) -> list[int]:
        """The numbers of the objects of a name."""
        return [number for number, thing in enumerate(self.objects) if thing.name == name]


@dataclass
class Crowd:
    """How often names are there, and together, in a set: what frequent and adversarial negatives are drawn by."""

    names: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, names: Iterable[str]) -> None:
        """Count the names of one place."""
        own = sorted(set(names))
        self.names.update(own)
        self.pairs.update(combinations(own, 2))

    def with_(self, name: str, others: Iterable[str]) -> int:
        """How often a name is there together with any of some others."""
        return sum(self.pairs[min(name, other), max(name, other)] for other in others if other != name)


def names_of(sample: Sample) -> set[str]:
    """What is labelled as there."""
    return {*sample.labels, *(thing.name for thing in sample.things)}


def of_sample(sample: Sample, card: Card, vocabulary: Sequence[str], shape: Shape) -> Known:
    """What the annotations of a sample say. `vocabulary`: all names of its set.

    Boxes count as complete where the set is one of boxes and the picture is no part of a larger one, labels where there are any.
    """
    things = tuple(
        Object(thing.name, thing.oriented(shape), _upright(thing.box, shape), _inside(thing.box)) for thing in sample.things
    )
    whole = all(picture.window is None for picture in sample.pictures)
    boxed = "boxes" in card.task and whole
    counted = frozenset(vocabulary if boxed else ())
    there = tuple(sorted(names_of(sample)))
    complete = set(vocabulary) if boxed or sample.labels else set()
    label = None if sample.label is None else card.classes.get(sample.label, (sample.label,))[0]
    changing = len(sample.pictures) > 1
    captions = tuple(distinct(sample.captions))
    return Known(
        id=sample.id,
        source=sample.source,
        pictures=sample.pictures,
        shape=shape,
        gsd=sample.gsd,
        captions=() if changing else captions,
        label=label,
        choices=tuple(phrases[0] for phrases in card.classes.values()),
        objects=things,
        counted=counted,
        present=there,
        absent=tuple(sorted(complete - set(there))),
        told=tuple(_told(sample, things if boxed else (), shape)),
        asked=tuple(("vqa", turn.question, turn.answer) for turn in sample.turns),
        cover=sample.cover,
        changes=captions if changing else (),
    )


def _upright(box: tuple[float, float, float, float], shape: Shape) -> Box:
    left, top, right, bottom = box
    return Box.upright(left * shape[1], top * shape[0], right * shape[1], bottom * shape[0])


def _inside(box: tuple[float, float, float, float]) -> bool:
    return min(box[:2]) > 0.005 and max(box[2:]) < 0.995


def _told(sample: Sample, things: Sequence[Object], shape: Shape) -> Iterable[tuple[str, int]]:
    """Sentences that annotators wrote, and what can be said for certain: the only one, the largest, an outermost one."""
    for number, thing in enumerate(sample.things):
        if "referring" in thing.attributes:
            yield thing.attributes["referring"].strip().rstrip(".").removeprefix("The "), number
    for name in dict.fromkeys(thing.name for thing in things):
        own = [number for number, thing in enumerate(things) if thing.name == name]
        if len(own) == 1:
            yield f"the {name}", own[0]
            continue
        by_size = sorted(own, key=lambda k: -things[k].box.area)
        if things[by_size[0]].box.area > CLEAR * things[by_size[1]].box.area:
            yield f"the largest {name}", by_size[0]
        for word, sign, across in OUTERMOST:
            side = shape[1] if across else shape[0]
            order = sorted((sign * (things[k].box.x if across else things[k].box.y) / side, k) for k in own)
            if order[1][0] - order[0][0] > AHEAD:
                yield f"the {word} {name}", order[0][1]


EXPECTED: Mapping[str, tuple[str, ...]] = {  # by kind of rendered place
    "harbour": ("ship", "storage tank", "industrial building", "vehicle", "bridge"),
    "tankfarm": ("storage tank", "industrial building", "vehicle"),
    "airfield": ("airplane", "hangar", "terminal", "vehicle"),
    "river": ("bridge", "ship", "house"),
    "city": ("house", "industrial building", "vehicle"), "suburb": ("house", "vehicle"), "houses": ("house", "vehicle"),
    "works": ("industrial building", "storage tank", "vehicle"), "lakes": ("ship", "bridge", "house"), "beach": ("ship", "house"),
    "reservoir": ("ship", "bridge"), "junction": ("vehicle", "bridge"), "station": ("industrial building", "vehicle", "house"),
}  # fmt: skip


def of_view(view: View, pictures: tuple[Picture, ...], name: str, grey: Picture | None = None) -> Known:
    """What is exactly true of a rendered scene, as far as its viewer can see it."""
    f = synth.facts(view.truth, None, view.shot.radar is not None)
    items = [item for label in f.kinds for item in f.legible(label)]
    number = {id(item): k for k, item in enumerate(items)}
    objects = tuple(Object(noun(item.label), item.oriented, item.upright, item.visible > 0.99, f.colour(item)) for item in items)
    labels = dict.fromkeys((*ASKED, *f.kinds))
    coarse = f"at {f.rendered.gsd:.3g} m a pixel {{}} cannot be made out"
    blurred = "a radar image does not show {} well enough to tell"
    unseen = {noun(label): (blurred if f.radar and f.rendered.gsd <= synth.FINEST.get(label, 2.5) else coarse)
              for label in labels if label not in synth.PARTS and not f.tells(label)}  # fmt: skip
    told = [(r.text, number[id(r.item)]) for r in referring(f) if id(r.item) in number]
    kind = scene_class(view.truth.truth_at())
    return Known(
        id=name,
        source="rendered",
        pictures=pictures,
        shape=f.shape,
        gsd=f.rendered.gsd,
        captions=tuple(view.captions),
        label=kind if f.share("cloud") < 0.1 else None,
        objects=objects,
        counted=frozenset(noun(label) for label in labels if f.tells(label) and f.countable(label)),
        present=tuple(noun(label) for label in f.kinds if f.legible(label)),
        absent=tuple(noun(label) for label in labels if f.tells(label) and f.absent(label)),
        unseen=unseen,
        told=tuple(told),
        asked=tuple((q.family, q.question, q.answer) for q in view.questions),
        cover={words: f.share(cover) for cover, words in synth.GROUNDS.items() if f.share(cover) > 0},
        grey=grey,
        expected=frozenset(EXPECTED.get(view.truth.kind, ())),
    )


def of_pair(pair: Pair, pictures: tuple[Picture, ...], name: str) -> Known:
    """What is exactly true of two dates of a rendered place."""
    view = pair.after
    return Known(
        id=name,
        source="rendered",
        pictures=pictures,
        shape=view.truth.cover.shape,
        gsd=view.truth.gsd,
        changes=tuple(pair.captions),
        asked=tuple(("change" if q.family != "season" else "season", q.question, q.answer) for q in pair.questions),
    )


def counted(number: int, name: str) -> str:
    """A number of things in words, as in "3 ships" and "a ship"."""
    return article(name) if number == 1 else f"{number} {plural(name)}"
