"""What every request passes: its id and log line, keys and rates, limits of size, depth and time, headers of safety."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geoglot.core.errors import GeoglotError
from geoglot.serve import problems
from geoglot.serve.errors import Busy, Forbidden, TooLarge, WrongHost
from geoglot.serve.keys import Keys
from geoglot.serve.logs import note, request_id
from geoglot.serve.metrics import Metrics
from geoglot.serve.safety import check_depth
from geoglot.serve.settings import LOOPBACK, MIB, Settings

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STREAMS = re.compile(r"/events$|/results/|^/api/uploads$|^/api/chips$|^/api/ask$")
_READS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Pure ASGI, so that streams pass through it as they come."""

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys, metrics: Metrics) -> None:
        self._app, self._settings, self._keys, self._metrics = app, settings, keys, metrics
        self._headers = _headers(settings)
        self._hosts = {name.lower() for name in (*LOOPBACK, *settings.hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get("x-request-id", "")
        request_id.set(given if _ID.fullmatch(given) else uuid.uuid4().hex)
        call = _Call(self._headers, send)
        began = time.perf_counter()
        who = ""
        try:
            who = self._admit(scope, headers)
            body = _Body(receive, self._settings, scope, headers)
            stream = bool(_STREAMS.search(scope["path"]))
            async with asyncio.timeout(None if stream else self._settings.limits.seconds):
                await self._app(scope, body, call.send)
        except GeoglotError as error:
            await call.refuse(error, scope, receive)
        except TimeoutError:
            await call.refuse(
                Busy("The request takes too long.", "Ask for less, or start a job: POST /api/jobs."), scope, receive
            )
        finally:
            seconds = time.perf_counter() - began
            route = _route(scope)
            self._metrics.answered(scope["method"], route, call.status, seconds)
            note(
                "request", method=scope["method"], path=scope["path"], status=call.status, seconds=round(seconds, 4),
                bytes=call.held, route=route, key=who or None,
            )  # fmt: skip

    def _admit(self, scope: Scope, headers: dict[str, str]) -> str:
        """Who asks; raises where the host, the origin, the key or the rate is not right."""
        host = re.sub(r":\d+$", "", headers.get("host", "")).lower()
        if "*" not in self._hosts and host not in self._hosts:
            raise WrongHost(
                f"This server does not answer for the host {host[:80]!r}.", "Ask its operator to name it with --host-name."
            )
        origin = headers.get("origin")
        own = {f"http://{headers.get('host', '')}", f"https://{headers.get('host', '')}"}
        elsewhere = headers.get("sec-fetch-site") == "cross-site" or (origin is not None and origin not in own)
        if scope["method"] not in _READS and elsewhere and origin not in self._settings.cors:
            raise Forbidden(
                "A page of another site may not change anything here.", "Ask the operator to name its origin with --cors."
            )
        return self._keys.admit(scope, headers)


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", "")) or "none"


class _Body:
    """`receive` that counts bytes and waits only so long; JSON is looked at whole, before it is parsed."""

    def __init__(self, receive: Receive, settings: Settings, scope: Scope, headers: dict[str, str]) -> None:
        self._receive, self._limits = receive, settings.limits
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        self._file = kind == "multipart/form-data" and scope["path"] in ("/api/uploads", "/api/chips")
        most = {"/api/uploads": self._limits.upload, "/api/chips": self._limits.chip}.get(scope["path"], 0) + MIB
        self._most = most if self._file else self._limits.body
        self._held = 0
        self._parts: list[Message] | None = None
        claimed = headers.get("content-length", "")
        if claimed.isdigit() and int(claimed) > self._most:
            raise self._large()

    def _large(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self._most / MIB:,.0f} MiB.", "Send less at a time.")

    async def __call__(self) -> Message:
        """The next message of the body."""
        if self._file:
            return await self._next()
        if self._parts is None:
            self._parts = await self._whole()
        return self._parts.pop(0) if self._parts else await self._receive()

    async def _next(self) -> Message:
        try:
            message = await asyncio.wait_for(self._receive(), self._limits.stall)
        except TimeoutError:
            raise Busy("The body does not come.", "Send it again over a better connection.") from None
        self._held += len(message.get("body", b""))
        if self._held > self._most:
            raise self._large()
        return message

    async def _whole(self) -> list[Message]:
        parts = [await self._next()]
        while parts[-1]["type"] == "http.request" and parts[-1].get("more_body"):
            parts.append(await self._next())
        body = b"".join(part.get("body", b"") for part in parts if part["type"] == "http.request")
        check_depth(body, self._limits.depth)
        if parts[-1]["type"] != "http.request":
            return parts
        return [{"type": "http.request", "body": body, "more_body": False}]


class _Call:
    """`send` that adds headers and remembers what was answered."""

    def __init__(self, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        self._headers, self._send = headers, send
        self.status, self.held, self.begun = 499, 0, False

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            named = {name.lower() for name, _ in message["headers"]}
            more = [(name, value) for name, value in self._headers if name not in named]
            more.append((b"x-request-id", request_id.get().encode()))
            message = {**message, "headers": [*message["headers"], *more]}
        else:
            self.held += len(message.get("body", b""))
        await self._send(message)

    async def refuse(self, error: GeoglotError, scope: Scope, receive: Receive) -> None:
        """Answer with a problem, unless an answer has begun."""
        if self.begun:
            return
        await problems.response(problems.of(error, scope["path"]))(scope, receive, self.send)


def _headers(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Headers of every answer; pages may load nothing from elsewhere beside the operator's basemap."""
    from urllib.parse import urlsplit

    basemap = ""
    if settings.basemap is not None and "://" in settings.basemap.tiles:
        parts = urlsplit(settings.basemap.tiles.replace("{", "").replace("}", ""))
        basemap = f" {parts.scheme}://{parts.netloc}"
    policy: dict[str, Any] = {
        "default-src": "'none'",
        "script-src": "'self'",
        "worker-src": "'self' blob:",
        "child-src": "'self' blob:",
        "style-src": "'self'",
        "img-src": f"'self' data: blob:{basemap}",
        "font-src": "'self'",
        "connect-src": f"'self' data: blob:{basemap}",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    told = {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "cross-origin" if settings.cors else "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(self)",
    }
    return [(name.encode(), value.encode()) for name, value in told.items()]
