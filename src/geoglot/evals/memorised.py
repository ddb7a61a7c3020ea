"""Whether drawn pictures are training pictures: how far each is from the nearest, against how far real held-out ones are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
BLOCK = 512
SHARE = 0.01  # of real held-out pictures lie nearer to a training picture than what counts as copied


@dataclass(frozen=True)
class Nearest:
    """Distances (N,) to the nearest training picture: ``cosine`` of features (1 - cos), ``pixels`` root mean square of values in
    [0, 255], the least over quarter turns and mirror images."""

    cosine: Floats
    pixels: Floats


def nearest(vectors: Floats, pixels: Pixels, taught: Floats, shown: Pixels) -> Nearest:
    """Of unit vectors (N, D) and pictures (N, S, S, 3) among ``taught`` (M, D), ``shown`` (M, S, S, 3)."""
    cosine = 1 - np.concatenate([(part @ taught.T).max(1) for part in _blocks(vectors)])
    far = np.full(len(pixels), np.inf, np.float32)
    width = float(np.prod(pixels.shape[1:]))
    views = [_flat(view) for view in _turned(pixels)]
    square = (views[0] ** 2).sum(1)
    for some in _blocks(shown):
        other = _flat(some)
        own = (other**2).sum(1)
        for view in views:
            far = np.minimum(far, (square[:, None] + own - 2 * view @ other.T).min(1))
    return Nearest(cosine.astype(np.float32), (255 * np.sqrt(np.maximum(far, 0) / width)).astype(np.float32))


def threshold(held: Nearest) -> Nearest:
    """The first percentile of real held-out pictures' distances, each (1,)."""
    return Nearest(*(np.quantile(value, [SHARE]).astype(np.float32) for value in (held.cosine, held.pixels)))


def _turned(pixels: Pixels) -> list[Pixels]:
    return [np.rot90(view, k, (1, 2)) for view in (pixels, pixels[:, :, ::-1]) for k in range(4)]


def _flat(pixels: Pixels) -> Floats:
    found: Floats = pixels.reshape(len(pixels), -1).astype(np.float32)
    return found / np.float32(255)


def _blocks(rows: NDArray) -> list[NDArray]:  # type: ignore[type-arg]
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
