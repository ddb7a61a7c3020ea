"""Quarter turns and mirror images."""

from __future__ import annotations

from dataclasses import dataclass, replace

from geoglot.data.sample import Thing
from geoglot.data.transform.shown import Shown, reworded
from geoglot.geo.symmetry import Symmetry
from geoglot.text.directions import rewrite


@dataclass(frozen=True)
class Turn:
    """Turns pictures, masks, boxes and outlines, rewrites directions in words, and drops what has no certain other wording."""

    symmetry: Symmetry

    def __call__(self, shown: Shown) -> Shown:
        """Give the turned sample."""
        move = self.symmetry

        def thing(old: Thing) -> Thing:
            return replace(old, box=move.bounds(*old.box), outline=tuple(move.point(x, y) for x, y in old.outline))

        return Shown(
            tuple(move.pixels(pixels) for pixels in shown.pixels),
            {name: move.pixels(mask) for name, mask in shown.masks.items()},
            reworded(shown.sample, lambda text: rewrite(text, move), thing),
            shown.names,
        )
