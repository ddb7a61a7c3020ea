"""The application: routes, middleware and problems around one service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from geoglot import __version__
from geoglot.core import parts
from geoglot.serve import problems
from geoglot.serve.keys import Keys
from geoglot.serve.middleware import Guard
from geoglot.serve.service import Service
from geoglot.serve.settings import Settings

_ABOUT = (
    "Search an archive of satellite and aerial imagery in words, by pictures and by examples. Every error is a problem "
    "document (RFC 9457) that says what is wrong and what to do."
)


def create(settings: Settings) -> FastAPI:
    """The application over an archive; raises what `Service` raises, before anything is served."""
    keys = Keys(settings.keys, settings.limits.rate)
    service = Service(settings)

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title=f"geoglot: {settings.title}",
        version=__version__,
        description=_ABOUT,
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        responses=problems.RESPONSES,
    )
    app.state.service = service
    problems.install(app)
    for name in parts.names("serve.routes"):
        app.include_router(parts.find("serve.routes", name).router)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["X-API-Key", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID"],
        )
    app.add_middleware(Guard, settings=settings, keys=keys, metrics=service.metrics)
    return app
