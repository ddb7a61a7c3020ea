"""ISPRS Vaihingen: six classes at 9 cm, near infrared, red and green, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import masked
from geoglot.data.sample import Card, Sample, Split, either
from geoglot.data.sources import potsdam

CARD = Card(
    name="vaihingen",
    title="ISPRS Vaihingen",
    licence="research use, on request",
    origin="ISPRS 2D semantic labelling contest; DGPF",
    splits=("train", "test"),
    classes=potsdam.CARD.classes,
    task="masks",
    gsd=(0.09, 0.09),
    quirks="Three bands in the order near infrared, red, green: shown as colours, plants are red. Masks by colour. The test "
    "is the contest's 17 areas (mmsegmentation's val). Labels with eroded boundaries come before those without.",
    layout="Top/ of ISPRS_semantic_labeling_Vaihingen.zip, names, areas and split as in mmsegmentation's converter; the "
    "folder names of the labels are those of their zip files, unverified.",
)
TRAIN = {1, 3, 5, 7, 11, 13, 15, 17, 21, 23, 26, 28, 30, 32, 34, 37}
ERODED = "ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE"
LABELS = (ERODED, "ISPRS_semantic_labeling_Vaihingen_ground_truth_COMPLETE", "gts_for_participants", ".")
TOPS = ("ISPRS_semantic_labeling_Vaihingen/top", "top")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the areas of a split by number."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "Vaihingen", "vaihingen", "ISPRS_BENCHMARK_DATASETS/Vaihingen")
    yield from masked(CARD, _files(folder, split), potsdam.COLOURS, 0.09)


def _files(folder: Path, split: Split) -> Iterator[tuple[str, Path, Path]]:
    found = {}
    for top in TOPS:
        for file in (folder / top).glob("top_mosaic_09cm_area*.tif"):
            found[int(file.stem.rpartition("area")[2])] = file
    for area, file in sorted(found.items()):
        if (area in TRAIN) == (split == "train"):
            names = [f"top_mosaic_09cm_area{area}{ending}.tif" for ending in ("_noBoundary", "")]
            masks = [folder / place / name for place in LABELS for name in names]
            yield f"area{area}", file, next((mask for mask in masks if mask.exists()), masks[0])
