"""Taizhou in 2000 and 2003 by Landsat 7, with masks of what changed and of what did not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from geoglot.data.sample import Card, Mask, Picture, Sample, Split, either

CARD = Card(
    name="landsat_taizhou",
    title="Landsat change of Taizhou",
    licence="Landsat, public domain; masks research use, unverified",
    origin="Wu et al. 2014",
    splits=("test",),
    classes={"change": ("changed land",)},
    task="change masks",
    gsd=(30.0, 30.0),
    quirks="Only 13 % of the pixels are labelled: score those. One pair, so it is for measuring only.",
)
FOLDERS = ("change/landsat_taizhou", "landsat_taizhou", "Taizhou", "taizhou")
_SCENE = re.compile(r"L7\d{7}_\d{3}(\d{8})")  # L71119038_03820000317: path, row, date


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the one pair, six bands in ENVI files with UTM headers."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, *FOLDERS)
    still = Mask(folder / "unchanged.bmp", {255: "no change"})
    yield Sample(
        id="landsat_taizhou",
        source=CARD.name,
        pictures=tuple(Picture(folder / f"{year}TM", time=_date(folder / f"{year}TM.HDR")) for year in (2000, 2003)),
        masks={"change": Mask(folder / "change.bmp", {255: "change"}, other=still)},
        gsd=30.0,
    )


def _date(header: Path) -> datetime | None:
    found = _SCENE.search(header.read_text(encoding="utf-8", errors="replace")) if header.exists() else None
    return None if found is None else datetime.strptime(found[1], "%Y%m%d").replace(tzinfo=UTC)
