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
    "solar": "solar panels",
}  # fmt: skip
FINEST = {  # metres a pixel above which an object of usual size cannot be told from others; 2.5 where not listed
    "vehicle": 1.0, "swimming pool": 1.2, "house": 2.0, "tennis court": 2.0, "basketball court": 2.0, "airplane": 4.0,
    "ship": 4.0, "storage tank": 4.0, "football field": 5.0, "running track": 5.0, "industrial building": 6.0, "bridge": 6.0,
    "terminal": 8.0, "hangar": 8.0, "stadium": 10.0, "dam": 12.0,
}  # fmt: skip
# of something else, or too general
PARTS = frozenset({"building", "rooftop solar panels", "solar panel row", "railway carriage"})
SPECK = 1.5  # pixels of the longer side below which an object is nothing to a viewer
ECHOES = frozenset({"ship", "airplane", "storage tank", "bridge", "industrial building", "hangar", "terminal", "dam", "stadium"})
DARK = frozenset({"water", "forest", "building"})  # covers that a radar picture tells apart
NARROW = {"road": 5.0}  # metres a pixel above which a cover is too thin to be seen
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Facts:
    """A window of a rendered scene as its viewer knows it; in a radar picture he tells fewer things apart."""

    rendered: Rendered
    window: Window
    radar: bool = False

    @cached_property
    def truth(self) -> Truth:
        """Shares and counts of the window."""
        return self.rendered.truth_at(self.window)

    @cached_property
    def present(self) -> tuple[Instance, ...]:
        """Every object of some size of which anything lies in the frame, seen or not."""
        return self.rendered.instances(self.window, span=SPECK)

    @cached_property
    def touching(self) -> dict[str, int]:
        """How many objects there may be by label, specks and hidden ones too."""
        return self.rendered.touching(self.window)

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
        """The labels in sight that one may speak of singly, in order."""
        return sorted(label for label in self.by_label if self.tells(label))

    def tells(self, label: str) -> bool:
        """Whether the picture is fine enough, and of a kind, to show objects of a label."""
        fine = self.rendered.gsd <= FINEST.get(label, 2.5)
        return fine and label not in PARTS and (label in ECHOES or not self.radar)

    def legible(self, label: str) -> tuple[Instance, ...]:
        """The objects of a label that a viewer could name."""
        return tuple(item for item in self.by_label.get(label, ()) if item.legible)

    def countable(self, label: str) -> bool:
        """Whether viewers would agree on the number: each object in sight is legible and nearly whole."""
        found = self.by_label.get(label, ())
        return self.touching.get(label, 0) == len(found) and all(item.legible and item.visible > 0.8 for item in found)

    def absent(self, label: str) -> bool:
        """Whether there is none, not even one too small or hidden to be seen."""
        return not self.touching.get(label, 0)

    def share(self, cover: str) -> float:
        """The share of a land cover class; 0 where it is too thin to be seen at this sampling distance."""
        return self.truth.cover.get(cover, 0.0) if self.shows(cover) else 0.0

    def shows(self, cover: str) -> bool:
        """Whether a land cover is one of the scene's, wide enough to be seen and told apart by the sensor."""
        wide = self.rendered.gsd <= NARROW.get(cover, np.inf)
        return wide and cover in self.rendered.classes and (cover in DARK or not self.radar)

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


def facts(rendered: Rendered, window: Window | None = None, radar: bool = False) -> Facts:
    """What can be known of a window (row, column, height, width in pixels; all by default)."""
    return Facts(rendered, window or (0, 0, *rendered.cover.shape), radar)


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
