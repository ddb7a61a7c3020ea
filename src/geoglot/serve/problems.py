"""Every error as a problem document of RFC 9457: what is wrong (`detail`) and what to do (`remedy`)."""

from __future__ import annotations

import errno
import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from geoglot.core import errors
from geoglot.serve.errors import Told
from geoglot.serve.logs import log, request_id

MEDIA = "application/problem+json"
_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s:;,'\"()<>]+/)+([^\s:;,'\"()<>/]+)")  # of this machine: only the name is told
_REMEDIES: tuple[tuple[type[errors.GeoglotError], str], ...] = (
    (errors.LockedError, "Wait for the other process to end, then send the request again."),
    (errors.ModelMismatchError, "Use the model that the archive was made with."),
    (errors.ArchiveError, "Ask the operator to run 'geoglot info' on the archive."),
    (errors.RasterError, "Check the file with 'geoglot verify', repair it or choose another one."),
    (errors.NotFoundError, "Check the name: GET /api/scenes, /api/jobs and /api/saved list what there is."),
    (errors.ModelError, "Ask the operator which model the archive was made with."),
    (errors.NetworkError, "Check the address and the network, then send the request again."),
    (errors.ResourceError, "Ask for less, or try again later."),
    (errors.AccessError, "Ask the operator of this service for access."),
    (errors.InputError, "Change what is named here and send the request again; /docs lists what each request takes."),
)
_OWN = "This is a fault of the server, which has logged it: tell its operator the request id."
_BY_STATUS = {
    404: "Check the path: /docs lists all of them.",
    405: "Use another method: /docs lists them.",
    400: "Check that the body is what /docs says.",
    413: "Send less at a time.",
    415: "Send JSON with Content-Type: application/json, or a file as multipart/form-data.",
}


class Problem(BaseModel):
    """RFC 9457, with `remedy` (what to do) and the request's id beside it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong.")
    remedy: str = Field(description="What to do.")
    instance: str = ""
    request_id: str = ""
    errors: list[dict[str, Any]] | None = Field(None, description="The values that are wrong, one by one.")


RESPONSES: dict[int | str, dict[str, Any]] = {"default": {"model": Problem, "description": "A problem (RFC 9457)"}}


def known(error: BaseException) -> errors.GeoglotError | None:
    """The error as one of our own tree, where its cause lies outside the program."""
    if isinstance(error, errors.GeoglotError):
        return error
    if isinstance(error, MemoryError):
        return errors.ResourceError("The memory of the server is used up.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return errors.ResourceError("The disk of the server is full.")
    return None


def of(error: BaseException, instance: str = "") -> Problem:
    """The problem that tells an error; of unforeseen ones only that they happened, for their text is not meant for strangers."""
    mine = known(error)
    if mine is None:
        return _made(500, "The server met something that it was not made for.", _OWN, instance)
    if isinstance(mine, Told):
        return _made(mine.http_status, mine.detail, mine.remedy, instance)
    remedy = next((text for kind, text in _REMEDIES if isinstance(mine, kind)), _OWN)
    return _made(mine.http_status, hidden(str(mine)), remedy, instance)


def hidden(text: str) -> str:
    """A text without the folders of this machine."""
    return _PATH.sub(r"\1", text)


def _made(status: int, detail: str, remedy: str, instance: str, **more: Any) -> Problem:
    # OGC and STAC say 400 for what is elsewhere 422
    if status == 422 and instance.startswith(("/stac", "/ogc")):
        status = 400
    title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    return Problem(
        title=title, status=status, detail=detail, remedy=remedy, instance=instance, request_id=request_id.get(), **more
    )


def response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer that carries a problem."""
    extra = dict(headers or {})
    if problem.status in (429, 503, 423):
        extra.setdefault("Retry-After", "5")
    if problem.status == 401:
        extra.setdefault("WWW-Authenticate", 'ApiKey realm="geoglot"')
    return JSONResponse(problem.model_dump(exclude_none=True), problem.status, extra, MEDIA)


def install(app: FastAPI) -> None:
    """Answer every error of an application with a problem."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        problem = of(error, request.url.path)
        if problem.status >= 500 and known(error) is None:
            log.error("fault", exc_info=error)
        return response(problem)

    async def validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        found = [
            {"where": "/".join(str(part) for part in entry["loc"]), "what": str(entry["msg"])[:200]} for entry in error.errors()
        ]
        first = found[0] if found else {"where": "the request", "what": "it cannot be read"}
        detail = f"{first['where']}: {first['what']}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else "") + "."
        remedy = "Change what is named here and send the request again; /docs lists what each request takes."
        return response(_made(422, detail, remedy, request.url.path, errors=found[:20]))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        detail = f"{request.method} {request.url.path}: {error.detail}."
        remedy = _BY_STATUS.get(error.status_code, "See /docs for what each request takes.")
        return response(_made(error.status_code, detail, remedy, request.url.path), dict(error.headers or {}))

    app.add_exception_handler(errors.GeoglotError, ours)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, ours)
