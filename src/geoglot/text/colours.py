"""Colours of labels: by what the words mean where that is known, else apart from each other."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence

from geoglot.text.templates import NONE

_GREY = "#9a9a9a"
# What land-cover maps use, kept apart in lightness too, for eyes that tell few colours apart. The first that fits counts.
_MEANT = (
    (r"cloud|cloudy", "#f2f2f2"),
    (r"shadow", "#4d4d4d"),
    (r"snow|ice|glacier", "#cfeaf5"),
    (r"pool|pond", "#56b4e9"),
    (r"mangrove|wetland|marsh|swamp", "#5ab4ac"),
    (r"water|sea|ocean|lake|river|canal|reservoir|harbou?r", "#0072b2"),
    (r"flood|flooded", "#08519c"),
    (r"forest|wood|woodland|tree", "#00693e"),
    (r"grass|grassland|meadow|pasture|park|lawn|golf|rangeland", "#8fc951"),
    (r"farm|farmland|field|crop|cropland|agriculture|agricultural|orchard|vineyard", "#e6b800"),
    (r"shrub|scrub|chaparral|bush", "#a6a850"),
    (r"vegetation", "#4aa564"),
    (r"beach|sand|desert|dune", "#f0dc9c"),
    (r"bare|bareland|soil|rock|mountain|quarry|mine", "#a3785c"),
    (r"road|street|runway|highway|motorway|parking|pavement|asphalt|impervious", "#5f5f6b"),
    (r"rail|railway", "#7b3f61"),
    (r"industry|industrial|factory|warehouse|tank|plant", "#9467bd"),
    (r"building|house|roof|town|city|urban|residential|village|built|settlement", "#d2492a"),
    (r"ship|boat|vessel", "#cc79a7"),
    (r"plane|airplane|aircraft|airport", "#f28e2b"),
    (r"car|vehicle|truck", "#ffd92f"),
    (r"burn|burned|burnt|fire", "#7f1d1d"),
)
# after Okabe and Ito, who chose them for eyes that tell few colours apart, and others of the same kind
_FREE = "#d55e00 #009e73 #cc79a7 #56b4e9 #f0e442 #8a6bbe #e69f00 #7f5539 #84a98c #0072b2".split()


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each label a colour (``#rrggbb``): water blue, forest green; none twice. Other labels get the free ones in order."""
    made: dict[str, str] = {}
    for name in names:
        meant = _GREY if name == NONE else _meant(name)
        if meant is not None and meant not in made.values():
            made[name] = meant
    free = [colour for colour in _FREE if colour not in made.values()]
    at = 0
    for name in names:
        if name in made:
            continue
        if free:
            made[name] = free.pop(0)
            continue
        made[name] = _turned(at)
        at += 1
    return {name: made[name] for name in names}


def _meant(name: str) -> str | None:
    """The colour of the first word that has one: in "water|lake" that of water, in "boats in a harbour" that of boats."""
    for word in re.findall(r"[a-z]+", name.lower()):
        for pattern, colour in _MEANT:
            if re.fullmatch(rf"(?:{pattern})(?:s|es)?", word):
                return colour
    return None


def _turned(at: int) -> str:
    """A colour by the golden angle, so that neighbours differ."""
    red, green, blue = colorsys.hls_to_rgb(at * 0.381966 % 1, 0.45 + 0.15 * (at % 2), 0.6)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
