"""The one error tree. A class maps to an exit code and an HTTP status; the message says what to do next."""

from __future__ import annotations

from typing import ClassVar


class GeoglotError(Exception):
    """Base of every error that geoglot raises on purpose."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


class InputError(GeoglotError):
    """A value from the user is wrong: an option, a box, a date, a query."""

    exit_code = 2
    http_status = 422


class ConfigError(InputError):
    """A configuration has an unknown key or a value of the wrong kind."""


class NotFoundError(GeoglotError):
    """A file, scene, archive, model or part does not exist."""

    exit_code = 3
    http_status = 404


class RasterError(GeoglotError):
    """A raster cannot be read: damaged, truncated, of no use, or not a raster."""

    exit_code = 4
    http_status = 422


class NotEarthError(RasterError):
    """A raster lies on another planet or on a grid that has no place on the Earth."""


class DataError(GeoglotError):
    """A data set is damaged or says what cannot be: a truncated shard, a label outside the classes, captions without pictures."""

    exit_code = 10
    http_status = 422


class ModelError(GeoglotError):
    """A model cannot be loaded or does not do what is asked of it."""

    exit_code = 5
    http_status = 422


class ModelMismatchError(ModelError):
    """An archive or checkpoint was made with another model."""

    http_status = 409


class ArchiveError(GeoglotError):
    """An archive is damaged, of another schema, or in a state that the request does not fit."""

    exit_code = 6
    http_status = 409


class LockedError(ArchiveError):
    """Another process is writing to the archive."""

    http_status = 423


class NetworkError(GeoglotError):
    """A remote service or file cannot be reached."""

    exit_code = 7
    http_status = 502


class ResourceError(GeoglotError):
    """Memory, disk or time ran out, or a request is larger than a limit."""

    exit_code = 8
    http_status = 507


class DivergedError(GeoglotError):
    """Training met a loss or a gradient that is not finite."""

    exit_code = 11
    http_status = 500


class AccessError(GeoglotError):
    """What is asked for is there, and not for whom or whence it is asked."""

    exit_code = 9
    http_status = 403
