"""WHU-CD: buildings of Christchurch before and after the rebuilding, 0.2 to 0.3 m, in tiles as commonly cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.core.errors import DataError
from geoglot.data.build.pairs import pairs
from geoglot.data.sample import Card, Sample, Split, either

CARD = Card(
    name="whu_cd",
    title="WHU building change detection",
    licence="research use",
    origin="Ji, Wei and Lu 2019; Land Information New Zealand",
    splits=("train", "val", "test"),
    classes={"change": ("new or removed buildings",)},
    task="change masks",
    gsd=(0.2, 0.3),
    quirks="Published as one pair of 32,507 x 15,354 px; figures are usually given for tiles of 256 px, whose split differs "
    "between papers: the lists that lie beside the tiles count.",
    layout="A, B, label and list/train.txt, val.txt, test.txt, as in Open-CD's configuration for this set; or train, val and "
    "test with A, B and label, unverified.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the tiles of a split. Raises DataError for a list that names what is not there."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "WHU-CD-256", "WHU-CD", "WHU_CD", "whu_cd")
    if (folder / split).is_dir():
        folder = folder / split
        yield from pairs(CARD, (folder / "A", folder / "B", folder / "label"))
        return
    named = folder / "list" / f"{split}.txt"
    if not named.exists():
        raise DataError(f"{folder} has neither a folder {split} nor {named.name} in list: fetch the tiles with their lists.")
    known = {sample.id: sample for sample in pairs(CARD, (folder / "A", folder / "B", folder / "label"))}
    for line in named.read_text(encoding="utf-8").split():
        name = f"{CARD.name}/{Path(line).stem}"
        if name not in known:
            raise DataError(f"{named} names {line}, which is not in {folder / 'A'}: fetch the tiles again.")
        yield known[name]
