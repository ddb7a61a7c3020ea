"""Tools for assistants that take longer than a look: jobs that are waited for, and questions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pyarrow.parquet as pq
from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from geoglot.serve.jobs import ENDED
from geoglot.serve.service import Service
from geoglot.serve.shapes import QUESTION, Ask

_PATIENCE = 600.0
_BOXES = 50  # of one answer: more would fill what an assistant can read
Bbox = Annotated[list[float] | None, Field(min_length=4, max_length=4, description="West, south, east, north in degrees.")]
Time = Annotated[str | None, Field(description="A year, month or date, or an interval A/B of them; .. is an open end.")]
Told = Callable[[Callable[..., Any]], Callable[..., Any]]
File = Callable[[str], Path]  # a result by its name
Made = TypeVar("Made")


class Classes(BaseModel):
    """How many tiles have each label, and the best examples of each (ids of tiles)."""

    tiles: int
    counts: dict[str, int]
    examples: dict[str, list[str]]


class Thing(BaseModel):
    """Something that an answer speaks of."""

    label: str
    score: float
    box: list[float] = Field(description="Left, top, right, bottom in pixels of the scene.")
    centre: tuple[float, float] | None = Field(description="Longitude and latitude.")


class Answered(BaseModel):
    """An answer; `things` are the best of those that it speaks of, `found` is how many there are."""

    text: str
    confidence: float | None = Field(description="In [0, 1]; null where the model does not say.")
    refused: bool = Field(description="Whether it cannot be known from what is seen.")
    found: int
    things: list[Thing]
    model: str
    assumptions: list[str]
    reasons: list[str]


class Kind(BaseModel):
    """How much ground a kind of change covers."""

    label: str
    share: float
    area: float | None = Field(description="Square metres.")


class Changed(BaseModel):
    """What changed between two scenes."""

    changed: float = Field(description="Share of what was seen at both dates.")
    kinds: list[Kind]
    method: str
    assumptions: list[str]


class Cover(BaseModel):
    """How much of a scene is cloud and shadow, as shares of what was observed."""

    scene: str
    name: str
    cloud: float
    shadow: float


def install(made: MCPServer[Any], service: Service, told: Told) -> None:
    """Add the tools to a server; `told` says errors as a tool does."""

    @made.tool(title="Classify")
    @told
    def classify(
        labels: Annotated[list[str], Field(min_length=1, max_length=50, description="Words; synonyms with bars: harbour|port.")],
        bbox: Bbox = None,
        time: Time = None,
        in_scene: Annotated[str | None, Field(description="Only in this scene, by its id.")] = None,
        none: Annotated[bool | None, Field(description="Whether a tile may fit none of the labels.")] = None,
    ) -> Classes:
        """Which of some labels fits each tile best: counts, and the best examples of each label."""
        return _done(service, "classify", _given(labels=labels, bbox=bbox, time=time, scene=in_scene, none=none), _classes)

    @made.tool(title="Ask about a scene")
    @told
    def ask(
        question: Annotated[str, Field(min_length=1, max_length=QUESTION)],
        scenes: Annotated[list[str], Field(min_length=1, max_length=8, description="A scene's id, or several dates of a place.")],
        bbox: Bbox = None,
        boxes: Annotated[
            list[list[float]] | None, Field(description="What is asked about: left, top, right, bottom in pixels.")
        ] = None,
        points: Annotated[list[list[float]] | None, Field(description="What is asked about: x, y in pixels.")] = None,
        lonlat: Annotated[bool, Field(description="Boxes and points are in degrees, west, south first.")] = False,
    ) -> Answered:
        """Ask in words what a scene or what is marked in it shows, how many there are of something, where, how large, how two
        things lie to each other; or what changed between dates."""
        pointed = {"boxes": boxes, "points": points, "lonlat": lonlat}
        return _answered(service.asker.ask(Ask.model_validate(_given(question=question, scenes=scenes, bbox=bbox, **pointed))))

    @made.tool(title="Change between two scenes")
    @told
    def change(
        before: Annotated[str, Field(description="The earlier scene, by its id.")],
        after: Annotated[str, Field(description="The later scene, by its id.")],
        query: Annotated[str | None, Field(description="In words, what should have changed, as in: new buildings.")] = None,
        method: Annotated[str | None, Field(description="As the preset of the sensor if left out; scm for a query.")] = None,
    ) -> Changed:
        """How much of the ground changed between two dates of a place, and to what."""
        return _done(service, "change", _given(before=before, after=after, query=query, method=method), _changed)

    @made.tool(title="Clouds")
    @told
    def cloud(
        scenes: Annotated[list[str] | None, Field(min_length=1, description="Ids of scenes; all of them if left out.")] = None,
    ) -> list[Cover]:
        """How much of scenes is cloud and cloud shadow."""
        return _done(service, "cloud", _given(scene=scenes), _cover)

    @made.tool(title="Draw a scene")
    @told
    def generate(
        prompt: Annotated[str, Field(min_length=1, max_length=1000, description="What is drawn, in words.")],
        centre: Annotated[list[float] | None, Field(min_length=2, max_length=2, description="Longitude and latitude.")] = None,
        gsd: Annotated[float | None, Field(gt=0, description="Metres a pixel; needed with a centre.")] = None,
        size: Annotated[int, Field(ge=16, le=1024, description="Pixels a side.")] = 128,
        seed: Annotated[int, Field(ge=0, description="The same seed gives the same picture.")] = 0,
    ) -> list[Image | str]:
        """Draw a scene by a model from words: a synthetic picture, not an observation of the Earth, and what it was made from."""
        lon, lat = centre or (None, None)
        return _done(service, "generate", _given(prompt=prompt, lon=lon, lat=lat, gsd=gsd, size=size, seed=seed), _drawn)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _done(service: Service, verb: str, parameters: dict[str, Any], read: Callable[[File], Made]) -> Made:
    """What `read` makes of the results of a job, which is then forgotten."""
    job = service.jobs.add(verb, parameters)
    until = time.monotonic() + _PATIENCE
    while job.state not in ENDED:
        if time.monotonic() > until:
            service.jobs.cancel(job.id)
            raise ToolError("It takes longer than ten minutes: narrow the area, the scenes or the span of time.")
        time.sleep(0.02)
    if job.problem is not None:
        raise ToolError(f"{job.problem['detail']} {job.problem['remedy']}")
    made = read(lambda name: service.jobs.file(job.id, name)[0])
    service.jobs.forget(job.id)
    return made


def _classes(file: File) -> Classes:
    rows = pq.read_table(file("classes.parquet"), columns=["label", "score", "id"]).to_pylist()
    rows.sort(key=lambda row: -row["score"])
    counts: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for row in rows:
        counts[row["label"]] = counts.get(row["label"], 0) + 1
        best = examples.setdefault(row["label"], [])
        if len(best) < 5:
            best.append(row["id"])
    return Classes(tiles=sum(counts.values()), counts=counts, examples=examples)


def _changed(file: File) -> Changed:
    report, areas = (json.loads(file(name).read_text(encoding="utf-8")) for name in ("report.json", "areas.json"))
    kinds = [Kind(label=row["label"], share=row["share"], area=row["area"]) for row in areas]
    return Changed(changed=report["changed"], kinds=kinds, method=report["method"], assumptions=report["assumptions"])


def _cover(file: File) -> list[Cover]:
    rows = json.loads(file("cover.json").read_text(encoding="utf-8"))
    return [Cover(scene=row["scene"], name=row["name"], cloud=row["cloud"], shadow=row["shadow"]) for row in rows]


def _drawn(file: File) -> list[Image | str]:
    about = json.loads(file("generated.stac.json").read_text(encoding="utf-8"))
    return [Image(data=file("generated.png").read_bytes(), format="png"), str(about["properties"]["description"])]


def _answered(told: dict[str, Any]) -> Answered:
    from shapely.geometry import shape

    things = []
    for feature in told["boxes"]["features"][:_BOXES]:
        point = None if feature["geometry"] is None else shape(feature["geometry"]).centroid
        about = feature["properties"]
        centre = None if point is None else (round(point.x, 6), round(point.y, 6))
        things.append(Thing(label=about["label"], score=about["score"], box=about["box"], centre=centre))
    names = ("text", "confidence", "refused", "model", "assumptions", "reasons")
    return Answered(found=len(told["boxes"]["features"]), things=things, **{name: told[name] for name in names})
