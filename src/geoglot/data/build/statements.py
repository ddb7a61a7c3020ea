"""All that can truly be said of a sample, by kind: for training on pictures that are turned and cut together with their words.

`mixture.texts_of` gives what is true of a picture in every position; here positions, relations and questions are said too,
so pictures must be changed by `geoglot.data.transform` only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from geoglot.data.sample import Sample, Turn
from geoglot.data.transform.shown import Shown
from geoglot.text import places, sentences
from geoglot.text.cleaning import distinct


def statements(shown: Shown, classes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Give sentences by kind: caption, class, labels, counts, positions, relations, cover, area; kinds without any are left out.

    Captions are cleaned and without repeats; ``classes`` maps scene classes to the phrases that say them.
    """
    sample = shown.sample
    things = [(thing.name, thing.box) for thing in sample.things]
    place = None
    found: dict[str, list[str]] = {"caption": distinct(sample.captions)}
    if sample.label is not None:
        phrases = classes.get(sample.label, (sample.label,))
        found["class"] = sentences.prompts(phrases)
        place = sentences.article(phrases[0])
    found["labels"] = sentences.from_objects(sample.labels)
    if things:
        found["counts"] = sentences.from_counts((name for name, _ in things), place)
        found["positions"] = places.from_positions(things)
        found["relations"] = places.from_relations(things) + places.from_sizes(things)
    found["cover"] = sentences.from_cover(sample.cover)
    for what, mask in shown.masks.items():
        if what == "cover":
            found["area"] = places.from_mask(mask, dict(enumerate(shown.names[what])))
    return {kind: texts for kind, texts in found.items() if texts}


def questions(sample: Sample, exhaustive: Sequence[str]) -> tuple[Turn, ...]:
    """Give questions that the boxes answer: how many, whether there is one, and where a thing that is alone of its kind is.

    ``exhaustive`` are the names of which every object is boxed, so that what is not boxed is not there.
    """
    counts = Counter(thing.name for thing in sample.things)
    found = []
    for name in exhaustive:
        many = sentences.plural(name)
        found.append(Turn(f"How many {many} are there?", str(counts[name])))
        found.append(Turn(f"Is there {sentences.article(name)}?", "yes" if counts[name] else "no"))
    for thing in sample.things:
        place = places.spot(thing.box) if counts[thing.name] == 1 else None
        if place is not None:
            found.append(Turn(f"Where is the {thing.name}?", place))
    return tuple(found)


def enriched(sample: Sample, exhaustive: Sequence[str]) -> Sample:
    """Give the sample with the questions that its boxes answer beside its own."""
    return replace(sample, turns=tuple(dict.fromkeys([*sample.turns, *questions(sample, exhaustive)])))
