"""Captions: one sentence, or a paragraph of what is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from geoglot.data.build.conversations._known import Crowd, Known
from geoglot.data.build.conversations._make import Exchange
from geoglot.data.build.conversations._phrasings import draw, pick, sentence
from geoglot.text import places
from geoglot.text.sentences import from_cover, listing, quantity

TASKS = ("caption", "caption long")
LONG = 3  # sentences that a paragraph has at least
MOST = 6


def make(known: Known, crowd: Crowd, rng: np.random.Generator) -> Iterator[Exchange]:
    """A short caption where there is one, a long one where enough is known."""
    if known.captions:
        yield Exchange("caption", draw("caption", rng), sentence(pick(known.captions, rng)))
    said = paragraph(known, rng)
    if len(said) >= LONG:
        yield Exchange("caption long", draw("caption long", rng), " ".join(said))


def paragraph(known: Known, rng: np.random.Generator) -> list[str]:
    """What the image shows, what covers it, how many there are of each thing, where they are and how they lie."""
    things = [(thing.name, thing.upright.to_unit(known.shape).bounds()) for thing in known.objects]
    boxed = [(name, box) for name, box in things if name in known.counted]
    texts = [pick(known.captions, rng)] if known.captions else []
    texts += from_cover(known.cover)[:1]
    counts = Counter(name for name, _ in boxed).most_common()
    if len(boxed) > 1:
        verb = "are" if counts[0][1] > 1 else "is"
        texts.append(f"there {verb} {listing([quantity(number, name)[0] for name, number in counts])}")
    where = [text for text in places.from_positions(boxed) if text.startswith("there ")]
    where += [*places.from_sizes(boxed), *places.from_relations(boxed, 2)]
    chosen = sorted(rng.permutation(len(where))[:3].tolist())
    return [sentence(text) for text in dict.fromkeys([*texts, *(where[k] for k in chosen)])][:MOST]
