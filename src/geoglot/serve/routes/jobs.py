"""Jobs: start, look, follow, cancel, resume, and fetch what they made; uploads, which are jobs as well."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import Field

from geoglot.core import parts
from geoglot.serve import pictures, safety
from geoglot.serve.classmap import rgba
from geoglot.serve.errors import Forbidden, Missing
from geoglot.serve.jobs import ENDED, ROOM, Job
from geoglot.serve.routes._common import PNG, Served, answer, picture
from geoglot.serve.routes.scenes import Name, Place, Zoom
from geoglot.serve.shapes import Strict
from geoglot.serve.verbs import ingest

router = APIRouter(prefix="/api", tags=["jobs"])
_LOOK = 0.2  # seconds between looks at a job that is followed
_BEAT = 15.0  # seconds after which something is sent even when nothing happened


class Asked(Strict):
    """A verb and what it is to do."""

    verb: Annotated[str, Field(min_length=1, max_length=40, description="One of `verbs` of /api/archive.")]
    parameters: Annotated[dict[str, Any], Field(description="As the verb's schema in /api/archive says.")] = Field(
        default_factory=dict
    )


def verbs() -> list[dict[str, Any]]:
    """The verbs with the schemas of their parameters."""
    made = []
    for name in parts.names(ROOM):
        module = parts.find(ROOM, name)
        about = (module.__doc__ or "").strip().split("\n", 1)[0]
        schema = module.Parameters.model_json_schema()
        made.append({"name": name, "title": module.TITLE, "description": about, "job": True, "parameters": schema})
    return made


@router.post("/jobs", summary="Start a job", status_code=202)
def start(service: Served, asked: Asked) -> JSONResponse:
    """What is wrong with the parameters is said at once."""
    return _told(service.jobs.add(asked.verb, asked.parameters), 202)


@router.get("/jobs", summary="All jobs, newest first")
def jobs(service: Served) -> JSONResponse:
    """Those that wait, run, and have ended."""
    return answer({"jobs": [job.told() for job in service.jobs.all()]})


@router.get("/jobs/{id}", summary="One job")
def job(service: Served, id: Name) -> JSONResponse:
    """Its state, progress and results."""
    return _told(service.jobs.get(id))


@router.get("/jobs/{id}/events", summary="Follow a job", response_class=StreamingResponse)
async def events(service: Served, request: Request, id: Name) -> StreamingResponse:
    """Server-sent events: `progress` with the job whenever it changes, then `end`."""
    followed = service.jobs.get(id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_follow(request, followed), media_type="text/event-stream", headers=headers)


async def _follow(request: Request, job: Job) -> AsyncIterator[str]:
    before, quiet = "", 0.0
    while not await request.is_disconnected():
        ended = job.state in ENDED
        now = json.dumps(job.told(), ensure_ascii=False)
        if now != before:
            before, quiet = now, 0.0
            yield f"event: progress\ndata: {now}\n\n"
        elif quiet > _BEAT:
            quiet = 0.0
            yield ": still here\n\n"
        if ended:
            yield f"event: end\ndata: {json.dumps({'state': job.state})}\n\n"
            return
        await asyncio.sleep(_LOOK)
        quiet += _LOOK


@router.delete("/jobs/{id}", summary="Cancel a job, or forget one that has ended")
def cancel(
    service: Served, id: Name, forget: Annotated[bool, Query(description="Remove it with its results.")] = False
) -> Response:
    """A job that runs stops at its next step and leaves no results."""
    if forget:
        service.jobs.forget(id)
        return Response(status_code=204)
    return _told(service.jobs.cancel(id))


@router.post("/jobs/{id}/resume", summary="Go on with a job that did not end", status_code=202)
def resume(service: Served, id: Name) -> JSONResponse:
    """One that was interrupted, cancelled, or failed."""
    return _told(service.jobs.resume(id), 202)


@router.get("/jobs/{id}/results/{name}", summary="A result", response_class=FileResponse)
def result(service: Served, id: Name, name: str) -> FileResponse:
    """A file: GeoJSON, GeoParquet, a cloud-optimised GeoTIFF, a style. Parts of it can be asked for by range."""
    path, about = service.jobs.file(id, name)
    return FileResponse(path, media_type=about.media_type, filename=name)


@router.get(
    "/jobs/{id}/results/{name}/tiles/{z}/{x}/{y}.png",
    summary="A web map tile of a result",
    response_class=Response,
    responses=PNG,
)
def tile(service: Served, request: Request, id: Name, name: str, z: Zoom, x: Place, y: Place) -> Response:
    """Of a raster; classes in the colours of its table."""
    path, about = service.jobs.file(id, name)
    if about.bounds is None:
        raise Missing(f"{name} is no raster on a map.", "Fetch the file itself.")
    legend = about.legend or ()
    known = {0: (0, 0, 0, 0)} | {row["value"]: rgba(row["colour"]) for row in legend} if about.band else None
    tag = pictures.etag("result", id, name, service.jobs.get(id).finished, z, x, y)
    return picture(request, service.studio.make(tag, lambda: pictures.result_tile(path, z, x, y, about.band, known)), tag)


@router.post("/uploads", summary="Upload a raster", status_code=202)
def upload(service: Served, file: UploadFile) -> JSONResponse:
    """One file; it is checked at once, and indexed by a job of the verb `ingest`."""
    if not service.settings.uploads:
        raise Forbidden("This service takes no uploads.", "Ask its operator to index the raster.")
    id, path = ingest.store(service, file.filename or "upload")
    try:
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target, 1 << 20)
        safety.check_raster(path, service.settings.limits.pixels)
        made = service.jobs.add("ingest", {"upload": id})
    except BaseException:
        ingest.drop(service, id)
        raise
    made.title = f"Add {path.name}"
    return _told(made, 202)


@router.delete("/scenes/{id}", summary="Remove an upload", status_code=204, response_class=Response)
def remove(service: Served, id: Name) -> Response:
    """Only what was uploaded can be removed."""
    service.remove(service.library.entry(id))
    return Response(status_code=204)


def _told(job: Job, status: int = 200) -> JSONResponse:
    return answer(job.told(), status=status)
