"""What the ground is made of: land cover classes, materials and their look in four bands.

Values are display counts 0-255 of well exposed aerial imagery (near infrared: 255 stands for a reflectance of 0.5),
set after the percentiles of real chips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS = ("red", "green", "blue", "nir")

CLASSES = (
    "bare", "grass", "crops", "forest", "water", "road", "building", "tank", "ship", "airplane",
    "paved", "runway", "sand", "pier", "vehicle", "rail", "solar", "court", "orchard", "pool",
)  # fmt: skip
CLASS = {name: index for index, name in enumerate(CLASSES)}


@dataclass(frozen=True)
class Material:
    """A surface: its land cover class, colour (red, green, blue, nir) and how much the textures show on it.

    fine, mid: standard deviation of metre-scale and of hundred-metre-scale brightness, as a fraction.
    """

    name: str
    cover: str
    colour: tuple[float, float, float, float]
    fine: float
    mid: float


MATERIALS = (
    Material("soil", "bare", (150, 130, 108, 150), 0.11, 0.06),
    Material("grass", "grass", (90, 101, 68, 165), 0.1, 0.10),
    Material("crop", "crops", (84, 106, 66, 180), 0.08, 0.07),
    Material("forest", "forest", (50, 66, 46, 140), 0.05, 0.14),
    Material("water", "water", (48, 68, 70, 14), 0.03, 0.05),
    Material("asphalt", "road", (104, 104, 101, 98), 0.035, 0.05),
    Material("track", "road", (168, 154, 130, 160), 0.09, 0.05),
    Material("roof", "building", (140, 130, 122, 130), 0.03, 0.02),
    Material("tank", "tank", (214, 213, 207, 190), 0.02, 0.0),
    Material("ship", "ship", (170, 165, 160, 140), 0.05, 0.0),
    Material("airplane", "airplane", (226, 227, 228, 200), 0.02, 0.0),
    Material("concrete", "paved", (163, 159, 151, 158), 0.03, 0.06),
    Material("runway", "runway", (112, 112, 109, 108), 0.032, 0.05),
    Material("sand", "sand", (206, 188, 156, 198), 0.06, 0.04),
    Material("pier", "pier", (158, 152, 142, 150), 0.06, 0.0),
    Material("vehicle", "vehicle", (150, 150, 150, 130), 0.0, 0.0),
    Material("tree", "forest", (48, 63, 42, 135), 0.26, 0.06),
    Material("garden", "grass", (98, 104, 74, 150), 0.14, 0.10),
    Material("marking", "paved", (225, 224, 218, 205), 0.02, 0.0),
    Material("yard", "paved", (136, 131, 122, 132), 0.06, 0.09),
    Material("shrub", "bare", (132, 116, 88, 140), 0.18, 0.07),
    Material("runway_paint", "runway", (218, 217, 212, 200), 0.03, 0.0),
    Material("rail", "rail", (118, 106, 94, 108), 0.10, 0.05),
    Material("panel", "solar", (42, 52, 78, 40), 0.04, 0.02),
    Material("court", "court", (92, 122, 84, 120), 0.02, 0.03),
    Material("fruit", "orchard", (62, 80, 48, 150), 0.24, 0.06),
    Material("pool", "pool", (98, 176, 200, 30), 0.03, 0.0),
    Material("rock", "bare", (166, 156, 140, 160), 0.10, 0.10),
    Material("needles", "forest", (36, 52, 42, 96), 0.05, 0.12),
    Material("glass", "building", (196, 208, 208, 150), 0.03, 0.0),
    Material("road_paint", "road", (196, 194, 186, 180), 0.03, 0.0),
)
GREEN = frozenset({"grass", "crop", "forest", "tree", "garden", "fruit", "needles"})  # what turns yellow where it is dry
LOOKS: dict[str, tuple[tuple[int, int, int, int], ...]] = {  # what grows, and the colours it is seen in about midsummer
    "": ((128, 128, 128, 128),),
    "grass": ((90, 101, 68, 165),),
    "wheat": ((178, 160, 114, 165), (166, 150, 112, 155), (152, 142, 100, 165), (188, 174, 136, 170)),
    "maize": ((76, 98, 56, 210), (86, 110, 64, 215), (70, 88, 54, 200)),
    "rapeseed": ((150, 146, 84, 180), (138, 126, 92, 160), (112, 122, 72, 185)),
    "rice": ((82, 116, 62, 205), (104, 130, 74, 200), (74, 90, 74, 110)),
    "vegetables": ((112, 122, 80, 175), (132, 120, 92, 145), (96, 112, 74, 180)),
    "vineyard": ((120, 118, 84, 160), (134, 124, 94, 150)),
    "orchard": ((66, 84, 50, 160), (58, 76, 46, 150)),
    "meadow": ((94, 107, 72, 185), (110, 116, 80, 175), (84, 104, 62, 190)),
    "fallow": ((122, 101, 80, 108), (146, 128, 100, 135), (108, 92, 76, 100), (158, 144, 114, 152)),
    "deciduous": ((54, 70, 46, 150),),
    "conifer": ((38, 54, 42, 100),),
}
PLANTS = tuple(LOOKS)  # "" is none
CROPS = ("wheat", "maize", "rapeseed", "rice", "vegetables", "vineyard", "meadow", "fallow")
GROWTH = {name: looks[0] for name, looks in LOOKS.items()}
PLANT = {name: index for index, name in enumerate(PLANTS)}  # what grows on a shape: its colour follows the season
MATERIAL = {material.name: index for index, material in enumerate(MATERIALS)}


def cover_of() -> NDArray[np.uint8]:
    """Return the table from material index to class index, (256,)."""
    table = np.zeros(256, np.uint8)
    for index, material in enumerate(MATERIALS):
        table[index] = CLASS[material.cover]
    return table


def amplitude(which: str) -> NDArray[np.float32]:
    """Return the table from material index to texture strength ("fine" or "mid"), (256,)."""
    table = np.zeros(256, np.float32)
    for index, material in enumerate(MATERIALS):
        table[index] = getattr(material, which)
    return table
