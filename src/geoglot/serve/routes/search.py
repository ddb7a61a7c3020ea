"""Search, and the pictures to search by."""

from __future__ import annotations

import tempfile
from pathlib import Path as File

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import JSONResponse, Response

from geoglot.geo import vectors
from geoglot.serve import features, pictures
from geoglot.serve.errors import TooLarge
from geoglot.serve.routes._common import GEOJSON, PNG, Served, answer, picture
from geoglot.serve.routes.scenes import Name
from geoglot.serve.settings import MIB
from geoglot.serve.shapes import Search

router = APIRouter(prefix="/api", tags=["search"])
_FILES = {"geoparquet": (".parquet", "application/vnd.apache.parquet"), "csv": (".csv", "text/csv")}


@router.post("/search", summary="Find places in words, by a picture, by examples")
def search(service: Served, asked: Search) -> Response:
    """Tiles, best first. Marks of good and bad tiles (`like`, `unlike`) fit a small head that ranks them anew."""
    hits = service.search.find(asked)
    if asked.format == "geojson":
        return JSONResponse(features.hits(hits, service.library), media_type=GEOJSON)  # plain already
    suffix, media = _FILES[asked.format]
    with tempfile.TemporaryDirectory() as folder:
        file = vectors.write_features(File(folder) / f"hits{suffix}", features.rows(hits, service.library))
        data = file.read_bytes()
    return Response(data, media_type=media, headers={"Content-Disposition": f'attachment; filename="hits{suffix}"'})


@router.post("/chips", summary="A picture to search by", status_code=201)
def chip(service: Served, file: UploadFile) -> JSONResponse:
    """Kept for an hour; name its `id` as `chip` in a search."""
    data = file.file.read(service.settings.limits.chip + 1)
    if len(data) > service.settings.limits.chip:
        raise TooLarge(f"The picture is larger than {service.settings.limits.chip / MIB:,.0f} MiB.", "Cut out what you look for.")
    made = service.chips.add(data)
    return answer({"id": made.id, "width": made.width, "height": made.height}, status=201)


@router.get("/chips/{id}/thumbnail.png", summary="How a picture looks", response_class=Response, responses=PNG)
def shown(service: Served, request: Request, id: Name) -> Response:
    """At most 384 pixels a side."""
    made = service.chips.get(id)
    return picture(request, made.png, pictures.etag("chip", id))
