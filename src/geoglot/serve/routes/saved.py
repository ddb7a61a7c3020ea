"""Saved searches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from geoglot.serve import features
from geoglot.serve.routes._common import GEOJSON, Served, answer
from geoglot.serve.routes.scenes import Name
from geoglot.serve.shapes import Search, Strict

router = APIRouter(prefix="/api/saved", tags=["saved searches"])


class Named(Strict):
    """A search with a name."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    search: Search


@router.get("", summary="Saved searches, newest first")
def saved(service: Served) -> JSONResponse:
    """Each with the number of new places since the last look; null where a tile that it names has gone."""
    return answer({"saved": [service.saved.told(kept) for kept in service.saved.all()]})


@router.post("", summary="Save a search", status_code=201)
def save(service: Served, named: Named) -> JSONResponse:
    """What is there now counts as seen."""
    return answer(service.saved.told(service.saved.add(named.name, named.search)), status=201)


@router.delete("/{id}", summary="Delete a saved search", status_code=204, response_class=Response)
def delete(service: Served, id: Name) -> Response:
    """It is gone at once."""
    service.saved.delete(id)
    return Response(status_code=204)


@router.get("/{id}/new", summary="What is new since the last look")
def new(service: Served, id: Name) -> JSONResponse:
    """Hits in scenes that were taken in since."""
    return answer(features.hits(service.saved.new(id), service.library), GEOJSON)


@router.post("/{id}/seen", summary="Take what is there for seen")
def seen(service: Served, id: Name) -> JSONResponse:
    """The saved search, with nothing new."""
    return answer(service.saved.told(service.saved.look(id)))
