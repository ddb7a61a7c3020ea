"""The labelled things of a picture, kept as arrays and made into objects when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
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
    """Labelled things in a frame of `shape` pixels, found when they are first asked for.

    names, corners (M, 2), starts and upright (boxes, or None where they turn) are those of the whole place;
    to_pixels: matrix and shift from corners to pixels; partly: with those whose middle lies outside.
    """

    names: tuple[str, ...]
    corners: NDArray[np.float64]
    starts: NDArray[np.int64]
    upright: NDArray[np.float64] | None
    to_pixels: tuple[NDArray[np.float64], NDArray[np.float64]]
    shape: tuple[int, int]
    partly: bool

    @cached_property
    def _held(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Numbers of the things that are here, and their whole boxes in pixels."""
        h, w = self.shape
        turn, shift = self.to_pixels
        if self.upright is None:
            box = boxes_of(self.corners @ turn + shift, self.starts)
        else:
            sides = self.upright.reshape(-1, 2, 2) @ turn + shift
            box = np.concatenate([sides.min(axis=1), sides.max(axis=1)], axis=1)
        x, y = (box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2
        held = (x >= 0) & (x < w) & (y >= 0) & (y < h)
        if self.partly:
            held |= (box[:, 0] < w) & (box[:, 1] < h) & (box[:, 2] > 0) & (box[:, 3] > 0)
        kept = np.flatnonzero(held)
        return kept, box[kept]

    @property
    def kept(self) -> NDArray[np.int64]:
        """Numbers, among those of the place, of the things that are here."""
        return self._held[0]

    @property
    def boxes(self) -> NDArray[np.float64]:
        """Upright box x0, y0, x1, y1 of each whole thing, pixels, (N, 4)."""
        return self._held[1]

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
