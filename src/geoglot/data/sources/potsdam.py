"""ISPRS Potsdam: six classes at 5 cm, as published: true orthophotos and labels, 6000 px a tile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import masked
from geoglot.data.sample import Card, Sample, Split, either

CLASSES = {
    "impervious_surface": ("impervious surface",),
    "building": ("building",),
    "low_vegetation": ("low vegetation",),
    "tree": ("tree",),
    "car": ("car",),
    "clutter": ("clutter",),
}
# Vaihingen has the same colours; black is the boundary that `noBoundary` leaves out
COLOURS = dict(zip((0xFFFFFF, 0x0000FF, 0x00FFFF, 0x00FF00, 0xFFFF00, 0xFF0000), CLASSES, strict=True))
CARD = Card(
    name="potsdam",
    title="ISPRS Potsdam",
    licence="research use, on request",
    origin="ISPRS 2D semantic labelling contest; BSF Swissphoto",
    splits=("train", "test"),
    classes=CLASSES,
    task="masks",
    gsd=(0.05, 0.05),
    quirks="Masks by colour. The test is the contest's 14 tiles (mmsegmentation's val). Labels with eroded boundaries "
    "(5_Labels_all_noBoundary), which published figures use, come before those without. Tile 7_10 is known to have wrong "
    "labels; it is in train as published.",
    layout="Folders 2_Ortho_RGB and 5_Labels_all of the download, tiles and split as in mmsegmentation's converter; the "
    "folder of eroded labels is named after its zip file, unverified.",
)
TEST = {*("2_13", "2_14", "3_13", "3_14", "4_13", "4_14", "4_15"), *("5_13", "5_14", "5_15", "6_13", "6_14", "6_15", "7_13")}
LABELS = ("5_Labels_all_noBoundary", "5_Labels_for_participants_no_Boundary", "5_Labels_all", "5_Labels_for_participants")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the tiles of a split."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "Potsdam", "potsdam", "ISPRS_BENCHMARK_DATASETS/Potsdam")
    yield from masked(CARD, _files(folder, split), COLOURS, 0.05)


def _files(folder: Path, split: Split) -> Iterator[tuple[str, Path, Path]]:
    for file in sorted((folder / "2_Ortho_RGB").glob("top_potsdam_*_RGB.tif")):
        tile = file.stem.removeprefix("top_potsdam_").removesuffix("_RGB")
        if (tile in TEST) == (split == "test"):
            names = [f"top_potsdam_{tile}_label{ending}.tif" for ending in ("_noBoundary", "")]
            masks = [folder / place / name for place in LABELS for name in names]
            yield tile, file, next((mask for mask in masks if mask.exists()), masks[0])
