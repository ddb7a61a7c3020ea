"""UAVid: oblique video frames of streets from a drone, eight classes, as published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.pixels import beside, masked
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="uavid",
    title="UAVid",
    licence="CC BY-NC-SA 4.0",
    origin="Lyu et al. 2020, arXiv 1810.10438",
    splits=("train", "val", "test"),
    classes={
        "clutter": ("background clutter",),
        "building": ("building",),
        "road": ("road",),
        "static_car": ("parked car",),
        "tree": ("tree",),
        "low_vegetation": ("low vegetation",),
        "human": ("person",),
        "moving_car": ("moving car",),
    },
    task="masks",
    quirks="Oblique views of 3840 x 2160 and 4096 x 2160 px, in which the size of a pixel on the ground varies. Masks by "
    "colour. SegEarth-OV joins both kinds of car; so does the protocol.",
    layout="Folders uavid_train, uavid_val and uavid_test with seqN/Images and seqN/Labels, the same name in both; colours as in "
    "SegEarth-OV's converter, which calls the test folder test_gt. The names uavid_* are unverified.",
)
COLOURS = (0x000000, 0x800000, 0x804080, 0xC000C0, 0x008000, 0x808000, 0x404000, 0x400080)
VALUES = dict(zip(COLOURS, CARD.classes, strict=True))
TESTS = ("uavid_test", "test_gt")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the frames of a split by sequence and number."""
    names = TESTS if split == "test" else (f"uavid_{split}",)
    folder = either(root, CARD, *[f"{place}{name}" for place in ("UAVid/", "uavid/", "") for name in names])
    for sequence in sorted(folder.glob("seq*"), key=lambda path: int(path.name.removeprefix("seq"))):
        files = beside(sequence / "Images", sequence / "Labels")
        yield from masked(CARD, ((f"{sequence.name}/{name}", picture, mask) for name, picture, mask in files), VALUES)
