"""DIOR-RSVG: a sentence for each of 38,320 objects of DIOR's pictures, as published: VOC XML with descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.formats.dior_rsvg import described
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, either, require

CARD = Card(
    name="dior_rsvg",
    title="DIOR-RSVG",
    licence="research use, unverified",
    origin="Zhan et al. 2023; pictures of DIOR",
    splits=("train", "val", "test"),
    task="referring",
    gsd=(0.5, 30.0),
    quirks="26,991, 3,829 and 7,500 objects. The lists of a split number the objects in the order in which its authors' "
    "machine walked the folder, which is not sorted: put that order, one XML name a line, into `order.txt` beside the"
    " lists where you know it. Without it the files are taken sorted by name, so that splits are the same everywhere,"
    " but may not be the authors'. Early lists overlap.",
    layout="Annotations with XML files, JPEGImages, train.txt, val.txt and test.txt with numbers of objects.",
)
ORDER = "order.txt"


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the objects of a split, one sample each, in the order of its list."""
    folder = either(root, CARD, "DIOR_RSVG", "DIOR-RSVG", "dior_rsvg")
    notes = require(folder / "Annotations", CARD)
    listed = require(folder / f"{split}.txt", CARD)
    objects = list(_objects(notes, folder / ORDER))
    for text in listed.read_text(encoding="utf-8").split():
        if not text.isdigit() or int(text) >= len(objects):
            raise DataError(f"{listed}: {text!r} is no number of an object, there are {len(objects):,}: fetch the list again.")
        name, place, thing = objects[int(text)]
        picture = Picture(folder / "JPEGImages" / name)
        high, wide = picture.size
        left, top, right, bottom = thing.box
        shares = (left / wide, top / high, right / wide, bottom / high)
        found = Thing(thing.name, shares, attributes=thing.attributes)
        yield Sample(f"dior_rsvg/{place}", CARD.name, (picture,), things=(found,), group=f"dior_rsvg/{Path(name).stem}")


def _objects(notes: Path, order: Path) -> Iterator[tuple[str, str, Thing]]:
    """Picture, name and object (its box in pixels) of every described object, in the order that the lists number them."""
    names = order.read_text(encoding="utf-8").split() if order.exists() else sorted(file.name for file in notes.glob("*.xml"))
    for name in names:
        picture, found = described(require(notes / name, CARD))
        for number, (label, box, text) in enumerate(found):
            yield picture, f"{Path(name).stem}/{number}", Thing(label, box.bounds(), attributes={"referring": text})
