"""The work folder of one scene: pixels that are decided, on disk as they come, so that a killed run goes on where it was.

It lies beside the output and holds the classes and the scores of all pixels as plain bytes, and how many rows are done. It
is of one request: another one (other labels, another model, a changed scene) begins anew.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import LockedError, ResourceError
from geoglot.geo.write import write_text

Bytes = NDArray[np.uint8]
SCORE_STEPS = 255  # a score is kept as one byte


class Work:
    """Classes and scores (H, W) on disk; `rows` of pixels and `cells` of the lattice are done."""

    def __init__(self, folder: Path, shape: tuple[int, int], request: str) -> None:
        self.folder, self.shape, self._request = folder, shape, request
        self.rows, self.cells = 0, 0
        with full_disk(folder):
            folder.mkdir(exist_ok=True)
            self._lock = (folder / "lock").open("a+")
            self._be_alone()
            state = self._state()
            if state.get("request") == request and all(self._file(name).exists() for name in ("classes", "scores")):
                self.rows, self.cells = int(state["rows"]), int(state["cells"])
            else:
                for name in ("classes", "scores"):
                    with self._file(name).open("wb") as file:
                        file.truncate(shape[0] * shape[1])
            # written and not mapped: a full disk is an error of a write, and the end of a process that has mapped the file
            self._planes = {name: self._file(name).open("r+b", buffering=0) for name in ("classes", "scores")}

    def _be_alone(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LockedError(f"Another process writes to {self.folder}: wait for it, or give another output.") from None

    def _state(self) -> dict[str, str | int]:
        try:
            found = json.loads((self.folder / "state.json").read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.u8"

    def write(self, top: int, classes: Bytes, scores: NDArray[np.float32]) -> None:
        """Put rows of pixels in their place."""
        for name, rows in (("classes", classes), ("scores", np.rint(scores * SCORE_STEPS).astype(np.uint8))):
            left = memoryview(np.ascontiguousarray(rows).tobytes())
            with full_disk(self.folder):
                self._planes[name].seek(top * self.shape[1])
                while left:
                    left = left[self._planes[name].write(left) :]

    def mark(self, rows: int, cells: int) -> None:
        """Record that rows of pixels are written, and from which row of cells on a run that goes on must look."""
        self.rows, self.cells = rows, cells
        state = {"request": self._request, "rows": rows, "cells": cells}
        with full_disk(self.folder):
            write_text(self.folder / "state.json", json.dumps(state))

    def read(self, plane: str, top: int, bottom: int) -> Bytes:
        """Rows of classes or scores."""
        self._planes[plane].seek(top * self.shape[1])
        found = self._planes[plane].read((bottom - top) * self.shape[1])
        return np.frombuffer(found, np.uint8).reshape(-1, self.shape[1])

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
