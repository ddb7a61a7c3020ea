"""Find what changed between two scenes of a place; pixels are read again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict

from geoglot.archive.rows import reopen
from geoglot.core import parts
from geoglot.serve import problems, styles
from geoglot.serve.jobs import Context
from geoglot.serve.library import Entry
from geoglot.serve.service import Service
from geoglot.serve.shapes import Id, Number, Strict
from geoglot.serve.verbs import _shared
from geoglot.tasks import change as task
from geoglot.tasks.change import ChangeMap
from geoglot.tasks.change.changemap import COLOURS, UNCHANGED
from geoglot.tasks.change.kinds import KINDS
from geoglot.tasks.change.verb import ROOM
from geoglot.tasks.cloud import check as check_cloud
from geoglot.tasks.segment.classmap import told_area

TITLE = "Change"
SCENE: JsonDict = {"format": "scene"}  # the page gives such a field a list of the scenes
KIND = 3  # the band of a map of change that is shown
TINT = {name: "#{:02x}{:02x}{:02x}".format(*COLOURS[name]) for name in KINDS}


def _methods() -> list[str]:
    return [name.replace("_", "-") for name in parts.names(ROOM)]


def _known(name: str) -> str:
    if name not in _methods():
        raise ValueError(f"there is no method {name[:40]!r}; there are {', '.join(_methods())}")
    return name


Method = Annotated[
    str, AfterValidator(_known), Field(max_length=40, json_schema_extra=lambda schema: schema.update(enum=_methods()))
]


class Parameters(Strict):
    """Two scenes, and how they are compared."""

    before: Annotated[
        Id, Field(title="Before", description="The earlier scene; the map is on its grid.", json_schema_extra=SCENE)
    ]
    after: Annotated[Id, Field(title="After", description="The later scene.", json_schema_extra=SCENE)]
    method: Annotated[Method | None, Field(title="Method", description="The preset of the sensor if left out.")] = None
    query: Annotated[
        Annotated[str, Field(min_length=1, max_length=1000, pattern=_shared.TEXT)] | None,
        Field(title="What should have changed", description="In words, as in new buildings; with the method scm."),
    ] = None
    labels: Annotated[
        Annotated[list[_shared.Label], Field(min_length=1, max_length=50)] | None,
        Field(
            title="Labels",
            description="Say what each polygon was and has become, by these words; synonyms with bars: trees|forest.",
        ),
    ] = None
    threshold: Annotated[
        Number | Literal["otsu", "own"] | None,
        Field(title="Where change begins", description="otsu, own, or a score of the method; as the preset says if left out."),
    ] = None
    false_alarm: Annotated[
        Annotated[Number, Field(gt=0, lt=0.5)] | None,
        Field(
            title="False alarms", description="In place of a threshold: the share of unchanged pixels that may be called changed."
        ),
    ] = None
    min_area: Annotated[Number, Field(ge=0, title="Smallest polygon", description="In square metres.")] = 0.0
    clouds: Annotated[
        bool, Field(title="Leave out clouds", description="And their shadows, masked by the model; it takes longer.")
    ] = False

    def settings(self) -> dict[str, Any]:
        """As `tasks.change` takes them."""
        names = ("method", "query", "labels", "threshold", "false_alarm")
        return {name: getattr(self, name) for name in names} | {"least": self.min_area}


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    before, after = (service.library.entry(id).name for id in (asked.before, asked.after))
    return f"Change: {before} to {after}"[:200]


def check(asked: Parameters, service: Service) -> None:
    """Refuse scenes that are not there or make no pair, and settings that make no sense; no pixel is read."""
    library = service.library
    one, other = (library.entry(id) for id in (asked.before, asked.after))
    with library.scene(one) as before, library.scene(other) as after:
        task.check(before, after, clouds=service.library.main.model if asked.clouds else None, **asked.settings())
        if asked.clouds:
            check_cloud(service.library.main.model)


def run(asked: Parameters, context: Context) -> None:
    """A job that is resumed goes on with the block at which it was."""
    service = context.service
    before, after = (service.library.entry(id) for id in (asked.before, asked.after))
    context.progress(0, None, f"compares {before.name} and {after.name}")
    how = asked.settings() | {"model": lambda: service.encoders.dual, "clouds": service.encoders.dual if asked.clouds else None}
    with reopen(before.row) as one, reopen(after.row) as other:
        made = task.change(one, other, out=context.work / "change.tif", **how)
        told = _write(asked, made, (before, after), context)
    context.progress(1, 1, told)


def _write(asked: Parameters, made: ChangeMap, scenes: tuple[Entry, Entry], context: Context) -> str:
    """Write all results; gives what is to be told."""
    found = [row.label for row in made.kinds if row.label != UNCHANGED]
    legend = [{"value": value, "label": name, "colour": TINT[name]} for value, name in enumerate(KINDS, 1) if name in found]
    _shared.take_map(context, "change.tif", made.path, made.grid, legend=legend, band=KIND)
    beside = f"{made.path.name}.aux.xml"  # names and colours of three bands, for which a GeoTIFF has no place
    shutil.copyfile(made.path.with_name(beside), context.result(beside, "application/xml"))
    rows, more = _shared.first(_rows(made.polygons(asked.min_area), scenes[0], context))
    _shared.write_tables(context, "polygons", rows, (*_shared.TABLES, _shared.GEOPACKAGE))
    context.check()
    made.write(context.result("change.png", "image/png"))
    context.result("change.qml", "application/xml").write_text(styles.qml(KINDS, TINT, KIND), encoding="utf-8")
    _shared.write_json(context, "areas.json", list(_rows(made.rows(), scenes[0], context)))
    assumed = [problems.hidden(text) for text in made.report["assumptions"]]
    named = {
        key: {"scene": entry.id, "name": entry.name, "date": date}
        for key, entry, date in zip(("before", "after"), scenes, made.of.told, strict=True)
    }
    _shared.write_json(context, "report.json", {**named, "changed": made.changed, **made.report, "assumptions": assumed})
    kinds = sorted((row for row in made.kinds if row.label != UNCHANGED), key=lambda row: -row.pixels)
    parts_told = ", ".join(f"{row.label} {told_area(row.area) or f'{row.pixels:,} pixels'}" for row in kinds[:4])
    what = f"{made.changed:.1%} changed{': ' if parts_told else ''}{parts_told}; {made.report['method']}{more}"
    return what + "".join(f"; assumed: {text}" for text in assumed)


def _rows(rows: Any, entry: Entry, context: Context) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        context.check()
        yield {**row, "scene": entry.id, "name": entry.name, "colour": TINT.get(row["label"])}
