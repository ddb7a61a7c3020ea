"""Captions of a view: what lies there, how objects lie to one another, season, clouds and what kind of picture it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.describe import describe
from geoglot.data.synth.facts import Facts, facts
from geoglot.data.synth.refer import noun, referring
from geoglot.data.synth.relations import COMPASS, between, gap, next_to, part, side
from geoglot.data.synth.seasons import STATE, Season
from geoglot.data.synth.truth import Rendered
from geoglot.geo.grid import Window
from geoglot.text.sentences import has_direction

OPENINGS = ("a satellite photo of ", "an aerial view of ", "a satellite image of ", "an aerial photograph of ")
RADAR = ("a radar image of ", "a synthetic aperture radar image of ")
GREY = ("a panchromatic image of ", "a greyscale image of ")
FALSE = ("an infrared image of ", "a false-colour image of ")
HEAT = ("a thermal image of ",)
UNSEEN = re.compile(  # words for what a radar picture does not show
    r"grass|green|sand|beach|bare|barren|soil|fruit|vine|pool|road|tennis|football|baseball|track|photo|aerial|parking|car park|"
    r"satellite image|solar|paved|church|roundabout|homes?\b|houses? close|railway"
)
SOME, MUCH = 0.08, 0.45  # shares of cloud worth telling, and that hide a good part


@dataclass(frozen=True)
class About:
    """What is known of a picture beside its ground: "radar" or "", its bands' names, the state map and the season, if dated."""

    kind: str
    bands: tuple[str, ...]
    state: NDArray[np.uint8] | None
    season: Season | None

    @property
    def openings(self) -> tuple[str, ...]:
        """How a caption may say what kind of picture it is."""
        if self.kind == "radar":
            return RADAR
        if self.bands == ("pan",):
            return GREY
        if all(name.startswith("lwir") for name in self.bands):
            return HEAT
        return FALSE if self.bands[:2] == ("nir", "red") else ()


def captions(truth: Rendered, about: About, window: Window | None, count: int, seed: int) -> list[str]:
    """At most `count` different true captions of a window; those on clouds, season and relations are among the first."""
    radar = about.kind == "radar"
    f = facts(truth, window, radar)
    rng = np.random.default_rng([seed, 67, *f.window])
    plain = describe(truth, f.window, 4 * count if radar else count, seed)
    if radar:
        plain = [text for text in plain if not UNSEEN.search(text)][:count]
    added = [*_weather(f, rng), *_season(f, about, rng)]
    out: dict[str, None] = {}
    for number, text in enumerate(sorted(plain, key=lambda text: text.startswith(("there ", *OPENINGS)))):
        bare = not text.startswith(("there ", *OPENINGS))
        if added and bare and (number == 0 or rng.random() < 0.5):
            text = f"{text} {added[int(rng.integers(len(added)))]}"
        if about.openings and bare and (number == 1 or rng.random() < 0.5):
            text = about.openings[int(rng.integers(len(about.openings)))] + text
        out.setdefault(text)
    told = list(out)
    related = _related(f, rng)
    keep = count - min(len(related), max(1, count // 3))
    return [*told[:keep], *related[: count - keep], *told[keep:]][:count]


def _weather(f: Facts, rng: np.random.Generator) -> list[str]:
    share = f.truth.cover.get("cloud", 0.0)
    if share < SOME:
        return []
    if share > MUCH:
        return [("mostly hidden by clouds" if share > 0.6 else "under many clouds"), "through gaps in the clouds"]
    return ["under scattered clouds", "partly hidden by clouds", "with clouds above"]


def _season(f: Facts, about: About, rng: np.random.Generator) -> list[str]:
    """What of the season can be seen: snow, flowering or harvested fields, leaves that turn."""
    if about.state is None or about.kind == "radar":
        return []
    row, col, h, w = f.window
    state = about.state[row : row + h, col : col + w]
    clear = f.cover != (f.rendered.classes.index("cloud") if "cloud" in f.rendered.classes else -1)
    share = {name: float(((state == number) & clear).mean()) for name, number in STATE.items()}
    fields = f.truth.cover.get("crops", 0.0)
    woods = f.truth.cover.get("forest", 0.0)
    out = []
    if share["snow"] > 0.5:
        out += ["under snow", "in snow", "in winter"]
    elif share["snow"] > 0.15:
        out += ["with patches of snow"]
    if fields > 0.3 and share["snow"] < 0.1:
        if share["stubble"] + share["bare"] > 0.6 * fields:
            out += (
                ["after the harvest", "with bare fields"]
                if about.season and about.season.name != "spring"
                else ["with bare fields"]
            )
        if share["flowering"] > 0.12:
            out += ["with fields in flower"]
        if share["ripe"] > 0.4 * fields:
            out += ["before the harvest", "with ripe fields"]
    if woods > 0.3 and share["autumn"] > 0.5 * woods and len(about.bands) >= 3:
        out += ["in autumn", "with autumn leaves"]
    return out


def _related(f: Facts, rng: np.random.Generator) -> list[str]:
    """Sentences on how single objects lie in the picture and to one another."""
    told = [r for r in referring(f) if not has_direction(r.text) and "most " not in r.text and " image" not in r.text]
    out: dict[str, None] = {}
    for _ in range(16 if told else 0):
        a, b = (told[int(k)] for k in rng.integers(0, len(told), 2))
        if a.item is b.item:
            if "closest to" not in a.text and (spot := part(*a.item.centre, f.shape)):
                name = a.text.replace("the only ", "a ") if a.text.startswith("the only") else a.text
                out.setdefault(f"{name} in the {spot} of the image")
            continue
        way = side(a.item, b.item)
        if way and f.north_up and rng.random() < 0.3:
            out.setdefault(f"{a.text} {COMPASS[way]} {b.text}")
        elif next_to(a.item, b.item):
            out.setdefault(f"{a.text} next to {b.text}")
        elif way and gap(a.item, b.item) < 6 * max(a.item.sides[0], b.item.sides[0]):
            out.setdefault(f"{a.text} {way} {b.text}")
        for c in told[:12]:
            if c.item is not a.item and c.item is not b.item and between(c.item, a.item, b.item):
                out.setdefault(f"{c.text} between {a.text} and {b.text}")
                break
    for label in f.kinds:
        near = [item for item in f.legible(label) if f.to_water(item) < 40]
        if label not in ("ship", "bridge", "vehicle") and len(near) > 1 and len(near) == len(f.by_label[label]):
            out.setdefault(f"{noun(label, 2)} near the water")
    return list(out)
