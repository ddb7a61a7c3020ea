"""IR-MAD: canonical variates of two dates, weighted again and again by the probability that a pixel did not change.

Multivariate alteration detection (Nielsen et al. 1998), iteratively reweighted (Nielsen 2007): differences of the pairs of
linear combinations that correlate most; their squares over their variances sum up to a chi-square where nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geoglot.tasks.change.threshold import chi_square_above

Doubles = NDArray[np.float64]
ROUNDS, CLOSE = 60, 1e-4


@dataclass
class Moments:
    """Weighted sums of joint values (N, 2C), which can be added up block by block."""

    size: int
    weight: float = 0.0
    total: Doubles = field(init=False)
    square: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self.total, self.square = np.zeros(self.size), np.zeros((self.size, self.size))

    def add(self, values: NDArray[np.floating], weight: NDArray[np.floating]) -> None:
        """Take in values (N, 2C) with weights (N,)."""
        joint = values.astype(np.float64)
        heavy = joint * weight[:, None]
        self.weight += float(weight.sum())
        self.total += heavy.sum(axis=0)
        self.square += heavy.T @ joint

    def merge(self, other: Moments) -> None:
        """Take in what another has seen."""
        self.weight += other.weight
        self.total += other.total
        self.square += other.square

    @property
    def mean(self) -> Doubles:
        """Means (2C,)."""
        made: Doubles = self.total / max(self.weight, 1e-300)
        return made

    @property
    def covariance(self) -> Doubles:
        """Covariances (2C, 2C)."""
        made: Doubles = self.square / max(self.weight, 1e-300) - np.outer(self.mean, self.mean)
        return made


@dataclass(frozen=True)
class Variates:
    """Linear combinations (C, C) of both dates, their means (2C,) and canonical correlations (C,)."""

    mean: Doubles
    first: Doubles
    second: Doubles
    rho: Doubles

    @classmethod
    def of(cls, moments: Moments) -> Variates:
        """Solve the canonical correlation of moments; bands that are no news beside others are damped."""
        count = moments.size // 2
        cov = moments.covariance
        least = 1e-10 * moments.mean**2  # a band that is the same everywhere has a variance of rounding errors
        flat = np.diag(cov) <= least
        scale = np.sqrt(np.maximum(np.diag(cov), np.maximum(least, 1e-300)))
        unit = cov / np.outer(scale, scale)
        unit[flat], unit[:, flat] = 0.0, 0.0
        unit[flat, flat] = 1.0
        one, two = (unit[a, a] + 1e-6 * np.eye(count) for a in (slice(0, count), slice(count, None)))
        l1, l2 = np.linalg.cholesky(one), np.linalg.cholesky(two)
        middle = np.linalg.solve(l1, np.linalg.solve(l2, unit[:count, count:].T).T)
        u, rho, vt = np.linalg.svd(middle)
        first = np.linalg.solve(l1.T, u) / scale[:count, None]
        second = np.linalg.solve(l2.T, vt.T) / scale[count:, None]
        return cls(moments.mean, first, second, np.clip(rho, 0.0, 1 - 1e-9))

    def square(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> Doubles:
        """Sums (N,) of squared standardised differences of values (N, C)."""
        count = len(self.rho)
        gap = (x - self.mean[:count]) @ self.first - (y - self.mean[count:]) @ self.second
        made: Doubles = (gap * gap / (2 * (1 - self.rho))).sum(axis=1)
        return made

    def weights(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> Doubles:
        """The probability (N,) that no change looks like this or worse."""
        return chi_square_above(len(self.rho), self.square(x, y))


def iterated(x: NDArray[np.floating], y: NDArray[np.floating]) -> Variates:
    """Variates of values (N, C) of both dates, weighted until the correlations stand still."""
    joint = np.concatenate([x, y], axis=1)
    weight = np.ones(len(joint))
    rho = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        moments = Moments(joint.shape[1])
        moments.add(joint, weight)
        found = Variates.of(moments)
        if np.abs(found.rho - rho).max() < CLOSE:
            break
        rho = found.rho
        weight = found.weights(x, y)
        if weight.sum() < 10 * joint.shape[1]:  # hardly anything is left: the dates have nothing in common
            break
    return found
