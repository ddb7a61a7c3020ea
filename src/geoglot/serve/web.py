"""One process of the web server."""

from __future__ import annotations

import socket
import sys

import uvicorn

from geoglot.core.errors import InputError
from geoglot.serve import logs
from geoglot.serve.app import create
from geoglot.serve.settings import Settings

_CONNECTIONS = 512  # at a time; more are refused


def serve(settings: Settings, host: str, port: int, level: str = "info") -> None:
    """Serve until interrupted; raises `InputError` for an address that cannot be listened on, and what `create` raises."""
    logs.start(level)
    app = create(settings)
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256)
    except OSError as error:
        app.state.service.close()
        raise InputError(
            f"{host}:{port} cannot be listened on ({error.strerror or error}): choose another --port or --host."
        ) from None
    shown = f"[{host}]" if ":" in host else host
    print(
        f"Serving {settings.archive} at http://{shown}:{listener.getsockname()[1]}/ (end with Ctrl-C)",
        file=sys.stderr,
        flush=True,
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=65536,
    )
    uvicorn.Server(config).run(sockets=[listener])
