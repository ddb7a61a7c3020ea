"""Near-duplicates by perceptual hash, so that nothing of a test set is trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

SIDE = 32
BITS = 8


def hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Give 64-bit DCT hashes (N,) of square pictures (N, S, S, 3) with S at least 32.

    Signs of the 8 x 8 lowest frequencies, the mean left out, against their median.
    """
    grey = pixels.astype(np.float32).mean(-1)
    edges = np.linspace(0, grey.shape[1], SIDE + 1).astype(int)[:-1]
    small = np.add.reduceat(np.add.reduceat(grey, edges, axis=1), edges, axis=2)
    low = dctn(small, axes=(1, 2))[:, :BITS, :BITS].reshape(len(small), -1)
    bits = low > np.median(low[:, 1:], axis=1, keepdims=True)
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)[:, 0]


def turned(pixels: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Give the hashes (N, 8) of all quarter turns and mirror images."""
    turns = [np.rot90(p, k, axes=(1, 2)) for p in (pixels, pixels[:, :, ::-1]) for k in range(4)]
    return np.stack([hashes(np.ascontiguousarray(t)) for t in turns], axis=1)


def near(a: NDArray[np.uint64], b: NDArray[np.uint64], bits: int = 6) -> list[tuple[int, int]]:
    """Give pairs (i, j) whose hashes (N,) and (M,) or (M, 8) differ in at most ``bits`` bits."""
    b = b[:, None] if b.ndim == 1 else b
    found = []
    for i, value in enumerate(a):
        distance = np.bitwise_count(b ^ value).min(axis=1)
        found += [(i, int(j)) for j in np.flatnonzero(distance <= bits)]
    return found
