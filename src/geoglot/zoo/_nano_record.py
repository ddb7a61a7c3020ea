"""What a run of the recipe of `nano` is taught, what is kept out of it, and the record of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from geoglot.core.errors import ConfigError
from geoglot.core.parts import find
from geoglot.data.build import duplicates
from geoglot.data.build.mixture import Material
from geoglot.models import record
from geoglot.models.nano import VERSION

TEACHES = ("aid_rsicd", "ucm", "vhr10", "airport_obb", "ships", "dubai", "epfl_roads", "neon_trees")
PUBLISHED = ("ImageNet-1k, through the published image tower", "sentence pairs, through all-MiniLM-L6-v2")


def without_overlap(teach: Material, measure: Sequence[Material]) -> tuple[Material, list[str]]:
    """Drop every training picture that a validation or test picture resembles, and give the dropped ids.

    By perceptual hash under all turns; and by name, since the airports with boxes are AID's own (same numbers): a
    picture goes with all its windows.
    """
    held = {i for part in measure for i in part.ids}
    names = {Path(i).stem for i in held}
    stem = [Path(i.split("@")[0]).name.removesuffix("_jpg").removesuffix(".webp") for i in teach.ids]
    bad = {i for i, name in enumerate(stem) if teach.source[i] == "airport_obb" and name in names}
    prints = duplicates.hashes(teach.pixels)
    for part in measure:
        bad |= {i for i, _ in duplicates.near(prints, duplicates.turned(part.pixels), bits=4)}
    whole = {teach.ids[i].split("@")[0] for i in bad}
    keep = [i for i, name in enumerate(teach.ids) if name.split("@")[0] not in whole]
    return teach.take(keep), sorted(whole)


def unseen_phrases(unseen: Mapping[str, Sequence[str]]) -> list[str]:
    """Give what the classes that are kept out are called. Raises ConfigError for one that its source has not."""
    found = []
    for source, labels in unseen.items():
        classes = find("data.sources", source).CARD.classes
        for label in labels:
            if label not in classes:
                raise ConfigError(f"{source} has no class {label!r} to keep out: choose from {', '.join(classes)}.")
            found += list(classes[label])
    return found


def taught(teach: Material, unseen: Mapping[str, Sequence[str]], start: str | None, folder: Path) -> record.Record:
    """Say what a run took of each source, and what it left out."""
    dropped = (folder / "dropped.txt").read_text(encoding="utf-8").split()
    count = Counter(teach.source)
    sources = {
        name: record.Taught(
            pictures=count[name],
            unseen=tuple(unseen.get(name, ())),
            left_out=tuple(i for i in dropped if i.startswith(f"{name}/")),
        )
        for name in TEACHES
        if count[name]
    }
    other = tuple(f"{name}: {count[name]:,} pictures" for name in sorted(count) if name not in TEACHES)
    earlier = (f"what {Path(start).parent.name}/{Path(start).name} was taught",) if start else ()
    return record.Record(model=f"nano@{VERSION}", sources=sources, other=(*other, *earlier, *PUBLISHED))
