"""Say for every tile which of some labels fits it best, by the vectors that the archive holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from geoglot.archive import filters as archive_filters
from geoglot.archive.rows import tile_id
from geoglot.core.errors import InputError
from geoglot.core.progress import track
from geoglot.geo.grid import Window
from geoglot.serve import classmap, styles
from geoglot.serve.jobs import Context
from geoglot.serve.library import Entry
from geoglot.serve.service import Service
from geoglot.serve.shapes import Area
from geoglot.serve.verbs import _shared
from geoglot.tasks.classify import Labels, SceneLabels, classify_stored, rule
from geoglot.text.colours import colours
from geoglot.text.templates import read_labels

TITLE = "Classify"
_PHRASES = 300  # labels and synonyms: each is encoded in several sentences before the job is taken


class Parameters(Area):
    """Labels, and where."""

    labels: Annotated[
        list[_shared.Label],
        Field(min_length=1, max_length=50, title="Labels", description="Words for classes; synonyms with bars: harbour|port."),
    ]
    none: Annotated[
        bool | None,
        Field(title="None of these", description="Whether a tile may fit none; as the model is calibrated if left out."),
    ] = None


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    return _shared.by_labels(TITLE, asked.labels)


def check(asked: Parameters, service: Service) -> None:
    """Refuse labels and filters that make no sense."""
    classes = read_labels(asked.labels)
    if sum(len(phrases) for phrases in classes.values()) > _PHRASES:
        raise InputError(f"There are more than {_PHRASES} labels and synonyms: name fewer.")
    if len(classes) == 1 and asked.none is False:
        raise InputError("There is nothing to tell one label from: name another one, or let a tile fit none.")
    service.search.check()
    rule(service.encoders.words, asked.labels, none=asked.none)
    filters = asked.filters(service.settings.limits.vertices)
    service.library.where(filters["where"])
    archive_filters.make(**(filters | {"where": {key: value for key, value in filters["where"].items() if key != "scene"}}))


def run(asked: Parameters, context: Context) -> None:
    """Scene by scene; scenes that are done are kept in the work folder for a job that is resumed."""
    service = context.service
    made = rule(service.encoders.words, asked.labels, none=asked.none)
    filters = asked.filters(service.settings.limits.vertices)
    where = {key: value for key, value in filters.pop("where").items() if key != "scene"}
    entries = _shared.chosen(service, asked.scene)
    found: list[SceneLabels] = []
    with track(sum(int(entry.row["tiles"]) for entry in entries), "classify") as shown:
        for entry in entries:
            kept = context.work / f"{entry.id}-{entry.row['run']}.npz"
            if kept.exists():
                shown.advance(int(entry.row["tiles"]))
            else:
                labels = next(classify_stored(entry.archive, made, [entry.row], shown, where=where, **filters), None)
                _keep(kept, labels)
            found += _kept(kept, entry)
    if not found:
        raise InputError("No tile passes the filters: widen the area or the span of time.")
    _write(Labels(tuple(found), made.names, service.library.main.model.name, "tile"), entries, context)


def _keep(path: Path, labels: SceneLabels | None) -> None:
    empty = np.zeros((0, 0), dtype=np.float32)
    parts = (empty, empty, empty) if labels is None else (labels.windows, labels.valid, labels.scores)
    half = path.with_suffix(".part")
    with half.open("wb") as file:
        np.savez(file, windows=parts[0], valid=parts[1], scores=parts[2])
    half.rename(path)


def _kept(path: Path, entry: Entry) -> list[SceneLabels]:
    with np.load(path, allow_pickle=False) as file:
        windows, valid, scores = (file[name] for name in ("windows", "valid", "scores"))
    if not len(windows):
        return []
    row = entry.row
    shape = int(row["height"]), int(row["width"])
    return [SceneLabels(entry.id, shape, classmap.grid_of(row), row["time"], row["gsd"], row["sensor"], windows, valid, scores)]


def _window(row: dict[str, Any]) -> Window:
    return row["row"], row["col"], row["height"], row["width"]


def _write(labels: Labels, entries: list[Entry], context: Context) -> None:
    tint = colours(labels.names)
    names = {entry.id: entry.name for entry in entries}
    runs = {entry.id: int(entry.row["run"]) for entry in entries}
    rows = [
        {
            "scene": row["scene"],
            "label": row["label"],
            "score": row["score"],
            "name": names[row["scene"]],
            "id": tile_id(runs[row["scene"]], _window(row)),
        }
        | row
        | {"colour": tint[row["label"]]}
        for row in labels
    ]
    _shared.write_tables(context, "classes", rows)
    counts = Counter(str(row["label"]) for row in rows)
    legend = [
        {"value": value, "label": name, "colour": tint[name], "tiles": counts[name]} for value, name in enumerate(labels.names, 1)
    ]
    context.check()
    made = classmap.class_map(labels)
    if made is not None:
        path = context.result("classes.tif", _shared.COG, legend=legend)
        context.job.results[-1].bounds = classmap.write_map(path, made, [tint[name] for name in labels.names])
    path = context.result("classes.qml", "application/xml")
    path.write_text(styles.qml(labels.names, tint), encoding="utf-8")
    _shared.write_json(context, "legend.json", legend)
    told = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(4))
    context.progress(len(rows), len(rows), f"{len(rows):,} tiles: {told}")
