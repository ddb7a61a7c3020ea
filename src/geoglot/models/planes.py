"""Arrays of a drawing, in memory or in a folder, where a killed run finds them again; what does not fit is told before."""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import LockedError, ResourceError
from geoglot.geo.write import write_text

Wanted = Mapping[str, tuple[tuple[int, ...], str]]  # shape and dtype by name
SHARE = 0.8  # of what is free that may be taken


class Planes:
    """Arrays by name, zero at first. With a folder they are files of one ``request``: of another one, all begins anew."""

    def __init__(self, wanted: Wanted, folder: Path | None, request: str) -> None:
        self.folder, self._request = folder, request
        self.done = 0
        if folder is None:
            room(wanted, None)
            self._arrays = {name: np.zeros(shape, kind) for name, (shape, kind) in wanted.items()}
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockedError(f"Another process draws in {folder}: wait for it, or give another folder.") from None
        state = self._state()
        if state.get("request") == request and all(self._file(name).exists() for name in wanted):
            self.done = int(state["done"])
        else:
            self._begin(wanted)
        self._arrays = {
            name: np.memmap(self._file(name), np.dtype(kind), "r+", shape=shape) for name, (shape, kind) in wanted.items()
        }

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def mark(self, done: int) -> None:
        """Record that so many steps are whole, and what they wrote is on the disk."""
        self.done = done
        if self.folder is not None:
            for array in self._arrays.values():
                assert isinstance(array, np.memmap)
                array.flush()
            write_text(self.folder / "state.json", json.dumps({"request": self._request, "done": done}))

    def release(self) -> None:
        """Let go of the memory that mapped files take; they are read again where they are looked at."""
        for array in self._arrays.values():
            if isinstance(array, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
                array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Let go of the files; what is done stays."""
        self._arrays = {}
        if self.folder is not None:
            self._lock.close()

    def remove(self) -> None:
        """Delete the folder."""
        self.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self, wanted: Wanted) -> None:
        assert self.folder is not None
        for file in self.folder.iterdir():
            if file.name != "lock":
                file.unlink()
        room(wanted, self.folder)
        for name, (shape, kind) in wanted.items():
            self._reserve(self._file(name), int(np.prod(shape)) * np.dtype(kind).itemsize)

    def _reserve(self, file: Path, size: int) -> None:
        """Make a file of zeros whose blocks are taken now: a mapped file on a full disk would end the process."""
        with file.open("wb") as made:
            made.truncate(size)
            try:
                os.posix_fallocate(made.fileno(), 0, size)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise ResourceError(
                        f"The disk is full: {self.folder} cannot hold the drawing. Free space and run the same again."
                    ) from None

    def _state(self) -> dict[str, Any]:
        assert self.folder is not None
        try:
            found = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def _file(self, name: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{name}.bin"


def room(wanted: Wanted, folder: Path | None) -> None:
    """Raise ResourceError where memory, or the disk of a folder, cannot hold so many arrays."""
    need = sum(int(np.prod(shape, dtype=object)) * np.dtype(kind).itemsize for shape, kind in wanted.values())
    if folder is None:
        fits(need, "Give a folder to draw in, or ask for fewer pixels.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise ResourceError(
            f"The drawing needs {need / 1e9:,.2f} GB in {folder}, and {free / 1e9:,.2f} GB are free: free some, give a "
            "folder on another disk, or ask for fewer pixels."
        )


def fits(need: int, remedy: str) -> None:
    """Raise ResourceError where so many bytes are more than the memory that is free."""
    free = memory()
    if need > SHARE * free:
        raise ResourceError(f"The drawing needs {need / 1e9:,.2f} GB of memory, and {free / 1e9:,.2f} GB are free. {remedy}")


def memory() -> int:
    """Bytes of memory that are free for a process; of a container, what it may still take."""
    found = 2**63
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found = int(line.split()[1]) * 1024
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
            found = min(found, max(0, int(limit) - used))
    except (OSError, ValueError):  # no Linux: the system itself refuses what it has not
        pass
    return found
