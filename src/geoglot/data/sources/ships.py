"""Ships, mostly on open water, with boxes in the normalised centre notation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import labelled, wrong
from geoglot.data.build.folders import split_by_hash
from geoglot.data.build.windows import cut, squares
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, require

CARD = Card(
    name="ships",
    title="Ships on water",
    licence="CC BY 4.0 by its card, unverified",
    origin="Roboflow universe",
    splits=("train", "val", "test"),
    task="boxes",
    quirks="Mostly open water, which a perceptual hash takes for the same; no two pictures are (the most alike fine structure of "
    "two correlates to 0.68). Split by the hash of the file name, 70 % train, 10 % val, 20 % test.",
    classes={"ship": ("ship",)},
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give every picture of a split whole and in windows of 256 px that hold a ship."""
    if split not in CARD.splits:
        return
    folder = require(root / "ships" / "train", CARD)
    for file, (height, width), lines in labelled(folder):
        if split_by_hash(CARD.name, file.stem) != split:
            continue
        things = []
        for number, words in enumerate(lines, 1):
            if words:
                things.append(_thing(file.with_suffix(".txt"), number, words))
        whole = Sample(id=f"ships/{file.stem}", source=CARD.name, pictures=(Picture(file),), things=tuple(things))
        yield whole
        for window in squares(height, width, (256,)):
            part = cut(whole, (height, width), window)
            if part.things:
                yield part


def _thing(file: Path, line: int, words: list[str]) -> Thing:
    """A line is class, centre and size."""
    try:
        kind, x, y, w, h = (float(word) for word in words)
    except ValueError:
        raise wrong(file, line, f"{' '.join(words)[:80]!r} is not class, x, y, width and height") from None
    if kind != 0:
        raise wrong(file, line, f"{words[0]} is no class of {CARD.title}, which has 0 only")
    return Thing("ship", (x - w / 2, y - h / 2, x + w / 2, y + h / 2))
