"""Fréchet distance of two sets of pictures by their features (Heusel et al. 2017, arXiv 1706.08500)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Moments:
    """Count, mean and covariance of rows that come in parts (Chan et al. 1979), in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(0)
        self.scatter: NDArray[np.float64] = np.zeros((0, 0))

    def add(self, rows: Floats) -> None:
        """Take in features (N, D). Raises ValueError for other widths than before."""
        if not len(rows):
            return
        part = Moments()
        x = np.asarray(rows, np.float64)
        part.count, part.mean = len(x), x.mean(0)
        part.scatter = (x - part.mean).T @ (x - part.mean)
        self.merge(part)

    def merge(self, other: Moments) -> None:
        """Take in the rows of another. Raises ValueError for another width."""
        if not self.count:
            self.count, self.mean, self.scatter = other.count, other.mean.copy(), other.scatter.copy()
        elif other.count:
            total, far = self.count + other.count, other.mean - self.mean
            self.scatter = self.scatter + other.scatter + np.outer(far, far) * (self.count * other.count / total)
            self.mean = self.mean + far * (other.count / total)
            self.count = total

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The unbiased covariance (D, D). Raises ValueError of fewer than two rows."""
        if self.count < 2:
            raise ValueError(f"a covariance needs two rows at least, got {self.count}")
        return self.scatter / (self.count - 1)


class Frechet:
    """``fid``: |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)) of normal distributions fitted to real and to drawn features.

    It is biased: fewer pictures give more (Chong and Forsyth 2020, arXiv 1911.07023), so only figures of one n compare.
    """

    def __init__(self) -> None:
        self.real, self.drawn = Moments(), Moments()

    def add(self, real: Floats, drawn: Floats) -> None:
        """Take in features (N, D) of real and (M, D) of drawn pictures; either may have no row."""
        self.real.add(real)
        self.drawn.add(drawn)

    def merge(self, other: Frechet) -> None:
        """Take in the features of another."""
        self.real.merge(other.real)
        self.drawn.merge(other.drawn)

    def result(self) -> dict[str, float]:
        """Give the figure. Raises ValueError of fewer than two rows on a side."""
        far = self.real.mean - self.drawn.mean
        one, two = self.real.covariance, self.drawn.covariance
        # S S' is similar to the symmetric R S' R with R = S^(1/2): its roots are real, and rank may be missing
        value, axes = np.linalg.eigh(one)
        root = axes * np.sqrt(np.clip(value, 0, None)) @ axes.T
        both = np.sqrt(np.clip(np.linalg.eigvalsh(root @ two @ root), 0, None)).sum()
        return {"fid": max(0.0, float(far @ far + np.trace(one) + np.trace(two) - 2 * both))}
