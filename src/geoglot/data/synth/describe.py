"""Captions of a window of a rendered scene, made from its exact truth and varied in wording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geoglot.data.synth.truth import Rendered, Truth
from geoglot.geo.grid import Window

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
OBJECTS = {
    "ship": (("ship", "boat", "vessel"), ("ships", "boats", "vessels")),
    "airplane": (("airplane", "plane", "aircraft"), ("airplanes", "planes", "parked airplanes", "aircraft")),
    "storage tank": (("storage tank", "oil tank", "round tank"), ("storage tanks", "oil tanks", "round storage tanks")),
    "bridge": (("bridge",), ("bridges",)),
    "industrial building": (("warehouse", "industrial building"), ("warehouses", "industrial buildings", "factory halls")),
    "house": (("house", "home"), ("houses", "homes", "residential buildings")),
    "terminal": (("airport terminal",), ("airport terminals",)),
    "hangar": (("hangar",), ("hangars",)),
}
WATER = {"river": ("a river", "a winding river", "the river"), "sea": ("the sea", "the coast", "the shore"),
         "lake": ("a lake", "the lake shore")}  # fmt: skip
FIELDS = ("farmland", "fields", "cropland", "agricultural fields", "farm fields")
WOODS = ("forest", "woodland", "trees", "woods")
TOWN = ("a town", "a residential area", "a built-up area", "a neighbourhood")
PORT = ("a harbour", "a port", "a dock", "a harbor")
AIR = ("an airfield", "an airport")


@dataclass(frozen=True)
class Scale:
    """Shares of a window above which a thing is worth telling."""

    some: float = 0.06
    much: float = 0.35
    most: float = 0.72


LIMIT = Scale()


def scene_class(truth: Truth) -> str:
    """Return what kind of scene a window is: one of SCENES."""
    c, u, n = truth.cover.get, truth.use.get, truth.count.get
    if n("storage tank", 0) >= 2 and u("tank farm", 0.0) > 0.12:
        return "storage tanks"
    if n("airplane", 0) >= 1 or c("runway", 0.0) > 0.04:
        return "airport"
    if u("harbour", 0.0) > 0.25 and c("water", 0.0) > 0.08 and n("ship", 0) >= 1:
        return "harbour"
    if u("industrial area", 0.0) > 0.5 or n("industrial building", 0) >= 4:
        return "industrial area"
    if u("town", 0.0) > 0.45 and c("building", 0.0) > 0.06:
        return "dense houses" if c("building", 0.0) > 0.2 else "houses"
    if c("sand", 0.0) > 0.1 and c("water", 0.0) > 0.1 and u("sea", 0.0) > 0.1:
        return "beach"
    if u("river", 0.0) > 0.05 and c("water", 0.0) < 0.8:
        return "river"
    if c("water", 0.0) > 0.25:
        return "lake" if u("lake", 0.0) > 0.2 else "water"
    best = max(("crops", "forest", "grass", "bare", "sand"), key=lambda name: c(name, 0.0))
    return {"crops": "farmland", "forest": "forest", "grass": "grassland", "bare": "bare land", "sand": "desert"}[best]


SCENES = (
    "storage tanks", "airport", "harbour", "industrial area", "dense houses", "houses", "beach", "river", "lake", "water",
    "farmland", "forest", "grassland", "bare land", "desert",
)  # fmt: skip


class Teller:
    """Chooses among true statements about a window."""

    def __init__(self, truth: Truth, rng: np.random.Generator) -> None:
        self.t = truth
        self.rng = rng

    def pick(self, words: tuple[str, ...]) -> str:
        """Choose one wording."""
        return words[int(self.rng.integers(len(words)))]

    def cover(self, name: str) -> float:
        """Share of a land cover class."""
        return self.t.cover.get(name, 0.0)

    def things(self, label: str, least: int = 1) -> str | None:
        """Name the objects of a label with their number ("three ships", "many houses"), or None if there are too few."""
        n = self.t.count.get(label, 0)
        if n < least:
            return None
        one, many = OBJECTS[label]
        if n == 1:
            word = self.pick(one)
            return ("an " if word[0] in "aeio" else "a ") + word
        if n < len(NUMBERS):
            return f"{NUMBERS[n]} {self.pick(many)}"
        if self.rng.random() < 0.4:
            return self.pick(many)
        return f"{self.pick(('many', 'a lot of', 'dozens of') if n >= 24 else ('several', 'a number of', 'many'))} {self.pick(many)}"

    def water(self) -> str | None:
        """Name the water of the window, or None."""
        if self.cover("water") < 0.03:
            return None
        uses = [name for name in WATER if self.t.use.get(name, 0.0) > 0.03]
        return self.pick(WATER[uses[0]] if uses and self.rng.random() < 0.6 else ("the water", "water"))

    def subjects(self) -> list[str]:
        """Name what stands out: objects in their places first, then the cover, most telling first."""
        t, out = self.t, []
        water = self.water()
        if tanks := self.things("storage tank"):
            by = f" {self.pick(('by', 'next to', 'near', 'beside'))} {water}" if water and "storage tank" in t.near else ""
            out.append(tanks + (by or self.pick(("", " at a depot" if t.use.get("tank farm", 0) > 0.2 else ""))))
        if planes := self.things("airplane"):
            out.append(f"{planes} {self.pick(('on', 'at'))} {self.pick(AIR)}")
        if self.cover("runway") > 0.03:
            out.append(self.pick(("a runway", "an airport runway", "a runway of an airfield")))
        if ships := self.things("ship"):
            port = t.use.get("harbour", 0.0) > 0.2
            out.append(f"{ships} in {self.pick(PORT)}" if port else f"{ships} on the water")
        elif t.use.get("harbour", 0.0) > 0.4 and self.cover("water") > 0.03:
            out.append(f"quays of {self.pick(PORT)}")
        if self.t.count.get("bridge") and water:
            over = water if t.use.get("river", 0.0) > 0.02 else self.pick(("the water", "water"))
            out.append(f"{self.things('bridge')} over {over}")
        if works := self.things("industrial building", 2):
            out.append(works)
        out += self._town() + self._land(water)
        return out

    def _town(self) -> list[str]:
        built = self.t.use.get("town", 0.0)
        houses = self.things("house", 2)
        if not houses or built < 0.12:
            return [houses] if houses and built > 0 else []
        if built > 0.6 and self.cover("building") > 0.22:
            return [self.pick(("dense houses", "a dense residential area", "a town with houses close together"))]
        place = self.pick(TOWN)
        return [self.pick((f"{houses} in {place}", place + " with houses", place, houses))]

    def _land(self, water: str | None) -> list[str]:
        out = []
        crops, forest, wet = self.cover("crops"), self.cover("forest"), self.cover("water")
        if crops > LIMIT.some:
            word = self.pick(FIELDS)
            river = self.t.use.get("river", 0.0) > 0.03 and wet > 0.03
            along = f" {self.pick(('along', 'beside', 'next to'))} {self.pick(('a river', 'the river'))}"
            out.append(word + (along if river and crops > 0.25 else ""))
        if forest > LIMIT.some:
            out.append(self.pick(("dense forest", "a forest", "dense woodland", "closed forest")) if forest > LIMIT.most
                       else self.pick(WOODS))  # fmt: skip
        if water and wet > LIMIT.some:
            out.append(water)
        if self.cover("sand") > LIMIT.some:
            sea = self.t.use.get("sea", 0.0) > 0.03 and wet > 0.03
            out.append(self.pick(("a sandy beach", "a beach") if sea else ("desert sand", "sand", "a desert")))
        if self.cover("grass") > 0.25:
            out.append(self.pick(("grass", "grassland", "green ground")))
        if self.cover("bare") > 0.2:
            out.append(self.pick(("bare ground", "bare soil", "barren land")))
        if self.cover("road") > 0.012 and self.t.gsd < 5:
            through = " through " + self.pick(FIELDS) if crops > LIMIT.much else ""
            out.append(self.pick(("a road", "a road", "roads")) + through)
        if self.cover("paved") > 0.25 and self.t.use.get("airfield", 0.0) < 0.1:
            out.append(self.pick(("paved ground", "a paved yard")))
        return out

    def caption(self) -> str:
        """Tell one sentence about the window."""
        found = self.subjects()
        if not found:
            best = max(self.t.cover, key=lambda name: self.t.cover[name])
            return {"water": "open water", "crops": "farmland"}.get(best, f"{best} ground")
        main = found[0] if self.rng.random() < 0.75 else self.pick(tuple(found[:3]))
        rest = [f for f in found if f != main]
        text = main
        if rest and self.rng.random() < 0.6:
            text += f" {self.pick(('and', 'with', 'near', 'next to', 'and'))} {rest[0]}"
            if len(rest) > 1 and self.rng.random() < 0.35:
                text += f" and {rest[1]}"
        plural = text.split(" and ")[0].split(" in ")[0].split(" on ")[0].rstrip().endswith("s")
        lead = self.pick(("", "", "", "an aerial view of ", "a satellite image of ", "an aerial photograph of ",
                          "there are " if plural else "there is ", "we see "))  # fmt: skip
        return lead + text


def describe(rendered: Rendered, window: Window | None = None, count: int = 5, seed: int = 0) -> list[str]:
    """Tell what a window (row, column, height, width in pixels) shows, in `count` different true captions at most."""
    truth = rendered.truth_at(window)
    rng = np.random.default_rng([seed, *(window or (0, 0, 0, 0))])
    teller = Teller(truth, rng)
    out: dict[str, None] = {}
    for _ in range(4 * count):
        out.setdefault(teller.caption())
        if len(out) == count:
            break
    return list(out)
