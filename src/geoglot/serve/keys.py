"""API keys with rates: who may ask, and how often."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.types import Scope

from geoglot.core.errors import InputError, NotFoundError
from geoglot.serve.errors import KeyMissing, TooMany

_OPEN = ("/health", "/", "/docs", "/docs/style.css", "/openapi.json", "/favicon.ico")
_LEAST = 16  # characters of a key
_CALLERS = 10_000


@dataclass(frozen=True)
class Key:
    """A key's name for the log, and the requests a minute that it may send (0 for any number)."""

    name: str
    rate: int


def read(path: Path) -> dict[bytes, Key]:
    """Keys by their digest from a file with a line for each: the key, a name, and perhaps requests a minute; # begins a remark.

    Raises `NotFoundError` and `InputError`.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file of keys {path}: write one with a line KEY NAME [REQUESTS A MINUTE] for each.")
    found: dict[bytes, Key] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) not in (2, 3) or len(words[0]) < _LEAST or (len(words) == 3 and not words[2].isdigit()):
            raise InputError(f"Line {number} of {path} is no key of {_LEAST} or more characters, a name and perhaps a number.")
        found[_digest(words[0])] = Key(words[1], int(words[2]) if len(words) == 3 else 0)
    if not found:
        raise InputError(f"{path} holds no key: nobody could use the service.")
    return found


def _digest(key: str) -> bytes:
    # looked up by digest, so that the time of an answer tells nothing of the keys there are
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


class Keys:
    """Admits requests: everyone where there are no keys, else those who send one."""

    def __init__(self, path: Path | None, rate: int) -> None:
        """`rate` are requests a minute from one address where there are no keys; 0 for any number."""
        self._keys = None if path is None else read(path)
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, scope: Scope, headers: dict[str, str]) -> str:
        """The name of who asks; raises `KeyMissing` and `TooMany`.

        The page and its files are for all, so that it can ask for a key.
        """
        path = scope["path"]
        if path in _OPEN or path.startswith("/static/") or scope["method"] == "OPTIONS":
            return ""
        if self._keys is None:
            client = (scope.get("client") or ("",))[0]
            self._count(client, self._rate)
            return ""
        given = headers.get("x-api-key")
        if given is None and scope["method"] in ("GET", "HEAD"):  # pictures and streams are asked for without headers
            given = next(iter(parse_qs(scope.get("query_string", b"").decode("latin-1")).get("key", [])), None)
        found = self._keys.get(_digest(given)) if given is not None else None
        if found is None:
            what = "The service needs a key." if given is None else "The key is not known."
            raise KeyMissing(what, "Send a key as the header X-API-Key; its operator gives them out.")
        self._count(found.name, found.rate)
        return found.name

    def _count(self, who: str, rate: int) -> None:
        """Take one from a bucket that holds a minute's requests and fills up again."""
        if not rate:
            return
        now = time.monotonic()
        with self._lock:
            left, then = self._left.pop(who, (float(rate), now))
            left = min(float(rate), left + (now - then) * rate / 60)
            self._left[who] = (max(left - 1, 0.0) if left >= 1 else left, now)
            while len(self._left) > _CALLERS:
                self._left.popitem(last=False)
        if left < 1:
            raise TooMany(f"More than {rate} requests a minute.", f"Wait {max(1, round((1 - left) * 60 / rate))} seconds.")
