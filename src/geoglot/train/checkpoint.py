"""Checkpoints that are whole or not there: written beside, flushed to the disk, then renamed."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import torch

from geoglot.core.errors import ModelError, ResourceError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def save(file: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values so that ``file`` is at every moment the old one or the new one, whole.

    Raises ResourceError when the disk is full; the old file is then as it was, and nothing is left beside it.
    """
    write(file, lambda stream: torch.save(dict(content), stream))


def write(file: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Let ``fill`` write a file's bytes, then put it in its place. Raises as `save` does."""
    part = file.with_name(file.name + ".part")
    watch = _Watched()
    try:
        with part.open("wb") as stream:
            fill(watch.on(stream))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(file)
        _sync_folder(file.parent)
    except BaseException as error:
        part.unlink(missing_ok=True)
        cause = error if isinstance(error, OSError) else watch.failed
        if cause is None or cause.errno not in FULL:
            raise
        free = shutil.disk_usage(file.parent).free / 1e6
        kept = f"{file.name} is still the checkpoint before, and whole" if file.exists() else "there was no checkpoint before"
        raise ResourceError(
            f"The disk is full: {file} could not be written ({watch.written / 1e6:,.1f} MB came through, {free:,.1f} MB are free "
            f"now). {kept}. Free some space, then run the same command again: it goes on from there."
        ) from None


def load(file: Path) -> dict[str, Any]:
    """Read what `save` wrote, onto the CPU. Raises ModelError for a file that is damaged."""
    try:
        found: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, EOFError, OSError, RuntimeError, ValueError, KeyError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{file} is damaged ({first[:120]}): put a copy of it back, or remove it to begin the run anew from its folder's "
            "config.toml."
        ) from None
    return found


class _Watched:
    """Remembers why a stream failed: torch's writer tells a full disk as an error of its own, without the reason."""

    def __init__(self) -> None:
        self.failed: OSError | None = None
        self.written = 0

    def on(self, stream: IO[bytes]) -> IO[bytes]:
        """Watch the writes of a stream."""
        plain = stream.write

        def write(data: Any) -> int:
            try:
                done = plain(data)
            except OSError as error:
                self.failed = error
                raise
            self.written += done
            return done

        watched: Any = _Proxy(stream, write)
        return watched  # type: ignore[no-any-return]


class _Proxy:
    """A stream whose ``write`` is another function."""

    def __init__(self, stream: IO[bytes], write: Callable[[Any], int]) -> None:
        self._stream = stream
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _sync_folder(folder: Path) -> None:
    """Make a rename last: the entry of a folder is data too. Not every system lets folders be opened."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
