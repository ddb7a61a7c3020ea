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
    "greenhouse": (("greenhouse", "glasshouse"), ("greenhouses", "glasshouses")),
    "football field": (("football field", "football pitch"), ("football fields", "football pitches")),
    "baseball field": (("baseball field", "baseball diamond"), ("baseball fields", "baseball diamonds")),
    "tennis court": (("tennis court",), ("tennis courts",)),
    "running track": (("running track",), ("running tracks",)),
    "stadium": (("stadium",), ("stadiums",)),
    "church": (("church",), ("churches",)),
    "roundabout": (("roundabout",), ("roundabouts",)),
    "dam": (("dam",), ("dams",)),
    "swimming pool": (("swimming pool", "pool"), ("swimming pools", "pools")),
    "railway carriage": (("railway carriage", "train carriage"), ("railway carriages", "trains")),
}
SINGLE = {  # works that stand out: the least number to be told, the metres a pixel above which they look like others
    "stadium": (1, 10.0), "running track": (1, 5.0), "football field": (1, 5.0), "baseball field": (1, 4.0), "dam": (1, 12.0),
    "church": (1, 1.5), "roundabout": (1, 4.0), "greenhouse": (2, 3.0), "tennis court": (2, 2.0), "railway carriage": (3, 2.0),
    "swimming pool": (3, 1.0),
}  # fmt: skip
GROUNDS = {  # areas of use: the least share of a window to be told, the metres a pixel above which they look like others
    "solar park": (0.10, 6.0, ("a solar park", "rows of solar panels", "a photovoltaic plant")),
    "orchard": (0.15, 2.5, ("an orchard", "rows of fruit trees", "orchards")),
    "vineyard": (0.15, 2.0, ("a vineyard", "rows of vines", "vineyards")),
    "quarry": (0.10, 10.0, ("a quarry", "an open pit")),
    "parking lot": (0.10, 2.5, ("a parking lot", "a car park")),
    "sports ground": (0.15, 4.0, ("a sports ground", "sports fields")),
    "pivot field": (0.20, 20.0, ("circular fields", "round irrigated fields", "centre-pivot fields")),
    "junction": (0.10, 5.0, ("a motorway junction", "a road interchange")),
    "railway": (0.06, 3.0, ("a railway", "railway tracks")),
    "reservoir": (0.10, 15.0, ("a reservoir",)),
}
WATER = {"river": ("a river", "a winding river"), "sea": ("the sea", "the coast", "the shore"),
         "lake": ("a lake", "the lake shore"), "reservoir": ("a reservoir",), "pond": ("a pond",)}  # fmt: skip
FIELDS = ("farmland", "fields", "cropland", "agricultural fields", "farm fields")
WOODS = ("forest", "woodland", "trees", "woods")
TOWN = ("a town", "a residential area", "a built-up area", "a neighbourhood")
PORT = ("a harbour", "a port", "a dock", "a harbor")
AIR = ("an airfield", "an airport")
SOME, MUCH, MOST = 0.06, 0.35, 0.72  # shares of a window: worth telling, a good part, nearly all


@dataclass(frozen=True)
class Saying:
    """Something true of a window: its words, whether they are plural, and what it speaks of (told only once)."""

    text: str
    plural: bool
    about: frozenset[str]


def say(text: str, about: str, plural: bool | None = None) -> Saying:
    """Make a saying; `about` is one or more words, the first the main one."""
    return Saying(text, text.endswith("s") if plural is None else plural, frozenset(about.split()))


