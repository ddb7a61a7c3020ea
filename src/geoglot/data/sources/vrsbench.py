"""VRSBench as published: long captions, objects with referring sentences, questions, a JSON file for each picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError
from geoglot.data.formats import vrsbench
from geoglot.data.sample import Card, Picture, Sample, Split, Thing, Turn, either, require

CARD = Card(
    name="vrsbench",
    title="VRSBench",
    licence="CC BY 4.0 by its card, pictures of DOTA and DIOR for research; unverified",
    origin="Li et al. 2024; pictures from DOTA v2 and DIOR",
    splits=("train", "val"),
    task="captions, referring, questions",
    quirks="512 px. Val is what its figures are on (9,350 captions, 16,159 sentences, 37,409 questions). Its writer says "
    "`unique`, its scorer reads `is_unique`: both are understood. A sentence is the attribute `referring` of its "
    "object.",
    layout="Images_train, Images_val, Annotations_train and Annotations_val, as its archives unpack; unverified.",
)


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the pictures of a split, in the order of their annotation files."""
    if split not in CARD.splits:
        return
    folder = either(root, CARD, "VRSBench", "vrsbench")
    notes = require(folder / f"Annotations_{split}", CARD)
    for where, record in vrsbench.records(notes):
        try:
            yield _sample(record, folder / f"Images_{split}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__} {error}"
            raise DataError(f"{notes / where}: {what}. Fetch the file again, or remove it.") from None


def _sample(row: dict[str, Any], images: Path) -> Sample:
    name = str(row["image"])
    things = []
    for thing in row.get("objects", []):
        corners = [float(v) for v in thing["obj_corner"]]
        points = tuple(zip(corners[::2], corners[1::2], strict=True))
        said = {"referring": str(thing.get("referring_sentence") or ""), "size": str(thing.get("obj_size") or "")}
        said["unique"] = "yes" if vrsbench.unique(thing) else ""
        things.append(Thing.outlined(str(thing["obj_cls"]), points, {key: value for key, value in said.items() if value}))
    pairs = row.get("qa_pairs", [])
    return Sample(
        id=f"vrsbench/{Path(name).stem}",
        source=CARD.name,
        pictures=(Picture(images / name),),
        captions=(str(row["caption"]),) if row.get("caption") else (),
        things=tuple(things),
        turns=tuple(Turn(pair["question"], str(pair["answer"]), str(pair.get("type") or "")) for pair in pairs),
    )
