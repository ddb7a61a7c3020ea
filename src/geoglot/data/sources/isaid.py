"""iSAID: the aerial pictures of DOTA with fifteen kinds of objects drawn pixel by pixel, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import masked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="isaid",
    title="iSAID",
    licence="research use, unverified",
    origin="Waqas Zamir et al. 2019; pictures of DOTA-v1.0",
    splits=("train", "val"),
    classes={
        "background": ("background",),
        "ship": ("ship",),
        "storage_tank": ("storage tank",),
        "baseball_diamond": ("baseball diamond",),
        "tennis_court": ("tennis court",),
        "basketball_court": ("basketball court",),
        "ground_track_field": ("ground track field",),
        "bridge": ("bridge",),
        "large_vehicle": ("large vehicle",),
        "small_vehicle": ("small vehicle",),
        "helicopter": ("helicopter",),
        "swimming_pool": ("swimming pool",),
        "roundabout": ("roundabout",),
        "soccer_ball_field": ("soccer ball field",),
        "plane": ("plane",),
        "harbor": ("harbor",),
    },
    task="masks",
    quirks="Masks by colour. The masks of the test are kept by the authors' server. Pictures of some thousand pixels a "
    "side; published figures are of patches of 896 px, here of whole pictures.",
    layout="Train/images and val/images with P0000.png and P0000_instance_color_RGB.png, as in the readme of iSAID_Devkit; "
    "colours as in mmsegmentation's class for this set. DOTA has the same pictures: train on one of the two.",
)
COLOURS = (
    *(0x000000, 0x00003F, 0x003F3F, 0x003F00, 0x003F7F, 0x003FBF, 0x003FFF, 0x007F3F),
    *(0x007F7F, 0x00007F, 0x0000BF, 0x0000FF, 0x00BF7F, 0x007FBF, 0x007FFF, 0x00649B),
)
VALUES = dict(zip(COLOURS, CARD.classes, strict=True))
ENDING = "_instance_color_RGB"
MASKS = ("images", "Semantic_masks/images")  # one folder, or beside each other as downloaded


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split by number."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, f"iSAID/{split}", f"isaid/{split}")
    yield from masked(CARD, _files(folder), VALUES)


def _files(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    for file in sorted((folder / "images").glob("P*.png")):
        if "_" not in file.stem:
            masks = [folder / place / f"{file.stem}{ENDING}.png" for place in MASKS]
            yield file.stem, file, next((mask for mask in masks if mask.exists()), masks[0])
