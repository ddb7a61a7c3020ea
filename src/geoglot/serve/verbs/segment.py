"""Give every pixel of the scenes of the archive a class by words; pixels are read again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from geoglot.archive.rows import reopen
from geoglot.core.errors import GeoglotError, InputError
from geoglot.serve import classmap, styles
from geoglot.serve.jobs import Context
from geoglot.serve.library import Entry
from geoglot.serve.service import Service
from geoglot.serve.shapes import Id, Number, Strict
from geoglot.tasks.segment import ClassMap, segment
from geoglot.text.colours import colours
from geoglot.text.templates import NONE, read_labels

TITLE = "Segment"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$"  # what a style, which is XML, may hold
_POLYGONS = 20_000  # of one job; more are left to the raster


class Parameters(Strict):
    """Labels, and in which scene."""

    labels: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200, pattern=_TEXT)]],
        Field(min_length=1, max_length=50, title="Labels", description="Words for classes; synonyms with bars: water|lake."),
    ]
    background: Annotated[
        str | None,
        Field(max_length=500, pattern=_TEXT, title="Everything else", description="Words for what is none of them: roof|shadow."),
    ] = None
    scene: Annotated[Id | None, Field(title="Scene", description="Only this scene.")] = None
    min_area: Annotated[Number, Field(ge=0, title="Smallest polygon", description="In square metres.")] = 0.0


def title(asked: Parameters) -> str:
    """The job in words."""
    return f"Segment: {', '.join(label.split('|')[0] for label in asked.labels)}"[:200]


def check(asked: Parameters, service: Service) -> None:
    """Refuse labels that make no sense, and a scene that is not there."""
    if len(read_labels(asked.labels)) == 1 and not asked.background:
        raise InputError("There is nothing to tell one label from: name another one, or say what everything else is.")
    if asked.background:
        read_labels({"background": asked.background.split("|")})
    if asked.scene is not None:
        service.library.where({"scene": asked.scene})


def run(asked: Parameters, context: Context) -> None:
    """Scene by scene; maps that are done are kept in the work folder, and half of one too, for a job that is resumed."""
    service = context.service
    entries = [entry for entry in service.library.entries().values() if asked.scene in (None, entry.id)]
    made: list[tuple[Entry, ClassMap]] = []
    skipped: list[tuple[str, str]] = []
    for number, entry in enumerate(entries):
        context.progress(number, len(entries), f"looks at {entry.name}")
        try:
            with reopen(entry.row) as scene:
                target = context.work / f"{entry.id}-{entry.row['run']}.tif"
                background = asked.background or None
                made.append((entry, segment(service.encoders.dual, scene, asked.labels, out=target, background=background)))
        except GeoglotError as error:
            context.check()  # one of them says that the job was cancelled
            skipped.append((entry.name, str(error)))
    if not made:
        raise InputError(f"No scene could be looked at. {'; '.join(f'{name}: {why}' for name, why in skipped[:3])}")
    told = f"; polygons: the first {_POLYGONS:,}, the rest is in the maps" if _write(asked, made, context) == _POLYGONS else ""
    told += "".join(f"; skipped {name}: {why}" for name, why in skipped[:3])
    context.progress(len(entries), len(entries), f"{len(made):,} maps of classes{told}")


def _write(asked: Parameters, made: list[tuple[Entry, ClassMap]], context: Context) -> int:
    """Write all results; gives the number of polygons."""
    names = made[0][1].names
    tint = colours([*names, NONE])
    legend = [{"value": value, "label": name, "colour": tint[name]} for value, name in enumerate(names, 1)]
    for entry, one in made:
        context.check()
        path = context.result(_named(entry, made), "image/tiff; application=geotiff; profile=cloud-optimized", legend=legend)
        shutil.copyfile(one.path, path)
        if one.grid is not None:
            bounds = one.grid.footprint().bounds
            context.job.results[-1].bounds = [round(float(value), 7) for value in bounds]
    rows = list(islice(_polygons(asked, made, context), _POLYGONS))
    for name, media in (("polygons.geojson", "application/geo+json"), ("polygons.parquet", "application/vnd.apache.parquet")):
        context.check()
        classmap.write_rows(context.result(name, media), rows)
    context.result("classes.qml", "application/xml").write_text(styles.qml(names, tint), encoding="utf-8")
    table = [
        {**row, "scene": entry.id, "name": entry.name, "colour": tint[row["label"]]} for entry, one in made for row in one.rows()
    ]
    context.result("areas.json", "application/json").write_text(json.dumps(table), encoding="utf-8")
    return len(rows)


def _polygons(asked: Parameters, made: list[tuple[Entry, ClassMap]], context: Context) -> Iterator[dict[str, Any]]:
    tint = colours([*made[0][1].names, NONE])
    for entry, one in made:
        context.check()
        for row in one.polygons(asked.min_area):
            yield {**row, "scene": entry.id, "name": entry.name, "colour": tint[row["label"]]}


def _named(entry: Entry, made: list[tuple[Entry, ClassMap]]) -> str:
    """The name of a scene's map among the results."""
    return "classes.tif" if len(made) == 1 else f"classes-{Path(entry.name).stem}-{entry.id[:6]}.tif"