def scene_class(truth: Truth) -> str:
    """Return what kind of scene a window is: one of SCENES."""

    def c(name: str) -> float:
        return truth.cover.get(name, 0.0)

    def u(name: str) -> float:
        return truth.use.get(name, 0.0)

    n = truth.count
    rules = (
        ("storage tanks", n.get("storage tank", 0) >= 2 and u("tank farm") > 0.12),
        ("solar park", u("solar park") > 0.3 and truth.gsd <= 6),
        ("quarry", u("quarry") > 0.3),
        ("stadium", n.get("stadium", 0) >= 1),
        ("airport", n.get("airplane", 0) >= 1 or c("runway") > 0.04),
        ("harbour", u("harbour") > 0.25 and c("water") > 0.08 and n.get("ship", 0) >= 1),
        ("motorway junction", u("junction") > 0.4 and c("road") > 0.08 and truth.gsd <= 5),
        ("railway", u("railway") > 0.25 and c("rail") > 0.06 and truth.gsd <= 3),
        ("parking lot", u("parking lot") > 0.4 and truth.gsd <= 2.5),
        ("sports ground", u("sports ground") > 0.4 and truth.gsd <= 4),
        ("orchard", u("orchard") + u("vineyard") > 0.5 and truth.gsd <= 2.5),
        ("industrial area", u("industrial area") > 0.5 or n.get("industrial building", 0) >= 4),
        ("dense houses", u("town") > 0.45 and c("building") > 0.2),
        ("houses", u("town") > 0.45 and c("building") > 0.06),
        ("beach", c("sand") > 0.1 and c("water") > 0.1 and u("sea") > 0.1),
        ("river", u("river") > 0.05 and 0.05 < c("water") < 0.8),
        ("lake", c("water") > 0.25 and u("lake") > 0.2),
        ("water", c("water") > 0.5),
    )
    for name, holds in rules:
        if holds:
            return name
    names = {"crops": "farmland", "forest": "forest", "grass": "grassland", "bare": "bare land", "sand": "desert",
             "water": "water", "orchard": "farmland"}  # fmt: skip
    return names[max(names, key=c)]


