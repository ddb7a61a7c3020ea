"""What a viewer can make out in a window, and what is too small, cut or hidden to be asked about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.instances import FOUND, Instance
from geoglot.data.synth.truth import Rendered, Truth
from geoglot.geo.grid import Window

NOUNS = {  # how a label is called where only one word will do: one, many
    "airplane": ("airplane", "airplanes"),
    "industrial building": ("industrial building", "industrial buildings"),
    "vehicle": ("vehicle", "vehicles"),
}
GROUNDS = {  # land cover in words; those not listed are told by their objects
    "water": "water", "forest": "forest", "crops": "farmland", "grass": "grass", "building": "buildings", "road": "roads",
    "bare": "bare ground", "sand": "sand", "paved": "paved ground", "cloud": "clouds", "orchard": "orchards",
}  # fmt: skip
NARROW = {"road": 5.0}  # metres a pixel above which a cover is too thin to be seen
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Facts:
    """A window of a rendered scene as its viewer knows it."""

    rendered: Rendered
    window: Window

    @cached_property
    def truth(self) -> Truth:
        """Shares and counts of the window."""
        return self.rendered.truth_at(self.window)

    @cached_property
    def present(self) -> tuple[Instance, ...]:
        """Every object of which anything lies in the frame, seen or not."""
        return self.rendered.instances(self.window)

    @cached_property
    def by_label(self) -> dict[str, tuple[Instance, ...]]:
        """What can be seen, if only as a speck, by label."""
        out: dict[str, list[Instance]] = {}
        for item in self.present:
            if item.found >= FOUND and item.visible > 0.05:
                out.setdefault(item.label, []).append(item)
        return {label: tuple(found) for label, found in out.items()}

    @property
    def kinds(self) -> list[str]:
        """The labels in sight, in order; not plain buildings, since houses and halls are buildings too."""
        return sorted(label for label in self.by_label if label != "building")

    def legible(self, label: str) -> tuple[Instance, ...]:
        """The objects of a label that a viewer could name."""
        return tuple(item for item in self.by_label.get(label, ()) if item.legible)

    def countable(self, label: str) -> bool:
        """Whether viewers would agree on the number: each object in sight is legible and nearly whole."""
        found = self.by_label.get(label, ())
        hidden = sum(item.label == label for item in self.present) - len(found)
        return not hidden and all(item.legible and item.visible > 0.8 for item in found)

    def absent(self, label: str) -> bool:
        """Whether there is none, not even one too small or hidden to be seen."""
        return all(item.label != label for item in self.present)

    def share(self, cover: str) -> float:
        """The share of a land cover class; 0 where it is too thin to be seen at this sampling distance."""
        return 0.0 if self.rendered.gsd > NARROW.get(cover, np.inf) else self.truth.cover.get(cover, 0.0)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.window[2], self.window[3]

    @property
    def north_up(self) -> bool:
        """Whether the top of the picture is the north."""
        grid = self.rendered.raster.grid
        return grid is not None and not grid.rotated and grid.transform.e < 0

    @cached_property
    def cover(self) -> NDArray[np.uint8]:
        """Class numbers of the window (H, W)."""
        row, col, height, width = self.window
        return self.rendered.cover[row : row + height, col : col + width]

    @cached_property
    def wet(self) -> NDArray[np.float64]:
        """Middles (x, y) of pixels of water, thinned to some hundreds."""
        step = max(1, int(max(self.shape) / 160))
        at = np.argwhere(self.cover[::step, ::step] == self.rendered.classes.index("water"))[:, ::-1] * step + 0.5
        return np.asarray(at[:: max(1, len(at) // 1500)], np.float64)

    def to_water(self, item: Instance) -> float:
        """Metres from an object's outline to the nearest water, about; infinite where there is none."""
        if not len(self.wet):
            return float("inf")
        gaps = np.hypot(*(item.polygon[:, None] - self.wet[None]).transpose(2, 0, 1))
        return float(gaps.min()) * self.rendered.gsd

    def colour(self, item: Instance) -> str | None:
        """The colour of an object as a word; None without a picture in natural colours or where viewers would differ."""
        names = [band.common for band in self.rendered.raster.bands]
        if names[:3] != list(COLOURS) or self.rendered.raster.data.dtype != np.uint8:
            return None
        row, col, h, w = self.window
        left, top, right, bottom = item.upright.bounds()
        a, b, c, d = max(0, int(top)), min(h, math.ceil(bottom)), max(0, int(left)), min(w, math.ceil(right))
        on = item.mask(a, c, (b - a, d - c))
        if on.sum() < 6:
            return None
        part = self.rendered.raster.data[:3, row + a : row + b, col + c : col + d]
        return colour_name(np.median(part[:, on], axis=1))


def facts(rendered: Rendered, window: Window | None = None) -> Facts:
    """What can be known of a window (row, column, height, width in pixels; all by default)."""
    return Facts(rendered, window or (0, 0, *rendered.cover.shape))


def colour_name(rgb: NDArray[np.float64]) -> str | None:
    """The word for a colour (counts 0 to 255), None between two words."""
    r, g, b = (float(v) for v in rgb)
    top, low = max(r, g, b), min(r, g, b)
    vivid = (top - low) / max(top, 1.0)
    if vivid < 0.13:
        return "white" if top > 190 else "grey" if 90 < top < 165 else "black" if top < 60 else None
    if vivid < 0.3 or top < 60:
        return None
    if r == top:
        return "red" if g - low < 0.4 * (top - low) else None
    if b == top:
        return "blue" if r - low < 0.5 * (top - low) else None
    return "green" if vivid > 0.35 else None
