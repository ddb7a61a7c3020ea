"""The time of year on a place: sun, leaves, crops, snow and water, from a date and a latitude.

A temperate calendar, moved by latitude and turned round south of the equator; within the tropics each field keeps a
time of its own. It is plausible, not a climate model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.synth.legend import MATERIALS, PLANT
from geoglot.data.synth.paint import Sun
from geoglot.data.synth.world import Drawing, World

STATES = ("", "bare", "young", "green", "flowering", "ripe", "stubble", "flooded", "leafless", "autumn", "dull", "dry", "snow")
STATE = {name: index for index, name in enumerate(STATES)}
SEASONED = {  # counts (red, green, blue, nir) of what grows, by its state
    "bare": (122, 101, 80, 108), "young": (108, 118, 78, 178), "green": (76, 96, 58, 208), "flowering": (186, 180, 76, 205),
    "ripe": (172, 154, 110, 165), "stubble": (158, 144, 114, 152), "flooded": (74, 86, 84, 45), "leafless": (96, 86, 74, 112),
    "autumn": (126, 94, 56, 165), "dull": (104, 102, 76, 142), "dry": (146, 130, 98, 152), "snow": (236, 239, 243, 212),
}  # fmt: skip
# First day of the year of each state at 50 degrees north; the last one lasts through the new year.
CALENDAR = {
    "wheat": ((60, "young"), (105, "green"), (188, "ripe"), (214, "stubble"), (255, "bare"), (305, "young")),
    "maize": ((130, "young"), (165, "green"), (270, "ripe"), (295, "stubble"), (325, "bare")),
    "rapeseed": (
        (85, "green"),
        (115, "flowering"),
        (142, "green"),
        (188, "ripe"),
        (205, "stubble"),
        (245, "bare"),
        (265, "young"),
    ),
    "rice": ((120, "flooded"), (160, "green"), (250, "ripe"), (280, "stubble"), (310, "bare")),
    "vegetables": ((110, "young"), (150, "green"), (265, "bare")),
    "vineyard": ((110, "young"), (140, "green"), (270, "autumn"), (310, "leafless")),
    "orchard": ((100, "flowering"), (122, "green"), (285, "autumn"), (315, "leafless")),
    "meadow": ((85, "green"), (200, "dry"), (240, "green"), (330, "dull")),
    "grass": ((85, "green"), (205, "dry"), (240, "green"), (330, "dull")),
    "fallow": ((120, "dull"), (200, "dry"), (270, "bare")),
    "deciduous": ((105, "young"), (130, "green"), (280, "autumn"), (318, "leafless")),
    "conifer": ((0, "green"),),
}
WOODY = ("deciduous", "conifer", "orchard", "vineyard")  # they keep their own colour in leaf
LAWN = ("meadow", "grass")  # dry only in a dry year
SNOWY = {  # how much of a cover of snow a surface shows
    "water": 0.0, "pool": 0.0, "forest": 0.22, "needles": 0.3, "tree": 0.25, "fruit": 0.45, "glass": 0.2, "asphalt": 0.3,
    "track": 0.8, "roof": 0.85, "ship": 0.15, "vehicle": 0.25, "airplane": 0.1, "tank": 0.5, "runway": 0.35,
    "runway_paint": 0.2, "road_paint": 0.2, "marking": 0.3, "concrete": 0.5, "yard": 0.6, "pier": 0.5, "panel": 0.3,
}  # fmt: skip
LOWEST = 8.0  # degrees of sun below which no optical picture is taken


@dataclass(frozen=True)
class Season:
    """A time of year at a place: `day` in the calendar of 50 degrees north (0 to 365), sun, snow (share of open ground
    that it covers), `level` of the water in metres beside its mean, `dry` whether grass has withered, `tropical`.
    """  # fmt: skip

    time: datetime
    day: float
    sun: Sun
    snow: float
    level: float
    dry: bool
    tropical: bool

    @property
    def name(self) -> str:
        """Spring, summer, autumn or winter."""
        return ("winter", "spring", "summer", "autumn")[int(((self.day + 31) % 365) // 91.26)]


def sun_at(time: datetime, lon: float, lat: float) -> Sun:
    """Where the sun stands (to about a degree); times without a zone are UTC."""
    moment = time if time.tzinfo else time.replace(tzinfo=UTC)
    day = moment.timetuple().tm_yday
    hour = moment.hour + moment.minute / 60 + lon / 15
    tilt = math.radians(-23.44) * math.cos(2 * math.pi * (day + 10) / 365.25)
    turn, p = math.radians(15 * (hour - 12)), math.radians(lat)
    height = math.asin(math.sin(p) * math.sin(tilt) + math.cos(p) * math.cos(tilt) * math.cos(turn))
    east, north = -math.cos(tilt) * math.sin(turn), math.cos(p) * math.sin(tilt) - math.sin(p) * math.cos(tilt) * math.cos(turn)
    return Sun(math.degrees(math.atan2(east, north)) % 360, math.degrees(height))


def season(time: datetime, lonlat: tuple[float, float], seed: int = 0, snow: float | None = None) -> Season:
    """The season of a date at a longitude and latitude; a time of midnight stands for half past ten in the morning there.

    The seed settles the weather of the fortnight; `snow` (0 to 1) overrides it.
    """
    lon, lat = lonlat
    if snow is not None and not 0 <= snow <= 1:
        raise InputError(f"Snow is a share of the open ground from 0 to 1, got {snow}.")
    if (time.hour, time.minute) == (0, 0):
        minutes = round((10.5 - lon / 15) * 60) % 1440
        time = time.replace(hour=minutes // 60, minute=minutes % 60)
    local = (time.timetuple().tm_yday + (182.6 if lat < 0 else 0)) % 365
    late = (abs(lat) - 50) * 1.6  # spring comes later towards the poles, autumn sooner
    day = (local - late * math.cos(2 * math.pi * (local - 105) / 365)) % 365
    rng = np.random.default_rng([seed, time.year, time.timetuple().tm_yday // 14, 41])
    mean, swing = 27 - 0.42 * max(0.0, abs(lat) - 10), 0.2 * abs(lat)
    warm = mean - swing * math.cos(2 * math.pi * (local - 20) / 365) + 2.5 * float(rng.normal())
    cover = float(np.clip(-warm / 3, 0, 1)) if snow is None else snow
    level = 0.7 * math.cos(2 * math.pi * (local - 60) / 365) + 0.25 * float(rng.normal())
    dry = bool(rng.random() < 0.45)
    return Season(time, day, sun_at(time, lon, lat), cover, level, dry, abs(lat) < 20)


def lit(season: Season) -> Sun:
    """The sun of a season for an optical picture; `InputError` where it stands too low."""
    if season.sun.elevation < LOWEST:
        raise InputError(
            f"The sun stands {season.sun.elevation:.0f} degrees high on {season.time:%Y-%m-%d %H:%M} there: an optical picture "
            f"needs {LOWEST:.0f}. Choose another time, or a radar."
        )
    return season.sun


def mixed_up(values: NDArray[np.uint64], salt: int) -> NDArray[np.float64]:
    """A fixed number in [0, 1) for each integer."""
    v = (values + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    v ^= v >> np.uint64(29)
    v *= np.uint64(0xBF58476D1CE4E5B9)
    number: NDArray[np.float64] = (v >> np.uint64(11)).astype(np.float64) / 2.0**53
    return number


def field_numbers(d: Drawing) -> NDArray[np.uint64]:
    """A number that the shapes of one field share: that of its rows, else of its plant."""
    number: NDArray[np.uint64] = np.where(
        d.stripe > 0, d.stripe.astype(np.uint64), d.plant.astype(np.uint64) + np.uint64(1 << 20)
    )
    return number


def states(world: World, season: Season) -> NDArray[np.uint8]:
    """The state of each shape of a drawing (N,), a number of STATES; 0 where nothing grows and no snow lies."""
    d = world.drawing
    out = np.zeros(len(d.material), np.uint8)
    field = field_numbers(d)
    early = (mixed_up(field, world.seed) - 0.5) * 16  # fields are sown and cut within two weeks of each other
    if season.tropical:
        early = mixed_up(field, world.seed) * 365
    for name, turns in CALENDAR.items():
        own = np.flatnonzero(d.plant == PLANT[name])
        if not len(own):
            continue
        trees = name in WOODY
        day = (season.day + (np.zeros(len(own)) if trees and not season.tropical else early[own])) % 365
        starts = np.array([start for start, _ in turns])
        at = np.searchsorted(starts, day, side="right") - 1
        codes = [
            STATE["green" if (s == "dry" and not season.dry and name in LAWN) or (trees and season.tropical) else s]
            for _, s in turns
        ]
        out[own] = np.array(codes, np.uint8)[at]
    out[_snow(d, season) > 0.5] = STATE["snow"]
    return out


def _snow(d: Drawing, season: Season) -> NDArray[np.float64]:
    """How white each shape is."""
    table = np.array([SNOWY.get(material.name, 0.95) for material in MATERIALS])
    return np.minimum(table[d.material] * season.snow * 1.15, 0.97)


def dressed(world: World, season: Season) -> NDArray[np.float32]:
    """The colours (N, 4) of the shapes of a place in a season."""
    d = world.drawing
    colour = d.colour.astype(np.float64)
    state = states(world, replace(season, snow=0.0))
    field = field_numbers(d)
    bright = d.colour[:, :3].mean(axis=1).astype(np.float64)
    number, inverse = np.unique(field, return_inverse=True)
    mean = np.bincount(inverse, bright, len(number)) / np.bincount(inverse, minlength=len(number))
    inner = (bright / np.maximum(mean[inverse], 1))[:, None]  # patches and headlands stay darker or lighter than their field
    tone = np.exp(
        (mixed_up(field, world.seed + 7)[:, None] - 0.5) * 0.35
        + (np.stack([mixed_up(field, k) for k in range(4)], 1) - 0.5) * 0.08
    )
    for name in STATES[1:-1]:
        at = np.flatnonzero(state == STATE[name])
        if len(at):
            woody = np.isin(d.plant[at], [PLANT[plant] for plant in WOODY])
            colour[at] = _worn(colour[at], np.array(SEASONED[name]) * (tone * inner)[at], name, woody, d.plant[at])
    white = _snow(d, season)[:, None]
    snow = np.array(SEASONED["snow"]) * (0.97 + 0.06 * mixed_up(field, 3)[:, None])
    return (colour * (1 - white) + snow * white).astype(np.float32)


def _worn(own: NDArray[np.float64], target: NDArray[np.float64], name: str, woody: NDArray[np.bool_], plant: NDArray[np.uint8]
          ) -> NDArray[np.float64]:  # fmt: skip
    """Colours of shapes in a state: crops take its look, trees in leaf and grass keep more of their own."""
    lawn = np.isin(plant, [PLANT[name] for name in LAWN])
    keep = np.where(woody, 1.0 if name == "green" else 0.25, np.where(lawn, 0.55, 0.0))
    blossom = (name == "flowering") & (plant == PLANT["orchard"])
    target = np.where(blossom[:, None], np.array((150, 142, 134, 190)), target)
    # leafless and autumn crowns stay as dark among each other as they were in leaf
    shade = np.clip(own[:, :3].mean(axis=1) / 58, 0.5, 1.4)[:, None]
    target = np.where(woody[:, None], target * shade * 0.9, target)
    worn: NDArray[np.float64] = own * keep[:, None] + target * (1 - keep)[:, None]
    return worn
