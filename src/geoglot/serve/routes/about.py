"""What this service is: health, figures for Prometheus, and what the page needs to begin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from geoglot import __version__
from geoglot.serve.routes._common import Served, answer
from geoglot.serve.routes.jobs import verbs

router = APIRouter(tags=["service"])


@router.get("/health", summary="Whether it works")
def health(service: Served) -> JSONResponse:
    """Reads the archive's state, so that a lost disk shows."""
    service.search.check()
    model = service.library.main.model.name
    scenes, tiles = len(service.library.entries()), len(service.library)
    return answer({"status": "ok", "version": __version__, "model": model, "scenes": scenes, "tiles": tiles})


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(service: Served) -> Response:
    """In Prometheus' text form."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/api/archive", summary="What is served")
def archive(service: Served) -> JSONResponse:
    """The collection in figures, its model, the verbs, and the limits of requests."""
    settings = service.settings
    limits: dict[str, Any] = {
        "upload_bytes": settings.limits.upload,
        "chip_bytes": settings.limits.chip,
        "pixels": settings.limits.pixels,
        "results": settings.limits.results,
    }
    return answer(
        {
            "name": settings.title,
            "version": __version__,
            **service.facts(),
            "chat": service.asker.about(),
            "verbs": verbs(),
            "limits": limits,
            "uploads": settings.uploads,
            "basemap": None if settings.basemap is None else asdict(settings.basemap),
        }
    )
