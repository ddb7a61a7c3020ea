"""Sheets of rendered scenes beside real ones, in random order, at three ground sampling distances, and their key.

    python tests/data/rendered_sheet.py DATA docs/images

DATA is the folder of real data (`ucm`, `airport_obb`, `scenes`). The key is printed as Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image

from geoglot.data.synth import landscape, render

SIDE, ACROSS, GAP = 184, 4, 4
Picture = NDArray[np.uint8]

NEAR = (  # kind of place, what its picture is centred on; 0.3 m
    ("harbour", "ship"), ("tankfarm", "storage tank"), ("houses", "house"), ("farmland", ""), ("forest", ""),
    ("works", "parking lot"), ("airfield", "airplane"), ("leisure", "tennis court"),
)  # fmt: skip
NEAR_REAL = (
    "harbor/harbor21", "storagetanks/storagetanks34", "denseresidential/denseresidential52", "agricultural/agricultural30",
    "forest/forest15", "parkinglot/parkinglot21", "airplane/airplane41", "tenniscourt/tenniscourt12",
)  # fmt: skip
MIDDLE = (("airfield", 1.0), ("airfield", 1.0), ("airfield", 1.0), ("farmland", 5.0), ("lakes", 5.0), ("river", 5.0),
          ("country", 5.0), ("lakes", 5.0))  # fmt: skip
FAR = ("country", "farmland", "woods", "houses", "desert", "desert", "orchards")
CLEAR = (0, 2, 4, 5, 7, 8, 9)  # of the ten Sentinel-2 places, those without snow, ice and cloud


def rendered(kind: str, gsd: float, seed: int, about: str = "", size: int = 256) -> Picture:
    """Render a picture (H, W, 3) of a place of a kind, centred on something that is there."""
    world = landscape(seed, kind, max(1500.0, 1.3 * gsd * size))
    rings = [thing.ring for thing in (*world.things, *world.zones) if thing.label == about]
    inside = [r.mean(axis=0) for r in rings if np.abs(r).max() < world.extent / 2 - gsd * size / 2]
    east, north = inside[seed % len(inside)] if inside else (0.0, 0.0)
    return np.moveaxis(render(world, world.grid(gsd, size, float(east), float(north)), seed=seed).raster.data, 0, -1)


def ucm(data: Path, name: str) -> Picture:
    """Read a picture of UC Merced (imagery USGS)."""
    found = sorted((data / "ucm").glob(name + ".*"))
    return np.asarray(Image.open(found[0]).convert("RGB"))


def crop(picture: Picture, row: int, col: int, size: int) -> Picture:
    """Cut a square out of a picture, moved inwards where it would leave it."""
    h, w = picture.shape[:2]
    row, col = max(0, min(row, h - size)), max(0, min(col, w - size))
    return picture[row : row + size, col : col + size]


def scene(path: Path, bands: tuple[int, int, int]) -> Picture:
    """Read three bands of a scene as display counts (H, W, 3), stretched between its percentiles if they are not bytes."""
    with rasterio.open(path) as file:
        values = np.moveaxis(file.read(bands), 0, -1).astype(np.float32)
        if file.dtypes[0] != "uint8":
            low, high = np.percentile(values, (0.5, 99.5))
            values = (np.clip((values - low) / (high - low), 0, 1) ** 0.8) * 255
    return np.clip(values, 0, 255).astype(np.uint8)


def sheet(real: list[Picture], made: list[Picture], seed: int) -> tuple[Image.Image, list[str]]:
    """Lay pictures out in random order; also return, row by row, which are rendered (R) and which real (-)."""
    both = [("-", p) for p in real] + [("R", p) for p in made]
    order = np.random.default_rng(seed).permutation(len(both))
    rows = -(-len(both) // ACROSS)
    image = Image.new("RGB", (ACROSS * (SIDE + GAP) - GAP, rows * (SIDE + GAP) - GAP), "white")
    for k, index in enumerate(order.tolist()):
        tile = Image.fromarray(np.ascontiguousarray(both[index][1])).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        image.paste(tile, (k % ACROSS * (SIDE + GAP), k // ACROSS * (SIDE + GAP)))
    marks = [both[index][0] for index in order.tolist()]
    return image, ["".join(marks[k : k + ACROSS]) for k in range(0, len(marks), ACROSS)]


def near(data: Path) -> tuple[list[Picture], list[Picture]]:
    """Pictures at 0.3 m."""
    made = [rendered(kind, 0.3, 60 + k, about) for k, (kind, about) in enumerate(NEAR)]
    return [ucm(data, name) for name in NEAR_REAL], made


def middle(data: Path) -> tuple[list[Picture], list[Picture]]:
    """Pictures at about 1 m (airports) and 5 m."""
    airports = [p for p in sorted((data / "airport_obb" / "train").rglob("*")) if p.suffix in (".webp", ".jpg", ".png")]
    real = [crop(np.asarray(Image.open(airports[k]).convert("RGB")), 100, 100, 256) for k in (11, 60, 140)]
    naip = sorted((data / "scenes" / "naip").glob("*.tif"))
    places = ((0, 0, 0), (1, 130, 300), (2, 300, 60), (0, 420, 420), (1, 0, 500))
    real += [crop(scene(naip[k % len(naip)], (1, 2, 3)), row, col, 200) for k, row, col in places]
    return real, [
        rendered(kind, gsd, 80 + k, "airplane" if gsd == 1 else "", 256 if gsd == 1 else 200)
        for k, (kind, gsd) in enumerate(MIDDLE)
    ]


def far(data: Path) -> tuple[list[Picture], list[Picture]]:
    """Pictures at 10 m."""
    found = sorted((data / "scenes" / "sentinel2").glob("*.tif"))
    real = [crop(scene(found[k], (4, 3, 2)), 20, 20, 184) for k in CLEAR]
    return real, [rendered(kind, 10.0, 100 + k, size=184) for k, kind in enumerate(FAR)]


SHEETS: dict[str, Callable[[Path], tuple[list[Picture], list[Picture]]]] = {"near": near, "middle": middle, "far": far}


def main() -> None:
    """Write the sheets and print their key."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    for number, (name, pictures) in enumerate(SHEETS.items()):
        image, key = sheet(*pictures(data), seed=number)
        image.save(out / f"rendered-{name}.webp", quality=82, method=6)
        print(f"| {name} | " + " | ".join(f"`{row}`" for row in key) + " |")


if __name__ == "__main__":
    main()
