"""The work folder of a map: planes of pixels on disk as they come, so that a killed run goes on where it was.

It lies beside the output and is of one request: another one (other labels, another model, a changed scene) begins anew.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import LockedError, ResourceError
from geoglot.geo.grid import Window
from geoglot.geo.write import atomic, write_text

Planes = Mapping[str, np.dtype[Any]]


class Work:
    """Planes (H, W) on disk, of one request; so many blocks or rows are `done`, the `report` is what else a run must know."""

    def __init__(self, folder: Path, shape: tuple[int, int], request: str, planes: Planes) -> None:
        self.folder, self.shape, self._request = folder, shape, request
        self._kinds = dict(planes)
        self.done = 0
        self.report: dict[str, Any] = {}
        with full_disk(folder):
            folder.mkdir(exist_ok=True)
            self._lock = (folder / "lock").open("a+")
            self._be_alone()
            state = self._state()
            if state.get("request") == request and all(self._file(name).exists() for name in planes):
                self.done, self.report = int(state["done"]), dict(state["report"])
            else:
                (folder / "fitted.npz").unlink(missing_ok=True)
                for name, kind in planes.items():
                    with self._file(name).open("wb") as file:
                        file.truncate(shape[0] * shape[1] * kind.itemsize)
            # written and not mapped: a full disk is an error of a write, and the end of a process that has mapped the file
            self._planes = {name: self._file(name).open("r+b", buffering=0) for name in planes}

    def _be_alone(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockedError(f"Another process writes to {self.folder}: wait for it, or give another output.") from None

    def _state(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.bin"

    def fitted(self) -> dict[str, NDArray[Any]] | None:
        """What a method has learned of this pair, by an earlier run."""
        file = self.folder / "fitted.npz"
        if not (self.report and file.exists()):
            return None
        with np.load(file) as held:
            return {name: held[name] for name in held.files}

    def learned(self, known: dict[str, NDArray[Any]], report: dict[str, Any]) -> None:
        """Keep what a method has learned, and what else was found out."""
        with full_disk(self.folder), atomic(self.folder / "fitted.npz") as part:
            np.savez(part, **known)  # type: ignore[arg-type]
        self.report = report
        self.mark(0)

    def write(self, plane: str, window: Window, values: NDArray[Any]) -> None:
        """Put a block in its place."""
        row, col, _, width = window
        kind = self._kinds[plane]
        file = self._planes[plane]
        made = np.ascontiguousarray(values, dtype=kind)
        lines = [made] if width == self.shape[1] else list(made)
        for k, part in enumerate(lines):
            left = memoryview(part.tobytes())
            with full_disk(self.folder):
                file.seek(((row + k) * self.shape[1] + col) * kind.itemsize)
                while left:
                    left = left[file.write(left) :]

    def mark(self, done: int, **report: Any) -> None:
        """Record that so many blocks or rows are written, and what belongs to that."""
        self.done = done
        self.report |= report
        with full_disk(self.folder):
            write_text(self.folder / "state.json", json.dumps({"request": self._request, "done": done, "report": self.report}))

    def read(self, plane: str, top: int, bottom: int) -> NDArray[Any]:
        """Rows of a plane."""
        kind, width = self._kinds[plane], self.shape[1]
        self._planes[plane].seek(top * width * kind.itemsize)
        wanted = (bottom - top) * width * kind.itemsize
        found = bytearray()
        while len(found) < wanted:
            part = self._planes[plane].read(wanted - len(found))
            if not part:
                break
            found += part
        return np.frombuffer(bytes(found), kind).reshape(-1, width)

    def close(self) -> None:
        """Let go of the files; what is done stays."""
        for file in self._planes.values():
            file.close()
        self._lock.close()

    def remove(self) -> None:
        """Delete the folder."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Tell of a full disk in the words of our own error tree."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceError(
                f"The disk is full: {folder} cannot hold what is done. Free space and run the same again."
            ) from None
        raise


def folder_of(target: Path) -> Path:
    """The work folder beside an output."""
    return target.with_name(f".{target.name}.part")
