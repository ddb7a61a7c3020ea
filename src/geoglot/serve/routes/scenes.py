"""Scenes: the list of them, web map tiles, previews; and pictures of tiles."""

from __future__ import annotations

import math
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from geoglot.serve import features, pictures
from geoglot.serve.errors import Unusable
from geoglot.serve.library import Entry
from geoglot.serve.routes._common import GEOJSON, PNG, Served, answer, picture
from geoglot.serve.shapes import box_of

router = APIRouter(prefix="/api", tags=["scenes"])
Name = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Zoom = Annotated[int, Path(ge=0, le=pictures.MAX_ZOOM)]
Place = Annotated[int, Path(ge=0, lt=2**pictures.MAX_ZOOM)]
Size = Annotated[int, Query(ge=16, le=1024, description="Pixels on the longer side.")]


@router.get("/scenes", summary="Scenes, newest first")
def scenes(
    service: Served,
    bbox: Annotated[str | None, Query(max_length=200, description="west,south,east,north")] = None,
    time: Annotated[str | None, Query(min_length=1, max_length=80, description="A date, or an interval A/B.")] = None,
    sensor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> JSONResponse:
    """A GeoJSON feature collection, a page at a time."""
    found = features.chosen(service.library, box_of(bbox), time, sensor)
    page = [features.scene(entry) for entry in found[offset : offset + limit]]
    links = []
    if offset + limit < len(found):
        asked = {"bbox": bbox, "time": time, "sensor": sensor, "limit": limit, "offset": offset + limit}
        query = urlencode({key: value for key, value in asked.items() if value is not None})
        links.append({"rel": "next", "type": GEOJSON, "href": f"/api/scenes?{query}"})
    counts = {"numberMatched": len(found), "numberReturned": len(page)}
    return answer({"type": "FeatureCollection", "features": page, **counts, "links": links}, GEOJSON)


@router.get("/scenes/{id}", summary="One scene")
def scene(service: Served, id: Name) -> JSONResponse:
    """A GeoJSON feature."""
    return answer(features.scene(service.library.entry(id)), GEOJSON)


@router.get("/scenes/{id}/tilejson.json", summary="How to show a scene on a web map")
def tilejson(service: Served, id: Name) -> JSONResponse:
    """TileJSON 3.0."""
    entry = service.library.entry(id)
    if entry.box is None:
        raise Unusable("The scene has no georeference, so there is no place for it on a map.", "Use its preview.png.")
    west, south, east, north = entry.box
    first, last = _zooms(entry)
    return answer(
        {
            "tilejson": "3.0.0",
            "name": entry.name,
            "scheme": "xyz",
            "tiles": [f"/api/scenes/{id}/tiles/{{z}}/{{x}}/{{y}}.png"],
            "minzoom": first,
            "maxzoom": last,
            "bounds": [west, south, east, north],
            "center": [(west + east) / 2, (south + north) / 2, min(last, first + 2)],
        }
    )


def _zooms(entry: Entry) -> tuple[int, int]:
    """The zoom at which a scene is some 64 pixels wide, and the one that shows its own pixels."""
    assert entry.box is not None
    west, _, east, _ = entry.box
    first = int(math.log2(64 / 256 * 360 / max(east - west, 1e-6)))
    last = math.ceil(math.log2(156543.03 / max(float(entry.row["gsd"] or 10.0), 1e-3)))
    last = max(0, min(last, pictures.MAX_ZOOM))
    return max(0, min(first, last)), last


@router.get("/scenes/{id}/tiles/{z}/{x}/{y}.png", summary="A web map tile of a scene", response_class=Response, responses=PNG)
def tile(
    service: Served,
    request: Request,
    id: Name,
    z: Zoom,
    x: Place,
    y: Place,
    bands: Annotated[str | None, Query(max_length=200, description="One band or three, with commas between.")] = None,
    stretch: Annotated[str | None, Query(max_length=60, description="Values shown as black and white: low,high.")] = None,
) -> Response:
    """WebMercatorQuad, 256 pixels, transparent where nothing was observed; 204 for a tile without any."""
    entry = service.library.entry(id)
    names = None if not bands else tuple(part.strip() for part in bands.split(",") if part.strip())
    span = None if not stretch else _span(stretch)
    tag = pictures.etag(id, entry.row["run"], z, x, y, names, span)

    def work() -> bytes:
        with service.library.scene(entry) as opened:
            return pictures.scene_tile(opened, z, x, y, names, span)

    return picture(request, service.studio.make(tag, work), tag)


def _span(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not (high > low and abs(low) < 1e12 and abs(high) < 1e12):
        raise Unusable(f"stretch is two numbers, the smaller first, got {text!r}.", "Write stretch=0,3000.")
    return low, high


@router.get("/scenes/{id}/preview.png", summary="A picture of a whole scene", response_class=Response, responses=PNG)
def preview(service: Served, request: Request, id: Name, size: Size = 512) -> Response:
    """In the scene's own pixels, north up."""
    entry = service.library.entry(id)
    tag = pictures.etag(id, entry.row["run"], "preview", size)

    def work() -> bytes:
        with service.library.scene(entry) as opened:
            return pictures.part(opened, None, size)

    return picture(request, service.studio.make(tag, work), tag)


@router.get("/tiles/{tile}/thumbnail.png", summary="A picture of one tile", response_class=Response, responses=PNG)
def thumbnail(service: Served, request: Request, tile: Name, size: Size = 192) -> Response:
    """What the model saw when it was indexed."""
    tag = pictures.etag("tile", tile, size)  # the id stands for one window of one state of a scene

    def work() -> bytes:
        hit = service.library.tile(tile)
        entry = service.library.of_hit(hit)
        if entry is None:
            return b""
        with service.library.scene(entry) as opened:
            return pictures.part(opened, hit.window, size)

    return picture(request, service.studio.make(tag, work), tag, 86400)
