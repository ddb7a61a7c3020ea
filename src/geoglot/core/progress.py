"""Progress on stderr: a live bar on a terminal, a line every few seconds elsewhere, with rate and time left."""

from __future__ import annotations

import io
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

_watcher: ContextVar[Callable[[Progress], None] | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Callable[[Progress], None]) -> Iterator[None]:
    """Give all progress of this thread to a function, and none to a stream, while the block runs.

    What it raises ends the work, in an orderly way: every step that reports progress releases what it holds.
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class Progress:
    """Counts units of work and reports how fast they pass and how long the rest will take."""

    def __init__(self, total: int | None, label: str, unit: str, stream: TextIO, every: float) -> None:
        self.total = total
        self.done = 0
        self.label, self._unit, self._stream = label, unit, stream
        self._every = every
        self._live = stream.isatty()
        self._start = self._last = time.monotonic()
        self._written = False
        self._watcher = _watcher.get()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count `n` more units; `note` is shown beside the figures."""
        self.done += n
        if self._watcher is not None:
            self._watcher(self)
            return
        now = time.monotonic()
        if now - self._last >= (0.2 if self._live else self._every):
            self._last = now
            self._write(note)

    @property
    def rate(self) -> float:
        """Units a second since the start."""
        return self.done / max(time.monotonic() - self._start, 1e-9)

    def line(self, note: str = "") -> str:
        """The state as one line."""
        text = f"{self.label}: {self.done:,}"
        if self.total is not None:
            text += f" of {self.total:,}"
        text += f" {self._unit}, {self.rate:,.1f}/s"
        if self.total is not None and self.done < self.total and self.done > 0:
            text += f", {duration((self.total - self.done) / self.rate)} left"
        return f"{text} {note}".rstrip()

    def close(self) -> None:
        """Write the last line, if there was anything to report."""
        if self._written or (self._live and self.done):
            self._write("")
            if self._live:
                self._stream.write("\n")
                self._stream.flush()

    def _write(self, note: str) -> None:
        self._written = True
        line = self.line(note)
        width = shutil.get_terminal_size((120, 24)).columns - 1
        self._stream.write(f"\r\x1b[2K{line[:width]}" if self._live else f"{line}\n")
        self._stream.flush()


@contextmanager
def track(
    total: int | None, label: str, unit: str = "tiles", stream: TextIO | None = None, every: float = 5.0, quiet: bool = False
) -> Iterator[Progress]:
    """Report progress on `stream` (stderr) while the block runs; without a terminal a line every `every` seconds.

    With `quiet` nothing is written, on a terminal neither.
    """
    progress = Progress(total, label, unit, io.StringIO() if quiet else stream or sys.stderr, every)
    try:
        yield progress
    finally:
        progress.close()


def duration(seconds: float) -> str:
    """A time span in words: `45 s`, `3 min 10 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
