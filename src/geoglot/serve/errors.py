"""Refusals that only a service knows, as leaves of the one error tree; each says what is wrong, then what to do."""

from __future__ import annotations

from geoglot.core.errors import AccessError, InputError, ModelError, NotFoundError, ResourceError


class Told(Exception):
    """Mixed into errors whose message is kept in two parts: what is wrong, and what to do."""

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(f"{detail} {remedy}".strip())
        self.detail, self.remedy = detail, remedy


class KeyMissing(Told, AccessError):
    """No API key, or one that is not known."""

    http_status = 401


class Forbidden(Told, AccessError):
    """The operator does not allow it."""


class WrongHost(Told, AccessError):
    """The request names a host that this server does not answer for."""

    http_status = 421


class TooLarge(Told, ResourceError):
    """A body, a picture or a raster is over a limit."""

    http_status = 413


class TooMany(Told, ResourceError):
    """More requests a minute than the key may send."""

    http_status = 429


class Busy(Told, ResourceError):
    """The service cannot take this on now, or it took too long."""

    http_status = 503


class WrongType(Told, InputError):
    """A file of a kind that is not taken."""

    http_status = 415


class Malformed(Told, InputError):
    """A request that cannot be understood."""

    http_status = 400


class Unusable(Told, InputError):
    """A value that cannot be used."""


class Missing(Told, NotFoundError):
    """Nothing of this name is here."""


class Conflict(Told, InputError):
    """What is asked does not fit the state that a thing is in."""

    http_status = 409


class NoAnswer(Told, ModelError):
    """The model that answers questions cannot be reached, or says nothing that can be used."""

    http_status = 502
