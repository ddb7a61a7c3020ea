"""Take a raster into the archive of uploads: one that was uploaded, or from a place that the operator allows."""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from geoglot.archive import index
from geoglot.core.errors import LockedError, RasterError
from geoglot.geo.identify import parse_time
from geoglot.serve import safety
from geoglot.serve.errors import Forbidden, Missing, Unusable
from geoglot.serve.jobs import Cancelled, Context
from geoglot.serve.library import public
from geoglot.serve.service import Service
from geoglot.serve.shapes import Id, Strict

TITLE = "Add a raster"
_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST = 200  # bytes of a name


class Parameters(Strict):
    """What to take in."""

    upload: Annotated[Id | None, Field(description="An upload, as POST /api/uploads makes it.")] = None
    source: Annotated[
        str | None,
        Field(max_length=2000, title="Place", description="A path or address that the operator allows (--allow)."),
    ] = None
    sensor: Annotated[str | None, Field(max_length=100, title="Sensor", description="Where the file does not say it.")] = None
    time: Annotated[str | None, Field(max_length=40, title="Time", description="Where the file does not say it.")] = None

    @model_validator(mode="after")
    def _one(self) -> Parameters:
        if (self.upload is None) == (self.source is None):
            raise ValueError("give either upload or source")
        return self


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    return f"Add {Path(asked.source).name if asked.source else 'an upload'}"[:200]


def check(asked: Parameters, service: Service) -> None:
    """Refuse places that are not allowed, and files that are no rasters, before the job is taken."""
    settings = service.settings
    if not settings.uploads:
        raise Forbidden("This service takes no rasters.", "Ask its operator to index them.")
    if asked.time is not None:
        parse_time(asked.time)
    if asked.upload is not None:
        upload(service, asked.upload)
    elif asked.source is not None and safety.is_address(asked.source):
        safety.check_address(asked.source, settings.allow)
    elif asked.source is not None:
        path = safety.allowed_path(asked.source, settings.allow)
        if not path.is_file():
            raise Unusable("The path is no file.", "Name one raster file.")
        known = service.library.by_scene().get(str(path))
        if known is not None and not known.uploaded:
            raise Unusable("The raster is in the archive already.", f"Search it: its scene is {known.id}.")
        safety.check_raster(path, settings.limits.pixels)


def store(service: Service, name: str) -> tuple[str, Path]:
    """A new place for an upload: its id, and where to write it; strangers' names keep harmless characters only."""
    id = secrets.token_urlsafe(9)
    safe = _UNSAFE.sub("_", unicodedata.normalize("NFC", Path(name.replace("\\", "/")).name))
    stem, dot, suffix = safe.rpartition(".")
    safe = (stem if dot else suffix).strip("._-").encode()[:_LONGEST].decode(errors="ignore") or "upload"
    folder = service.folder / "uploads" / id
    folder.mkdir()
    return id, folder / f"{safe}{dot}{suffix.encode()[:20].decode(errors='ignore') if dot else ''}"


def upload(service: Service, id: str) -> Path:
    """The file of an upload."""
    folder = service.folder / "uploads" / id
    found = next((path for path in folder.iterdir() if path.is_file()), None) if folder.is_dir() else None
    if found is None:
        raise Missing(f"There is no upload {id[:40]!r}.", "Upload the file again: POST /api/uploads.")
    return found


def drop(service: Service, id: str) -> None:
    """Remove an upload's file."""
    shutil.rmtree(service.folder / "uploads" / id, ignore_errors=True)


def dropped(parameters: Mapping[str, Any], service: Service) -> None:
    """An upload whose job is forgotten goes, unless a scene lives on it."""
    if parameters.get("upload"):
        _leave(service, str(parameters["upload"]))


def _leave(service: Service, id: str) -> None:
    """Remove an upload's file unless a scene lives on it."""
    folder = service.folder / "uploads" / id
    if not any(Path(str(entry.row["href"])).is_relative_to(folder) for entry in service.library.entries().values()):
        drop(service, id)


def run(asked: Parameters, context: Context) -> None:
    """Fetch what is elsewhere, check it, index it; a file that fails goes away."""
    service = context.service
    check(asked, service)
    if asked.upload is not None:
        path, mine = upload(service, asked.upload), asked.upload
    elif asked.source is not None and safety.is_address(asked.source):
        mine, path = store(service, asked.source.split("?")[0])
        try:
            context.progress(0, None, "fetches")
            limits = service.settings.limits
            safety.fetch(asked.source, path, service.settings.allow, service.settings.private, limits.upload, step=context.check)
            safety.check_raster(path, limits.pixels)
        except BaseException:
            drop(service, mine)
            raise
    else:
        path, mine = safety.allowed_path(str(asked.source), service.settings.allow), ""
    try:
        context.progress(0, None, "index")
        report = index(
            [path], model=service.encoders.dual, out=service.library.uploads_path, sensor=asked.sensor, time=asked.time
        )
        if report.skipped:
            raise RasterError(report.skipped[0][1])
    except BaseException as error:
        later = asked.upload is not None and isinstance(error, Cancelled | LockedError)  # may be resumed; an address is read anew
        if mine and not later:
            _leave(service, mine)
        raise
    context.job.scenes = [public(str(path))]
    what = f"{report.tiles:,} tiles" if report.tiles else "it was there already"
    context.progress(report.tiles, report.tiles, f"{path.name}: {what}")
