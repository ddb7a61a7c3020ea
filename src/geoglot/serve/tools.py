"""The archive for assistants: a Model Context Protocol server whose tools are the verbs, with typed arguments and answers."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field, ValidationError

from geoglot import __version__
from geoglot.core.errors import GeoglotError, InputError
from geoglot.geo import vectors
from geoglot.serve import features, pictures, problems, work
from geoglot.serve.service import Service
from geoglot.serve.settings import Settings
from geoglot.serve.shapes import Search
from geoglot.serve.work import Bbox, Time

_ABOUT = (
    "An archive of satellite and aerial imagery. Search it in words, look at what was found (picture), ask for more of the same "
    "(like and unlike take ids of hits), classify tiles by labels, ask about a scene in words, compare two dates, measure how "
    "much of a scene is cloud, and draw what something could look like (generate: synthetic, never an observation). Boxes are "
    "west, south, east, north in degrees."
)
_Call = TypeVar("_Call", bound=Callable[..., Any])
Scene = Annotated[str | None, Field(description="Only in this scene, by its id.")]


class Place(BaseModel):
    """A tile that answers a search."""

    id: str
    rank: int
    score: float
    scene: str | None
    name: str | None = Field(description="The scene's file.")
    time: str | None
    gsd: float | None = Field(description="Metres a pixel.")
    centre: tuple[float, float] | None = Field(description="Longitude and latitude.")


class SceneInfo(BaseModel):
    """A scene of the archive."""

    id: str
    name: str
    time: str | None
    gsd: float | None
    sensor: str
    bands: list[str]
    tiles: int
    bbox: list[float] | None


class ArchiveInfo(BaseModel):
    """The archive in figures."""

    name: str
    model: str
    scenes: int
    tiles: int
    bbox: list[float] | None
    time: list[str] | None
    sensors: list[str]


@contextmanager
def opened(settings: Settings) -> Iterator[MCPServer[Any]]:
    """A server with the tools over an archive; its state is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="geoglot-mcp-") as folder:
        service = Service(replace(settings, state=Path(folder), uploads=False))
        try:
            yield server(service)
        finally:
            service.close()


def server(service: Service) -> MCPServer[Any]:
    """The tools over a service."""
    made: MCPServer[Any] = MCPServer(
        "geoglot", title=f"geoglot: {service.settings.title}", instructions=_ABOUT, version=__version__
    )

    _collection(made, service)
    _verbs(made, service)
    work.install(made, service, _told)
    return made


def _collection(made: MCPServer[Any], service: Service) -> None:
    """Tools that tell what is there."""

    @made.tool(title="What the archive holds")
    @_told
    def archive() -> ArchiveInfo:
        """Figures of the archive: scenes, tiles, extent, span of time, sensors."""
        facts = vectors.plain(service.facts())
        model = facts.pop("model")["name"]
        return ArchiveInfo(name=service.settings.title, model=model, **{key: facts[key] for key in facts if key != "gsd"})

    @made.tool(title="List scenes")
    @_told
    def scenes(
        bbox: Bbox = None, time: Time = None, sensor: str | None = None, limit: Annotated[int, Field(ge=1, le=200)] = 20
    ) -> list[SceneInfo]:
        """Scenes, newest first, by place, time and sensor."""
        return [_scene(entry) for entry in features.chosen(service.library, bbox, time, sensor)[:limit]]

    @made.tool(title="One scene")
    @_told
    def scene(id: str) -> SceneInfo:
        """What is known of a scene."""
        return _scene(service.library.entry(id))


def _verbs(made: MCPServer[Any], service: Service) -> None:
    """Tools that look for something, look at it, and name it."""

    @made.tool(title="Search")
    @_told
    def search(
        text: Annotated[str | None, Field(description="What to look for, in words.")] = None,
        image: Annotated[str | None, Field(description="Path of a picture file to search by, alone or with text.")] = None,
        like: Annotated[list[str] | None, Field(description="Ids of tiles that are good.")] = None,
        unlike: Annotated[list[str] | None, Field(description="Ids of tiles that are not what is meant.")] = None,
        bbox: Bbox = None,
        time: Time = None,
        sensor: str | None = None,
        in_scene: Scene = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 10,
    ) -> list[Place]:
        """Find places in words, by a picture, by examples, or by several of them; best first."""
        chip = None if image is None else service.chips.add(_file(image, service.settings.limits.chip)).id
        asked = {
            "text": text,
            "chip": chip,
            "like": like or [],
            "unlike": unlike or [],
            "bbox": bbox,
            "time": time,
            "sensor": sensor,
        }
        hits = service.search.find(Search.model_validate({**asked, "scene": in_scene, "limit": limit}))
        return [_place(feature) for feature in features.hits(hits, service.library)["features"]]

    @made.tool(title="Look at a tile or scene")
    @_told
    def picture(id: str, kind: Literal["tile", "scene"] = "tile", size: Annotated[int, Field(ge=32, le=1024)] = 384) -> Image:
        """A picture, north up."""
        hit = service.library.tile(id) if kind == "tile" else None
        entry = service.library.entry(id) if hit is None else service.library.of_hit(hit)
        if entry is None:
            raise ToolError("The scene of this tile is gone. Search anew.")
        with service.library.scene(entry) as scene:
            return Image(data=pictures.part(scene, None if hit is None else hit.window, size), format="png")


def _file(path: str, most: int) -> bytes:
    """The bytes of a picture file; raises `InputError` for what cannot be read or is too large."""
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"The picture {Path(path).name} cannot be read ({error}): give the path of a picture file.") from None
    if len(data) > most:
        raise InputError(f"The picture {Path(path).name} is larger than {most / 2**20:,.0f} MiB: cut out the part to search by.")
    return data


def _told(call: _Call) -> _Call:
    """Errors of our own tree as errors of the tool: what is wrong and what to do, without folders of this machine."""

    @functools.wraps(call)
    def inner(*args: Any, **options: Any) -> Any:
        try:
            return call(*args, **options)
        except GeoglotError as error:
            problem = problems.of(error)
            raise ToolError(f"{problem.detail} {problem.remedy}") from None
        except ValidationError as error:
            raise ToolError("; ".join(f"{part['loc']}: {part['msg']}" for part in error.errors()[:5])) from None

    return inner  # type: ignore[return-value]


def _scene(entry: Any) -> SceneInfo:
    made = features.scene(entry)
    told = made["properties"]
    names = ("name", "time", "gsd", "sensor", "bands", "tiles")
    return SceneInfo(id=entry.id, bbox=made.get("bbox"), **{name: told[name] for name in names})


def _place(feature: dict[str, Any]) -> Place:
    from shapely.geometry import shape

    told = feature["properties"]
    centre = None
    if feature["geometry"] is not None:
        point = shape(feature["geometry"]).centroid
        centre = (round(point.x, 6), round(point.y, 6))
    names = ("id", "rank", "score", "scene", "name", "time", "gsd")
    return Place(centre=centre, **{name: told[name] for name in names})
