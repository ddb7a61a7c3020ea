"""What surfaces return at any wavelength: reflectance from visible to shortwave infrared, and temperature.

A shape has four painted counts (red, green, blue, near infrared) and four more made from them by what it is: red edge,
two in the shortwave infrared, temperature. Any band is a weighted sum of these, so that mixed pixels mix as light does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.data.synth.legend import GREEN, MATERIAL, MATERIALS
from geoglot.data.synth.world import World
from geoglot.geo.sensors import Band

Floats = NDArray[np.float32]
CHANNELS = ("red", "green", "blue", "nir", "rededge", "swir16", "swir22", "kelvin")
NODES = (("blue", 0.47), ("green", 0.555), ("red", 0.66), ("rededge", 0.74), ("nir", 0.84), ("swir16", 1.61), ("swir22", 2.2))
WIDE = 0.022  # micrometres from a channel within which a band is that channel
PAN = {"blue": 0.18, "green": 0.30, "red": 0.32, "nir": 0.20}
BRIGHTEST, GAMMA = 0.30, 1.2  # reflectance of a display count of 255 in the visible, and the gamma of the display
INFRARED = 0.5  # reflectance of a count of 255 in the near infrared
SHORTWAVE = 0.6  # and in the three bands that no camera shows
COLDEST, WARMEST = 230.0, 340.0  # kelvins of the counts 0 and 255
SHORT = {  # reflectance at 1.6 and 2.2 micrometres beside that in the near infrared
    "water": (0.25, 0.15), "pool": (0.15, 0.1), "sand": (1.15, 1.05), "soil": (1.25, 1.1), "shrub": (1.2, 1.0),
    "rock": (1.15, 1.05), "track": (1.2, 1.1), "panel": (0.7, 0.7), "roof": (1.1, 1.0), "asphalt": (1.15, 1.1),
    "court": (1.0, 0.9),
}  # fmt: skip
WARM = {  # kelvins above the air at noon of a summer's day
    "asphalt": 14.0, "roof": 13.0, "runway": 13.0, "panel": 15.0, "concrete": 9.0, "yard": 10.0, "sand": 14.0, "soil": 12.0,
    "rock": 12.0, "shrub": 9.0, "track": 10.0, "tank": 4.0, "water": -4.0, "pool": -2.0, "forest": -1.5, "needles": -1.5,
    "glass": 5.0, "tree": -1.5, "fruit": -1.0, "vehicle": 10.0, "ship": 4.0, "rail": 11.0, "court": 10.0,
}  # fmt: skip

GROUND_MORE = (92.0, 62.0, 38.0, 178.0)  # the last four channels where nothing is drawn: grass


def reflectance(counts: NDArray[np.generic], channel: int) -> Floats:
    """Reflectance of display counts of a channel (by number in CHANNELS); kelvins for the last."""
    v = np.asarray(counts, np.float32) / np.float32(255)
    if channel < 3:
        return np.asarray(np.float32(BRIGHTEST) * np.maximum(v, 0) ** np.float32(GAMMA), np.float32)
    if channel == 7:
        return np.asarray(np.float32(COLDEST) + np.float32(WARMEST - COLDEST) * v, np.float32)
    return np.asarray(np.float32(INFRARED if channel == 3 else SHORTWAVE) * v, np.float32)


def further(world: World, colour: NDArray[np.float32], air: float = 293.0, strength: float = 1.0) -> Floats:
    """Counts (N, 4) of red edge, shortwave infrared (twice) and temperature of shapes whose counts are `colour` (N, 4).

    `air`: kelvins of the air; `strength`: how hard the sun heats, 1 at noon in summer.
    """
    material = world.drawing.material
    red, nir = reflectance(np.clip(colour[:, 0], 0, 255), 0), reflectance(np.clip(colour[:, 3], 0, 255), 3)
    visible = reflectance(np.clip(colour[:, :3], 0, 255).mean(axis=1), 0)
    leafy = np.clip((nir - red) / np.maximum(nir + red, 1e-3) / 0.75, 0, 1)
    green = np.isin(material, [MATERIAL[name] for name in GREEN])
    factors = np.array([SHORT.get(m.name, (1.05, 0.95)) for m in MATERIALS], np.float32)[material]
    # green leaves hold water, which takes the shortwave infrared; straw and soil do not
    first = np.where(green, 0.45 + 0.75 * (1 - leafy), factors[:, 0])
    second = np.where(green, 0.20 + 0.75 * (1 - leafy), factors[:, 1])
    white = np.clip((visible - 0.2) / 0.07, 0, 1) * green  # snow is black in the shortwave infrared
    edge = red + (nir - red) * np.where(green, 0.78, 0.5)
    warm = np.array([WARM.get(m.name, 6.0) for m in MATERIALS], np.float32)[material]
    warm = np.where(
        green & ~np.isin(material, [MATERIAL[name] for name in ("forest", "needles", "tree", "fruit")]), 9 - 9 * leafy, warm
    )
    kelvin = air + warm * strength
    rows = (
        edge / SHORTWAVE, nir * first * (1 - 0.8 * white) / SHORTWAVE, nir * second * (1 - 0.8 * white) / SHORTWAVE,
        (kelvin - COLDEST) / (WARMEST - COLDEST),
    )  # fmt: skip
    counts: Floats = np.clip(255 * np.stack(rows, 1), 0, 255).astype(np.float32)
    return counts


def weights(band: Band) -> dict[int, float]:
    """How a band is summed from CHANNELS (number: weight); `InputError` for a band of unknown wavelength."""
    number = {name: index for index, name in enumerate(CHANNELS)}
    if band.common == "pan":
        return {number[name]: share for name, share in PAN.items()}
    if band.wavelength is None:
        raise InputError(
            f"Band {band.name!r} has no known wavelength: name a common one (red, nir, swir16, pan, lwir …) or a sensor."
        )
    at = band.wavelength
    if at > 7:
        return {number["kelvin"]: 1.0}
    if at > 3:
        raise InputError(f"Band {band.name!r} at {at} micrometres mixes light and warmth: the renderer has none between 3 and 7.")
    if 1.34 < at < 1.42:  # water vapour leaves nothing of the ground
        return {number["nir"]: 0.004}
    places = [wave for _, wave in NODES]
    close = int(np.argmin(np.abs(np.array(places) - at)))
    if abs(places[close] - at) < WIDE:
        return {number[NODES[close][0]]: 1.0}
    k = int(np.searchsorted(places, at))
    if k == 0 or k == len(NODES):
        return {number[NODES[min(k, len(NODES) - 1)][0]]: 1.0}
    t = (at - places[k - 1]) / (places[k] - places[k - 1])
    return {number[NODES[k - 1][0]]: 1 - t, number[NODES[k][0]]: t}


def cloud(band: Band) -> tuple[float, float, float]:
    """How a thick cloud looks in a band, what its shadow takes away (a share), and the light of endless haze."""
    if band.wavelength is not None and band.wavelength > 3:
        return 262.0, 0.012, 285.0
    at = 0.6 if band.wavelength is None else band.wavelength
    if 1.34 < at < 1.42:
        return 0.12, 0.0, 0.0
    white = float(np.interp(at, (0.4, 0.9, 1.6, 2.2), (0.62, 0.60, 0.45, 0.36)))
    dim = float(np.interp(at, (0.44, 0.56, 0.66, 0.86, 2.2), (0.52, 0.62, 0.68, 0.76, 0.82)))
    haze = float(np.interp(at, (0.44, 0.56, 0.66, 0.86, 1.6), (0.30, 0.22, 0.18, 0.10, 0.03)))
    return white, dim, haze
