"""Find objects in the scenes of the archive by words: boxes, and how many there are; pixels are read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from geoglot.archive.rows import reopen
from geoglot.core.errors import GeoglotError
from geoglot.serve import classmap, styles
from geoglot.serve.jobs import Context
from geoglot.serve.library import Entry
from geoglot.serve.service import Service
from geoglot.serve.shapes import Id, Number, Strict
from geoglot.serve.verbs import _shared
from geoglot.tasks.detect import Detections, SceneBoxes, detect
from geoglot.text.colours import colours
from geoglot.text.templates import read_labels

TITLE = "Detect"
PARTS = ("boxes", "label", "score", "weak_label", "weak_score")


class Parameters(Strict):
    """Labels, and in which scene."""

    labels: Annotated[
        list[_shared.Label],
        Field(min_length=1, max_length=50, title="Labels", description="Words for objects; synonyms with bars: ship|boat."),
    ]
    scene: Annotated[Id | None, Field(title="Scene", description="Only this scene.")] = None
    min_score: Annotated[
        Number | None, Field(ge=0, le=1, title="Least score", description="Of a box; the model's own if left out.")
    ] = None
    upright: Annotated[bool, Field(title="Upright boxes", description="In place of turned ones.")] = False


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    return _shared.by_labels(TITLE, asked.labels)


def check(asked: Parameters, service: Service) -> None:
    """Refuse labels that make no sense, and a scene that is not there."""
    read_labels(asked.labels)
    _shared.chosen(service, asked.scene)


def run(asked: Parameters, context: Context) -> None:
    """Scene by scene; scenes that are done are kept in the work folder for a job that is resumed."""
    service = context.service
    entries = _shared.chosen(service, asked.scene)
    found: list[SceneBoxes] = []
    like: Detections | None = None
    skipped: _shared.Skipped = []
    for number, entry in enumerate(entries):
        context.progress(number, len(entries), f"looks at {entry.name}")
        kept = context.work / f"{entry.id}-{entry.row['run']}.npz"
        if not kept.exists():
            try:
                with reopen(entry.row) as scene:
                    like = detect(
                        service.encoders.dual,
                        scene,
                        asked.labels,
                        min_score=asked.min_score,
                        upright=asked.upright,
                        progress=False,
                    )
            except GeoglotError as error:
                skipped.append((entry.name, str(error)))
                continue
            _keep(kept, like)
        made, like = _kept(kept, entry, like, asked)
        found.append(made)
    if like is None:
        raise _shared.nothing(skipped)
    _write(
        Detections(tuple(found), like.names, like.model, like.route, like.upright, like.least, like.calibration), entries, context
    )


def _keep(path: Path, made: Detections) -> None:
    scene = made.scenes[0]
    told = {"names": made.names, "model": made.model, "route": made.route, "least": made.least}
    told["calibration"] = None if made.calibration is None else vars(made.calibration)
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        parts: dict[str, Any] = dict(zip(PARTS, (scene.boxes, scene.label, scene.score, *scene.weak), strict=True))
        np.savez(file, told=np.array(json.dumps(told)), **parts)
    half.rename(path)


def _kept(path: Path, entry: Entry, like: Detections | None, asked: Parameters) -> tuple[SceneBoxes, Detections]:
    from geoglot.tasks.detect import Calibration

    with np.load(path, allow_pickle=False) as file:
        boxes, label, score, weak_label, weak_score = (file[name] for name in PARTS)
        told = json.loads(str(file["told"]))
    row = entry.row
    shape = int(row["height"]), int(row["width"])
    scene = SceneBoxes(
        entry.id, shape, classmap.grid_of(row), row["time"], row["gsd"], boxes, label, score, (weak_label, weak_score)
    )
    if like is None:
        known = None if told["calibration"] is None else Calibration(**told["calibration"])
        like = Detections((), tuple(told["names"]), told["model"], told["route"], asked.upright, told["least"], known)
    return scene, like


def _write(made: Detections, entries: list[Entry], context: Context) -> None:
    tint = colours(made.names)
    names = {entry.id: entry.name for entry in entries}
    rows = [
        {"scene": row["scene"], "label": row["label"], "score": row["score"], "name": names[row["scene"]]}
        | row
        | {"colour": tint[row["label"]]}
        for row in made
    ]
    _shared.write_tables(context, "boxes", rows)
    context.result("boxes.qml", "application/xml").write_text(styles.qml(made.names, tint), encoding="utf-8")
    counts = {name: vars(one) | {"colour": tint[name]} for name, one in made.counts().items()}
    _shared.write_json(context, "counts.json", counts)
    told = ", ".join(f"{name} {one.boxes:,}" for name, one in made.counts().items())
    context.progress(len(entries), len(entries), f"{len(made):,} boxes: {told}")
