"""DOTA-v1.0: fifteen kinds of objects as quadrilaterals, as published: a text file of labels for each picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import wrong
from geoglot.data.build.folders import known
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, either, require

CARD = Card(
    name="dota",
    title="DOTA-v1.0",
    licence="academic use; pictures Google Earth and others",
    origin="Xia et al. 2018, arXiv 1711.10398",
    splits=("train", "val"),
    classes={
        "plane": ("plane",),
        "baseball-diamond": ("baseball diamond",),
        "bridge": ("bridge",),
        "ground-track-field": ("ground track field",),
        "small-vehicle": ("small vehicle",),
        "large-vehicle": ("large vehicle",),
        "ship": ("ship",),
        "tennis-court": ("tennis court",),
        "basketball-court": ("basketball court",),
        "storage-tank": ("storage tank",),
        "soccer-ball-field": ("soccer ball field",),
        "roundabout": ("roundabout",),
        "harbor": ("harbor",),
        "swimming-pool": ("swimming pool",),
        "helicopter": ("helicopter",),
    },
    task="boxes, outlines",
    quirks="Corners are general quadrilaterals; the oriented box is the least rectangle around them. Objects marked as "
    "difficult have the attribute `difficult` and count neither way. The labels of the test are kept by the authors' "
    "server.",
    layout="Train and val with images (PNG) and labelTxt; the two lines imagesource and gsd come first; a line is eight "
    "coordinates, class and difficulty, which may be missing, as in DOTA_devkit's reader. The folder names are those that "
    "its tools and mmrotate expect.",
)
LABELS = ("labelTxt", "labelTxt-v1.0/labelTxt", "labelTxt-v1.0")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the whole pictures of a split by number."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, *[f"{name}/{split}" for name in ("DOTA-v1.0", "DOTA", "dota")])
    labels = next((folder / name for name in LABELS if (folder / name).is_dir()), folder / LABELS[0])
    require(labels, CARD)
    for file in sorted((folder / "images").glob("*.png")):
        picture = Picture(file)
        things, gsd = _labels(labels / f"{file.stem}.txt", picture.size)
        yield Sample(id=f"dota/{file.stem}", source=CARD.name, pictures=(picture,), things=things, gsd=gsd)


def _labels(file: Path, size: tuple[int, int]) -> tuple[tuple[Thing, ...], float | None]:
    height, width = size
    things, gsd = [], None
    for number, line in enumerate(require(file, CARD).read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if line.startswith("gsd:"):
            value = line.removeprefix("gsd:").strip()
            gsd = None if value in ("", "null", "None") else float(value)
        if not words or line.startswith(("imagesource:", "gsd:")):
            continue
        if len(words) not in (9, 10):
            raise wrong(file, number, f"{len(words)} words, where eight coordinates, a class and a difficulty are wanted")
        name = CARD.classes[known(words[8], CARD, file, number)][0]
        try:
            xs, ys = [float(w) / width for w in words[0:8:2]], [float(w) / height for w in words[1:8:2]]
        except ValueError:
            raise wrong(file, number, f"{' '.join(words[:8])[:80]!r} are not eight numbers") from None
        marked = {"difficult": "yes"} if words[9:] == ["1"] else {}
        things.append(Thing.outlined(name, tuple(zip(xs, ys, strict=True)), marked))
    return tuple(things), gsd
