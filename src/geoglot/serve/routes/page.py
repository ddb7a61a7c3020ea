"""The map page and its files, as they were built into the package."""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from geoglot.serve.errors import Missing

router = APIRouter(include_in_schema=False)
FOLDER = Path(__file__).parent.parent / "page"
_HASHED = re.compile(r"[-.][A-Za-z0-9_-]{8,}\.\w+$")  # a name that changes with what is in the file
_HINT = "The map page is not part of this installation: build it with 'make page'. The API is documented at /docs.\n"


@router.get("/")
def page() -> Response:
    """The page, or where to find the API while there is none."""
    index = FOLDER / "index.html"
    if not index.is_file():
        return PlainTextResponse(_HINT)
    return Response(index.read_bytes(), media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get("/static/{path:path}")
def static(path: str) -> Response:
    """A file of the page; those with a hash in their name are kept by browsers for a year."""
    base = (FOLDER / "static").resolve()
    found = (base / path).resolve() if "\0" not in path else base
    if not found.is_relative_to(base) or not found.is_file():
        raise Missing(f"The page has no file {path[:80]!r}.", "Reload the page.")
    kept = "public, max-age=31536000, immutable" if _HASHED.search(found.name) else "no-cache"
    media = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    return Response(found.read_bytes(), media_type=media, headers={"Cache-Control": kept})
