"""What routes share: the service of a request, and answers in a few forms."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response

from geoglot.geo import vectors
from geoglot.serve.service import Service

GEOJSON = "application/geo+json"
PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "A picture."},
    204: {"description": "Nothing was observed there."},
}


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Served = Annotated[Service, Depends(_service)]


def answer(value: Any, media: str = "application/json", status: int = 200) -> JSONResponse:
    """A value as JSON: times as ISO 8601, what is not a number as null."""
    return JSONResponse(vectors.plain(value), status, media_type=media)


def picture(request: Request, data: bytes, tag: str, seconds: int = 3600) -> Response:
    """A PNG that a browser may keep; 204 for a picture of nothing, 304 for one that it has."""
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={seconds}"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if not data:
        return Response(status_code=204, headers=headers)
    return Response(data, media_type="image/png", headers=headers)
