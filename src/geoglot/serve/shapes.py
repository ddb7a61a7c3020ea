"""What requests hold: sizes and kinds are checked here, before any work is done."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from geoglot.core.errors import InputError
from geoglot.serve.errors import Unusable

QUESTION = 1000  # characters
TURNS = 20  # of a history
Number = Annotated[float, Field(allow_inf_nan=False)]
Box = Annotated[
    list[Number], Field(min_length=4, max_length=4, description="West, south, east, north in degrees; west > east across 180°.")
]
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
TileIds = Annotated[list[Id], Field(max_length=1000)]
Geometry = Annotated[
    dict[str, Any],
    Field(description="A GeoJSON polygon, multipolygon, or a feature with one, in longitude and latitude."),
]
Time = Annotated[
    str, Field(min_length=1, max_length=80, description="A year, month or date, or an interval A/B of them; .. is an open end.")
]


class Strict(BaseModel):
    """Refuses names that it does not know."""

    model_config = ConfigDict(extra="forbid")


class Area(Strict):
    """Filters on place, time and attributes."""

    bbox: Box | None = None
    polygon: Geometry | None = None
    time: Time | None = None
    sensor: Annotated[str, Field(max_length=100)] | None = None
    gsd: (
        Annotated[
            list[Number | None], Field(min_length=2, max_length=2, description="Least and most metres a pixel; null is open.")
        ]
        | None
    ) = None
    cloud_max: Annotated[float, Field(ge=0, le=1)] | None = None
    valid_min: Annotated[float, Field(ge=0, le=1)] | None = None
    scene: Annotated[Id, Field(description="Only tiles of this scene.")] | None = None

    def filters(self, vertices: int) -> dict[str, Any]:
        """As `Archive.find` takes them; `scene` is still a public id."""
        where: dict[str, Any] = {}
        if self.gsd is not None:
            low, high = self.gsd
            if low is not None and high is not None and low > high:
                raise Unusable(f"gsd is [{low:g}, {high:g}].", "Give the smaller number first.")
            where |= {name: value for name, value in (("gsd_min", low), ("gsd_max", high)) if value is not None}
        for name in ("sensor", "cloud_max", "valid_min", "scene"):
            value = getattr(self, name)
            if value is not None:
                where[name] = value
        within = None if self.polygon is None else shape_of(self.polygon, vertices)
        return {"bbox": self.bbox, "within": within, "time": self.time, "where": where}


class Search(Area):
    """What to look for, and where."""

    text: Annotated[str, Field(min_length=1, max_length=1000, description="In words.")] | None = None
    chip: Annotated[Id, Field(description="A picture from POST /api/chips.")] | None = None
    like: TileIds = Field(default_factory=list, description="Tiles that are good.")
    unlike: TileIds = Field(default_factory=list, description="Tiles that are not what is meant.")
    near: (
        Annotated[list[Number], Field(min_length=2, max_length=2, description="[lon, lat]: as the tile at this place looks.")]
        | None
    ) = None
    weight: Annotated[float, Field(ge=0, le=1, description="Share of the words beside a picture.")] = 0.5
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    min_score: Annotated[float, Field(ge=-1, le=1)] | None = None
    format: Literal["geojson", "geoparquet", "csv"] = "geojson"


class Turn(Strict):
    """Something that was said before."""

    role: Literal["user", "assistant"]
    text: Annotated[str, Field(min_length=1, max_length=4000)]


class Ask(Strict):
    """A question about a scene, or about several dates of a place in their order, and where to look."""

    scenes: Annotated[list[Id], Field(min_length=1, max_length=8, description="Ids of scenes; several are dates of one place.")]
    question: Annotated[str, Field(min_length=1, max_length=QUESTION, description="In words.")]
    bbox: Box | None = None
    polygon: Geometry | None = None
    window: (
        Annotated[
            list[Annotated[int, Field(ge=0, lt=2**31)]],
            Field(min_length=4, max_length=4, description="Row, column, height, width in pixels of the first scene."),
        ]
        | None
    ) = None
    boxes: Annotated[
        list[Annotated[list[Number], Field(min_length=4, max_length=4)]],
        Field(max_length=16, description="What is asked about: left, top, right, bottom in pixels of the first scene."),
    ] = Field(default_factory=list)
    points: Annotated[
        list[Annotated[list[Number], Field(min_length=2, max_length=2)]],
        Field(max_length=16, description="What is asked about: x, y in pixels of the first scene."),
    ] = Field(default_factory=list)
    lonlat: Annotated[bool, Field(description="Boxes are west, south, east, north, points longitude, latitude.")] = False
    history: Annotated[
        list[Turn], Field(max_length=TURNS, description="Earlier questions and answers in turn, about the same scenes.")
    ] = Field(default_factory=list)
    most: Annotated[int, Field(ge=1, le=64, description="Parts of a large scene that are looked at.")] = 16


def shape_of(polygon: dict[str, Any], vertices: int) -> Any:
    """An area as a geometry; `InputError` for what is none, too many corners, or coordinates that are no numbers."""
    from geoglot.geo.vectors import area

    if _count(polygon) > vertices:
        raise Unusable(f"The area has more than {vertices:,} corners.", "Simplify it, or use a box.")
    try:
        return area(polygon, "The area")
    except (ValueError, OverflowError, RecursionError) as error:  # what the library of geometries makes of nonsense
        raise InputError(f"The area is not a GeoJSON geometry: {error}. Draw it again.") from None


def place_of(geometry: dict[str, Any], vertices: int) -> Any:
    """A geometry of any kind, cut at the antimeridian where it is an area; raises what `shape_of` raises."""
    import shapely
    from shapely.geometry import shape

    if geometry.get("type") in ("Polygon", "MultiPolygon", "Feature", "FeatureCollection"):
        return shape_of(geometry, vertices)
    if _count(geometry) > vertices:
        raise Unusable(f"The geometry has more than {vertices:,} corners.", "Simplify it, or use a box.")
    try:
        made = shape(geometry)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, shapely.errors.ShapelyError) as error:
        raise InputError(f"It is not a GeoJSON geometry: {error}. Draw it again.") from None
    if made.is_empty or not all(math.isfinite(value) for value in made.bounds):
        raise Unusable("The geometry is empty, or holds what is no number.", "Give coordinates: longitude, then latitude.")
    return made


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_count, value.values()))
    if isinstance(value, list):
        return 1 if value and not isinstance(value[0], list | dict) else sum(map(_count, value))
    return 0


def box_of(text: str | None) -> list[float] | None:
    """A box from a query string, `W,S,E,N` (six numbers have heights in them)."""
    if text is None:
        return None
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) == 6:
        values = [values[0], values[1], values[3], values[4]]
    if len(values) != 4:
        raise Unusable(f"A box is four numbers with commas between them, got {text[:80]!r}.", "Write west,south,east,north.")
    return values
