"""Kernel distance of two sets of pictures by their features (Bińkowski et al. 2018, arXiv 1801.01401)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Kernel:
    """``kid``: squared maximum mean discrepancy with the kernel (x·y / D + 1)^3, unbiased, so that it may lie below zero.

    It is the mean over ``blocks`` draws of ``size`` rows of each side without repeats (of all where there are fewer), and
    ``kid_deviation`` their standard deviation. Same seed, same blocks.
    """

    def __init__(self, blocks: int = 100, size: int = 1000, seed: int = 0) -> None:
        self.blocks, self.size, self.seed = blocks, size, seed
        self.real: list[Floats] = []
        self.drawn: list[Floats] = []

    def add(self, real: Floats, drawn: Floats) -> None:
        """Take in features (N, D) of real and (M, D) of drawn pictures; either may have no row."""
        self.real.append(real)
        self.drawn.append(drawn)

    def merge(self, other: Kernel) -> None:
        """Take in the features of another."""
        self.real += other.real
        self.drawn += other.drawn

    def result(self) -> dict[str, float]:
        """Give the figures. Raises ValueError of fewer than two rows on a side."""
        real, drawn = np.concatenate(self.real), np.concatenate(self.drawn)
        size = min(self.size, len(real), len(drawn))
        if size < 2:
            raise ValueError(f"a kernel distance needs two rows at least on either side, got {len(real)} and {len(drawn)}")
        rng = np.random.default_rng(self.seed)
        found = [
            discrepancy(real[rng.choice(len(real), size, replace=False)], drawn[rng.choice(len(drawn), size, replace=False)])
            for _ in range(self.blocks)
        ]
        return {"kid": float(np.mean(found)), "kid_deviation": float(np.std(found))}


def discrepancy(x: Floats, y: Floats) -> float:
    """The unbiased estimate from rows (N, D) and (M, D), two at least of each."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    width = x.shape[1]
    own, other, both = ((a @ b.T / width + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    n, m = len(x), len(y)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + (other.sum() - np.trace(other)) / (m * (m - 1))
    return float(within - 2 * both.mean())
