"""A sample with its pixels in memory, and changes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geoglot.core.config import Config
from geoglot.data.sample import Sample, Thing, Turn

Words = Callable[[str], str | None]


@dataclass(frozen=True)
class Shown:
    """A sample whose pictures (H, W, 3) and masks (H, W, indices as `Mask.read` gives them) are at hand.

    ``names`` are the classes of each mask. The ``sample`` holds no pictures and masks of its own: its words, boxes and
    shares speak of these pixels.
    """

    pixels: tuple[NDArray[np.uint8], ...]
    masks: Mapping[str, NDArray[np.uint8]]
    sample: Sample
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, sample: Sample) -> Shown:
        """Read a sample; raises what `Picture.read` raises."""
        pixels = tuple(picture.read() for picture in sample.pictures)
        masks = {what: mask.read() for what, mask in sample.masks.items()}
        names = {what: mask.names for what, mask in sample.masks.items()}
        return cls(pixels, masks, replace(sample, pictures=(), masks={}), names)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the first picture."""
        return self.pixels[0].shape[0], self.pixels[0].shape[1]


class Change(Protocol):
    """A change of a sample: pixels, masks, boxes and words together."""

    def __call__(self, shown: Shown) -> Shown:
        """Give the changed sample, in which everything that is still said is true."""


def chain(changes: Sequence[Change]) -> Change:
    """One change after another."""

    def run(shown: Shown) -> Shown:
        for change in changes:
            shown = change(shown)
        return shown

    return run


def reworded(sample: Sample, words: Words, things: Callable[[Thing], Thing | None] | None = None) -> Sample:
    """Change all texts of a sample by one function, which gives None for what is not true any more: it is left out.

    A question goes with its answer; of objects, attributes are texts too.
    """
    turns = []
    for turn in sample.turns:
        question, answer = words(turn.question), words(turn.answer)
        if question is not None and answer is not None:
            turns.append(Turn(question, answer))
    kept = [thing if things is None else things(thing) for thing in sample.things]
    captions = [text for text in map(words, sample.captions) if text]
    return replace(
        sample,
        captions=tuple(dict.fromkeys(captions)),
        turns=tuple(turns),
        things=tuple(replace(thing, attributes=_attributes(thing, words)) for thing in kept if thing is not None),
    )


def _attributes(thing: Thing, words: Words) -> dict[str, str]:
    changed = {name: words(text) for name, text in thing.attributes.items()}
    return {name: text for name, text in changed.items() if text is not None}


class Views(Config):
    """How often each kind of change is drawn, and how far it goes.

    ``turn``: share that is turned or mirrored; ``crop``: share that is cut to ``area`` of its area; ``colour``: share shown in
    grey or other colours; ``coarse``: share shown up to ``coarsest`` times coarser.
    """

    turn: float = 0.875
    crop: float = 0.5
    area: tuple[float, float] = (0.5, 1.0)
    colour: float = 0.1
    coarse: float = 0.2
    coarsest: float = 4.0

    def draw(self, size: tuple[int, int], rng: np.random.Generator) -> Change:
        """Draw a change for a picture of ``size`` (height, width); the same generator state gives the same one."""
        from geoglot.data.transform.colour import KINDS, Recolour
        from geoglot.data.transform.crop import Crop
        from geoglot.data.transform.scale import Coarsen
        from geoglot.data.transform.turn import Turn as Turned
        from geoglot.geo.symmetry import ALL

        changes: list[Change] = []
        if rng.random() < self.crop:
            share = float(np.sqrt(rng.uniform(*self.area)))
            height, width = (max(1, round(side * share)) for side in size)
            row, col = (int(rng.integers(0, side - part + 1)) for side, part in zip(size, (height, width), strict=True))
            changes.append(Crop((row, col, height, width)))
        if rng.random() < self.turn:
            changes.append(Turned(ALL[int(rng.integers(1, len(ALL)))]))
        if rng.random() < self.colour:
            changes.append(Recolour(KINDS[int(rng.integers(len(KINDS)))]))
        if rng.random() < self.coarse:
            changes.append(Coarsen(float(rng.uniform(1, self.coarsest))))
        return chain(changes)
