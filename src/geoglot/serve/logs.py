"""Logs as lines of JSON on standard error, each with the id of the request that it belongs to."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime

log = logging.getLogger("geoglot.serve")
request_id: ContextVar[str] = ContextVar("request_id", default="")


class Lines(logging.Formatter):
    """One JSON object a record; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "request_id": request_id.get() or None,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
            told["trace"] = "".join(traceback.format_exception(*record.exc_info))[-4000:]
        return json.dumps({key: value for key, value in told.items() if value is not None}, ensure_ascii=False, default=str)


def start(level: str = "info") -> None:
    """Send the service's log, and the web server's, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name in ("geoglot.serve", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
    logging.getLogger("uvicorn.access").disabled = True  # requests are logged with their ids by the middleware


def note(event: str, **fields: object) -> None:
    """Log something that happened, with values."""
    log.info(event, extra={"fields": fields})
