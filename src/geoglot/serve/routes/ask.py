"""Questions in words about scenes, and the evidence of their answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from geoglot.serve import pictures, problems
from geoglot.serve.asking import LATE, Task
from geoglot.serve.logs import log
from geoglot.serve.routes._common import PNG, Served, answer, picture
from geoglot.serve.routes.scenes import Name, Place, Zoom
from geoglot.serve.shapes import Ask

router = APIRouter(prefix="/api", tags=["questions"])
STREAM = "text/event-stream"
_LOOK = 0.1  # seconds between looks at a question that is followed
_BEAT = 15.0  # seconds after which something is sent even when nothing happened
_GONE = 499  # nobody reads the answer; the log does
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/json": {}, STREAM: {}},
        "description": "Text, confidence, boxes and evidence; with `Accept: text/event-stream` as events.",
    }
}
Event = tuple[str, dict[str, Any]]


@router.post("/ask", summary="Ask a question about a scene, or about several dates of a place", responses=_ANSWER)
async def ask(service: Served, request: Request, asked: Ask) -> Response:
    """One question is answered at a time; who goes away gives it up.

    As events: `progress` with parts looked at, `text` with words as they are spoken, then `answer`, or `problem`.
    """
    events: asyncio.Queue[Event] = asyncio.Queue()
    if STREAM not in request.headers.get("accept", ""):
        task = await run_in_threadpool(service.asker.add, asked)
        return await _whole(request, task)
    loop = asyncio.get_running_loop()

    def listen(kind: str, what: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(events.put_nowait, (kind, what))

    task = await run_in_threadpool(service.asker.add, asked, listen)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(request, task, events), media_type=STREAM, headers=headers)


async def _whole(request: Request, task: Task) -> JSONResponse:
    try:
        while not task.future.done():
            if task.late:
                raise LATE
            if await request.is_disconnected():
                return answer({}, status=_GONE)
            await asyncio.sleep(_LOOK)
        return answer(task.result())
    finally:
        task.end()


async def _stream(request: Request, task: Task, events: asyncio.Queue[Event]) -> AsyncIterator[str]:
    sent = time.monotonic()
    try:
        while not (task.future.done() and events.empty()):
            if task.late:
                raise LATE
            try:
                kind, what = await asyncio.wait_for(events.get(), _LOOK)
            except TimeoutError:
                if await request.is_disconnected():
                    return
                if time.monotonic() - sent > _BEAT:
                    sent = time.monotonic()
                    yield ": still here\n\n"
                continue
            sent = time.monotonic()
            yield _event(kind, what)
        yield _event("answer", task.result())
    except Exception as error:
        if problems.known(error) is None:
            log.error("fault", exc_info=error)
        yield _event("problem", problems.of(error, "/api/ask").model_dump(exclude_none=True))
    finally:
        task.end()


def _event(kind: str, what: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(what, ensure_ascii=False)}\n\n"


@router.get("/answers/{id}/evidence.png", summary="What an answer is from", response_class=Response, responses=PNG)
def evidence(service: Served, request: Request, id: Name) -> Response:
    """Over the whole scene, north up: the stronger the colour, the more it counted."""
    return picture(request, service.answers.picture(id), pictures.etag("evidence", id), 0)


@router.get(
    "/answers/{id}/evidence/{z}/{x}/{y}.png",
    summary="A web map tile of what an answer is from",
    response_class=Response,
    responses=PNG,
)
def tile(service: Served, request: Request, id: Name, z: Zoom, x: Place, y: Place) -> Response:
    """Of scenes that have a place on the map."""
    tag = pictures.etag("evidence", id, z, x, y)
    return picture(request, service.studio.make(tag, lambda: service.answers.tile(id, z, x, y)), tag)
