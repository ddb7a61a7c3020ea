"""The labelled things of a picture, kept as arrays and made into objects when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.shapes import Ring


@dataclass(frozen=True)
class Labelled:
    """An object or area in a picture, in pixel edges: polygon (N, 2), upright box x0, y0, x1, y1 cut at the frame."""

    label: str
    polygon: Ring
    box: tuple[float, float, float, float]

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the whole polygon's box, x, y in pixels."""
        a, b = self.polygon.min(axis=0), self.polygon.max(axis=0)
        return float(a[0] + b[0]) / 2, float(a[1] + b[1]) / 2

    @property
    def span(self) -> float:
        """Longer side of the whole polygon's box, in pixels."""
        return float((self.polygon.max(axis=0) - self.polygon.min(axis=0)).max())


@dataclass(frozen=True)
class Objects(Sequence[Labelled]):
    """Labelled things in a frame of `shape` pixels.

    names, corners (M, 2) and starts are those of the whole place; kept (N,): which of them are here; to_pixels: matrix
    and shift from corners to pixels; boxes (N, 4): of the whole things, in pixels.
    """

    names: tuple[str, ...]
    corners: NDArray[np.float64]
    starts: NDArray[np.int64]
    kept: NDArray[np.int64]
    to_pixels: tuple[NDArray[np.float64], NDArray[np.float64]]
    boxes: NDArray[np.float64]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.kept)

    @overload
    def __getitem__(self, index: int) -> Labelled: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Labelled, ...]: ...
    def __getitem__(self, index: int | slice) -> Labelled | tuple[Labelled, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        i = index % len(self)
        h, w = self.shape
        x0, y0, x1, y1 = self.boxes[i].tolist()
        box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(w)), min(y1, float(h)))
        number = int(self.kept[i])
        turn, shift = self.to_pixels
        ring = self.corners[self.starts[number] : self.starts[number + 1]] @ turn + shift
        return Labelled(self.names[number], ring, box)

    def __iter__(self) -> Iterator[Labelled]:
        return (self[i] for i in range(len(self)))

    @property
    def middles(self) -> NDArray[np.float64]:
        """Middle x, y and longer side of each whole thing's box, pixels, (N, 3)."""
        b = self.boxes
        return np.stack([(b[:, 0] + b[:, 2]) / 2, (b[:, 1] + b[:, 3]) / 2, np.maximum(b[:, 2] - b[:, 0], b[:, 3] - b[:, 1])], 1)


def boxes_of(points: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the upright box x0, y0, x1, y1 of each ring, (N, 4)."""
    if len(starts) < 2:
        return np.zeros((0, 4))
    return np.concatenate([np.minimum.reduceat(points, starts[:-1]), np.maximum.reduceat(points, starts[:-1])], axis=1)
