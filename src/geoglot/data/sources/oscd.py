"""Onera change detection: two Sentinel-2 dates of a city with a mask of urban change, as published or as one GeoTIFF a date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.sample import Card, Mask, Picture, Sample, Split, either

CARD = Card(
    name="oscd",
    title="Onera satellite change detection",
    licence="images Copernicus; masks CC BY-NC-SA",
    origin="Daudt et al. 2018",
    splits=("train", "test"),
    classes={"change": ("new buildings or roads",)},
    task="change masks",
    gsd=(10.0, 10.0),
    quirks="Change is 0.3 to 3.8 % of the area. The published layout gives the red, green and blue of its `pair` folder here; "
    "its 13 bands are single files of each date. Split by city, as published.",
)
TEST = {"brasilia", "montpellier", "norcia", "rio", "saclay_w", "valencia", "dubai", "lasvegas", "milano", "chongqing"}
PREFIX = "Onera Satellite Change Detection dataset - "
FOLDERS = ("change/oscd", "oscd", f"{PREFIX}Images", f"OSCD/{PREFIX}Images")
VALUES = {0: "no change", 1: "change"}


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the cities of a split: the picture before, the picture after, and the mask of what changed between them."""
    folder = either(root, CARD, *FOLDERS)
    for city in sorted(path for path in folder.iterdir() if path.is_dir()):
        if (city.name in TEST) != (split == "test") or split not in CARD.splits:
            continue
        first, second = _dates(city / "dates.txt")
        before, after, mask = _ours(city) if (city / "before.tif").exists() else _published(folder, city)
        yield Sample(
            id=f"oscd/{city.name}",
            source=CARD.name,
            pictures=(Picture(before, time=first), Picture(after, time=second)),
            masks={"change": Mask(mask, VALUES, threshold=127)},
            gsd=10.0,
        )


def _ours(city: Path) -> tuple[Path, Path, Path]:
    return city / "before.tif", city / "after.tif", city / "mask.png"


def _published(folder: Path, city: Path) -> tuple[Path, Path, Path]:
    labels = [folder.parent / f"{PREFIX}{part} Labels" / city.name / "cm" / "cm.png" for part in ("Train", "Test")]
    mask = next((path for path in labels if path.exists()), labels[0])
    return city / "pair" / "img1.png", city / "pair" / "img2.png", mask


def _dates(file: Path) -> tuple[datetime, datetime]:
    found = re.findall(r"date_[12]:\s*(\d{8})", file.read_text(encoding="utf-8")) if file.exists() else []
    if len(found) != 2:
        raise DataError(f"{file} does not hold date_1 and date_2 as YYYYMMDD: fetch the city again.")
    first, second = (datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC) for text in found)
    return first, second
