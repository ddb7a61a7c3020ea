"""DIOR and DIOR-R: twenty kinds of objects with upright or oriented boxes, as published: VOC XML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from geoglot.core.errors import DataError
from geoglot.data.build.folders import known
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, either, require

CARD = Card(
    name="dior",
    title="DIOR and DIOR-R",
    licence="research use, unverified",
    origin="Li et al. 2020 (DIOR); Cheng et al. 2022 (DIOR-R)",
    splits=("train", "val", "test"),
    classes={
        "airplane": ("airplane",),
        "airport": ("airport",),
        "baseballfield": ("baseball field",),
        "basketballcourt": ("basketball court",),
        "bridge": ("bridge",),
        "chimney": ("chimney",),
        "dam": ("dam",),
        "expressway-service-area": ("expressway service area",),
        "expressway-toll-station": ("expressway toll station",),
        "golffield": ("golf course",),
        "groundtrackfield": ("ground track field",),
        "harbor": ("harbor",),
        "overpass": ("overpass",),
        "ship": ("ship",),
        "stadium": ("stadium",),
        "storagetank": ("storage tank",),
        "tenniscourt": ("tennis court",),
        "trainstation": ("train station",),
        "vehicle": ("vehicle",),
        "windmill": ("windmill",),
    },
    task="boxes, outlines",
    gsd=(0.5, 30.0),
    quirks="Pictures of 800 px. Where the oriented boxes are there too (DIOR-R), they are the outlines, and the upright box "
    "is the one around them; else there are no outlines. Class names are compared in small letters.",
    layout="JPEGImages-trainval, JPEGImages-test, Annotations/Horizontal Bounding Boxes, Annotations/Oriented Bounding "
    "Boxes and ImageSets/Main, tags as in mmrotate's class for this set; ImageSets/Main is unverified.",
)
CORNERS = ("left_top", "right_top", "right_bottom", "left_bottom")
KINDS = ("Oriented Bounding Boxes", "Horizontal Bounding Boxes")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures that the split's list names, in its order."""
    folder = either(root, CARD, "DIOR-R", "DIOR", "dior")
    lists = [folder / place / f"{split}.txt" for place in ("ImageSets/Main", "ImageSets", "Main")]
    listed = next((file for file in lists if file.exists()), lists[0])
    images = folder / ("JPEGImages-test" if split == "test" else "JPEGImages-trainval")
    for name in require(listed, CARD).read_text(encoding="utf-8").split():
        files = [folder / "Annotations" / kind / f"{name}.xml" for kind in KINDS]
        labels = next((file for file in files if file.exists()), files[-1])
        picture = Picture(images / f"{name}.jpg")
        yield Sample(id=f"dior/{name}", source=CARD.name, pictures=(picture,), things=_things(require(labels, CARD), picture))


def _things(file: Path, picture: Picture) -> tuple[Thing, ...]:
    try:
        tree = ElementTree.parse(file).getroot()
        sides = [int(tree.findtext(f"size/{side}", "0")) for side in ("width", "height")]
        width, height = sides if min(sides) > 0 else picture.size[::-1]
        found = []
        for thing in tree.iter("object"):
            name = CARD.classes[known((thing.findtext("name") or "").strip().lower(), CARD, file)][0]
            turned, box = thing.find("robndbox"), thing.find("bndbox")
            if turned is not None:
                points = tuple((_number(turned, f"x_{c}") / width, _number(turned, f"y_{c}") / height) for c in CORNERS)
                found.append(Thing.outlined(name, points))
            elif box is not None:
                x0, y0, x1, y1 = (_number(box, key) for key in ("xmin", "ymin", "xmax", "ymax"))
                found.append(Thing(name, (x0 / width, y0 / height, x1 / width, y1 / height)))
            else:
                raise ValueError("an object without bndbox and robndbox")
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{file}: {error}. Fetch the file again, or remove it from the list.") from None
    return tuple(found)


def _number(box: ElementTree.Element, key: str) -> float:
    text = box.findtext(key)
    if text is None:
        raise ValueError(f"a box without {key}")
    return float(text)
