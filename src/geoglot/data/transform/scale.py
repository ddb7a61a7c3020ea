"""Coarser pictures: what becomes too small to see is not spoken of, and the metres a pixel that are named are put right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError
from geoglot.data.sample import Thing
from geoglot.data.transform.shown import Shown, reworded
from geoglot.text.claims import recount, rescaled
from geoglot.text.sentences import plural

SEEN = 3.0  # pixels along the longer side below which an object is a speck


@dataclass(frozen=True)
class Coarsen:
    """Averages pictures to ``factor`` times fewer pixels a side; objects under three pixels long are left out."""

    factor: float

    def __post_init__(self) -> None:
        if not self.factor >= 1:  # less would invent detail
            raise InputError(f"A picture is made coarser by a factor of at least 1, got {self.factor}.")

    def __call__(self, shown: Shown) -> Shown:
        """Give the coarser sample."""
        height, width = (max(1, round(side / self.factor)) for side in shown.size)
        sample = shown.sample

        def seen(thing: Thing) -> bool:
            x0, y0, x1, y1 = thing.box
            return max((x1 - x0) * width, (y1 - y0) * height) >= SEEN

        before = Counter(thing.name for thing in sample.things)
        after = Counter(thing.name for thing in sample.things if seen(thing))

        def words(text: str) -> str | None:
            plain = recount(text, before, after)
            return None if plain is None else rescaled(plain, self.factor)

        changed = reworded(sample, words, lambda thing: thing if seen(thing) else None)
        gone = {word for name in before if not after[name] for word in (name, plural(name))}
        turns = tuple(turn for turn in changed.turns if before == after or not any(n in turn.question.lower() for n in before))
        return Shown(
            tuple(_resized(pixels, height, width, Image.Resampling.BOX) for pixels in shown.pixels),
            {name: _resized(mask, height, width, Image.Resampling.NEAREST) for name, mask in shown.masks.items()},
            replace(
                changed,
                turns=turns,
                labels=tuple(label for label in sample.labels if label not in gone),
                gsd=None if sample.gsd is None else sample.gsd * self.factor,
            ),
            shown.names,
        )


def _resized(data: NDArray[np.uint8], height: int, width: int, how: Image.Resampling) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(data).resize((width, height), how))
