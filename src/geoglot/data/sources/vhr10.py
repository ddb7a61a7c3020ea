"""NWPU VHR-10: ten kinds of objects with boxes, whole pictures and windows of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.folders import known, split_by_hash
from geoglot.data.build.windows import cut, squares
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, require

CARD = Card(
    name="vhr10",
    title="NWPU VHR-10",
    licence="research use, unverified",
    origin="Cheng et al. 2014; polygons Su et al. 2019",
    splits=("train", "val", "test"),
    task="boxes, outlines",
    gsd=(0.5, 2.0),
    quirks="No official split here: by the hash of the file name, 70 % train, 10 % val, 20 % test; four pairs that look alike by "
    "perceptual hash (8 of 64 bits, eight positions) stay together.",
    classes={
        "airplane": ("airplane",),
        "ship": ("ship",),
        "storage_tank": ("storage tank",),
        "baseball_diamond": ("baseball diamond",),
        "tennis_court": ("tennis court",),
        "basketball_court": ("basketball court",),
        "ground_track_field": ("ground track field",),
        "harbor": ("harbor",),
        "bridge": ("bridge",),
        "vehicle": ("vehicle",),
    },
)
ALIKE = (("073", "286"), ("285", "321"), ("288", "297"), ("293", "303"))


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give every picture of a split whole and in windows of 280 and 180 px that hold an object; 0.5-2 m, which one is unknown."""
    folder = require(root / "vhr10", CARD)
    if split not in CARD.splits:
        return
    coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    names = {row["id"]: CARD.classes[known(row["name"], CARD, folder / "annotations.json")][0] for row in coco["categories"]}
    boxes = defaultdict(list)
    for row in coco["annotations"]:
        boxes[row["image_id"]].append((names[row["category_id"]], row["bbox"], row.get("segmentation") or [[]]))
    for image in coco["images"]:
        if split_by_hash(CARD.name, Path(image["file_name"]).stem, ALIKE) != split:
            continue
        width, height = image["width"], image["height"]
        things = tuple(
            Thing(
                name,
                (x / width, y / height, (x + w) / width, (y + h) / height),
                tuple((px / width, py / height) for px, py in zip(rings[0][0::2], rings[0][1::2], strict=True)),
            )
            for name, (x, y, w, h), rings in boxes[image["id"]]
        )
        whole = Sample(
            id=f"vhr10/{image['file_name']}",
            source=CARD.name,
            pictures=(Picture(folder / image["file_name"]),),
            things=things,
        )
        yield whole
        for window in squares(height, width, (280, 180)):
            part = cut(whole, (height, width), window)
            if part.things:
                yield part