SCENES = (
    "storage tanks", "solar park", "quarry", "stadium", "airport", "harbour", "motorway junction", "railway", "parking lot",
    "sports ground", "orchard", "industrial area", "dense houses", "houses", "beach", "river", "lake", "water",
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

    def use(self, name: str) -> float:
        """Share of an area of use."""
        return self.t.use.get(name, 0.0)

    def things(self, label: str, least: int = 1) -> tuple[str, bool] | None:
        """Name the objects of a label with their number, and whether that is plural; None if there are too few."""
        n = self.t.count.get(label, 0)
        if n < least:
            return None
        one, many = OBJECTS[label]
        if n == 1:
            word = self.pick(one)
            return ("an " if word[0] in "aeio" else "a ") + word, False
        if n < len(NUMBERS):
            number = NUMBERS[n] if n <= 3 or self.rng.random() < 0.5 else "several"
        else:
            number = self.pick(("", "many", "dozens of") if n >= 24 else ("", "several", "many"))
        return f"{number} {self.pick(many)}".strip(), True

    def water(self) -> str | None:
        """Name the water of the window, or None where there is hardly any."""
        if self.cover("water") < 0.03:
            return None
        uses = [name for name in WATER if self.use(name) > 0.03]
        return self.pick(WATER[uses[0]] if uses and self.rng.random() < 0.6 else ("the water", "water"))

    def sayings(self) -> list[Saying]:
        """Tell what stands out: objects in their places first, then the cover, most telling first."""
        lone = [say(h[0], "town", True)] if self.use("town") <= 0.12 and (h := self.things("house", 2)) else []
        return self._objects() + self._places() + self._built() + self._land() + lone

    def _places(self) -> list[Saying]:
        """Areas with a use, and single works that stand out."""
        out = []
        for name, (least, coarsest, words) in GROUNDS.items():
            if self.use(name) > least and self.t.gsd <= coarsest:
                text = self.pick(words)
                out.append(say(text, name, text.endswith("s") or text.startswith("rows")))
        for label, (least, coarsest) in SINGLE.items():
            if self.t.gsd <= coarsest and (found := self.things(label, least)):
                out.append(say(found[0], label.replace(" ", "-"), found[1]))
        return out

    def _objects(self) -> list[Saying]:
        out, water, near = [], self.water(), self.pick(("by", "next to", "near", "beside"))
        if tanks := self.things("storage tank"):
            wet = water is not None and "storage tank" in self.t.near
            depot = " at a depot" if self.use("tank farm") > 0.2 and self.rng.random() < 0.3 else ""
            out.append(say(f"{tanks[0]} {near} {water}" if wet else tanks[0] + depot, "tank water" if wet else "tank", tanks[1]))
        if planes := self.things("airplane"):
            place = f"on {self.pick(AIR)}" if self.rng.random() < 0.5 else f"at {self.pick(AIR)}"
            out.append(say(f"{planes[0]} {place}", "airport", planes[1]))
        if self.cover("runway") > 0.03:
            out.append(say(self.pick(("a runway", "an airport runway", "a runway of an airfield")), "runway airport", False))
        if ships := self.things("ship"):
            port = self.use("harbour") > 0.2
            place = f"in {self.pick(PORT)}" if port else "on the water"
            out.append(say(f"{ships[0]} {place}", "ship water harbour" if port else "ship water", ships[1]))
        elif self.use("harbour") > 0.4 and water:
            out.append(say(f"the quays of {self.pick(PORT)}", "harbour water", True))
        bridge = self.things("bridge")
        if bridge and water:
            over = self.pick(WATER["river"]) if self.use("river") > 0.02 else "the water"
            out.append(say(f"{bridge[0]} over {over}", "bridge water", bridge[1]))
        return out

    def _built(self) -> list[Saying]:
        out = []
        works, houses, town = self.things("industrial building", 2), self.things("house", 2), self.use("town")
        if works:
            area = self.use("industrial area") > 0.3 and self.rng.random() < 0.5
            out.append(say("an industrial area" if area else works[0], "works", not area))
        if houses and town > 0.6 and self.cover("building") > 0.22:
            dense = ("dense houses", "a dense residential area", "a town with houses close together")
            out.append(say(self.pick(dense), "town"))
        elif houses and town > 0.12:
            place = self.pick(TOWN)
            text = self.pick((f"{houses[0]} in {place}", f"{place} with houses", place, houses[0]))
            out.append(say(text, "town", text.startswith(houses[0])))
        return out

    def _land(self) -> list[Saying]:
        out, water = [], self.water()
        crops, forest, wet = self.cover("crops"), self.cover("forest"), self.cover("water")
        if crops > SOME:
            word = self.pick(FIELDS)
            river = self.use("river") > 0.03 and wet > 0.03 and crops > 0.25
            along = f"{self.pick(('along', 'beside', 'next to'))} {self.pick(('a river', 'a river', 'a winding river'))}"
            out.append(
                say(
                    f"{word} {along}" if river else word,
                    "fields water" if river else "fields",
                    word not in ("farmland", "cropland"),
                )
            )
        if forest > SOME:
            dense = ("dense forest", "a forest", "dense woodland", "closed forest")
            out.append(say(self.pick(dense if forest > MOST else WOODS), "forest"))
        if water and wet > SOME:
            out.append(say(water, "water", False))
        if self.cover("sand") > SOME:
            sea = self.use("sea") > 0.03 and wet > 0.03
            out.append(say(self.pick(("a sandy beach", "a beach") if sea else ("desert sand", "sand")), "sand", False))
        if self.cover("grass") > 0.25:
            out.append(say(self.pick(("grass", "grassland", "green ground")), "grass", False))
        if self.cover("bare") > 0.2:
            out.append(say(self.pick(("bare ground", "bare soil", "barren land")), "bare", False))
        if self.cover("road") > 0.012 and self.t.gsd < 5:
            through = crops > MUCH
            road = self.pick(("a road", "roads"))
            out.append(say(f"{road} through {self.pick(FIELDS)}" if through else road, "road fields" if through else "road",
                           road == "roads"))  # fmt: skip
        if self.cover("paved") > 0.25 and self.use("airfield") < 0.1:
            out.append(say(self.pick(("paved ground", "a paved yard")), "paved", False))
        return out

    def caption(self) -> str:
        """Tell one sentence about the window."""
        found = self.sayings()
        if not found:
            best = max(self.t.cover, key=lambda name: self.t.cover[name])
            return {"water": "open water", "crops": "farmland", "paved": "paved ground"}.get(best, f"{best} ground")
        main = found[0 if self.rng.random() < 0.7 else int(self.rng.integers(min(3, len(found))))]
        told, text = set(main.about), main.text
        for chance in (0.6, 0.35):
            rest = [f for f in found if not f.about & told]
            if not rest or self.rng.random() > chance:
                break
            text += f" {self.pick(('and', 'with', 'near', 'next to', 'and') if text == main.text else ('and',))} {rest[0].text}"
            told |= rest[0].about
        there = "there are " if main.plural else "there is "
        near = ("an aerial view of ", "an aerial photograph of ") if self.t.gsd < 5 else ("a satellite photo of ",)
        return self.pick(("", "", "", "a satellite image of ", *near, there)) + text


def describe(rendered: Rendered, window: Window | None = None, count: int = 5, seed: int = 0) -> list[str]:
    """Tell what a window (row, column, height, width in pixels) shows, in `count` different true captions at most."""
    truth = rendered.truth_at(window)
    teller = Teller(truth, np.random.default_rng([seed, *(window or (0, 0, 0, 0))]))
    out: dict[str, None] = {}
    for _ in range(4 * count):
        out.setdefault(teller.caption())
        if len(out) == count:
            break
    return list(out)
