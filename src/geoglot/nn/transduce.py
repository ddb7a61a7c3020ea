"""Label-free adaptation on frozen features: all pictures of a request are answered together, and teach each other.

Two ways, both after the descriptions in the literature and not after released code:

- `gauss`, in the spirit of TransCLIP (Zanella et al. 2024, arXiv 2406.01837) and RS-TransCLIP: assignments follow from the words,
  from one Gaussian a class with a shared diagonal covariance, and from the nearest neighbours. Theirs takes every label to be
  there; here the shares of the classes are estimated too, since an archive holds few of the labels that a user tries;
- `transport`: entropic optimal transport between pictures and classes, whose prototypes move from the words towards the
  pictures that they receive. The share of each class is estimated, not taken as even.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geoglot.core.config import Config
from geoglot.core.errors import InputError

Floats = NDArray[np.float32]
MOST = 100_000  # pictures: neighbours take the square of it
METHODS = ("gauss", "transport")
_BLOCK = 2048


class GaussConfig(Config):
    """Weights of the terms, and rounds.

    ``words`` counts the words beside the rest. ``sharpness`` scales the Gaussians, whose dimensions are not independent.
    ``share`` prefers classes that have many pictures, and ``held`` pictures at the middle of all are put into each class, so
    that a label that is nowhere does not take the pictures of others. Chosen on validation splits (docs/log.md).
    """

    words: float = 1.0
    sharpness: float = 0.05
    share: float = 2.0
    held: float = 2.0
    neighbours: int = 10
    graph: float = 1.0
    rounds: int = 10


class TransportConfig(Config):
    """Entropy (in cosines), share of the words in a prototype, rounds of moving, and steps of Sinkhorn in each."""

    entropy: float = 0.08
    words: float = 0.7
    rounds: int = 5
    steps: int = 50


def gauss(x: Floats, text: Floats, temperature: float, config: GaussConfig | None = None) -> Floats:
    """Assignments (N, K) of unit vectors (N, D) to classes with the unit vectors (K, D); rows sum to one."""
    how = config or GaussConfig()
    _check(x)
    words = _log_softmax(x @ text.T / temperature)
    near, weight = neighbours(x, how.neighbours)
    middle, z = x.mean(axis=0), np.exp(words)
    for _ in range(how.rounds):
        mass, total = z.sum(axis=0), z.T @ x
        means = (total + how.held * middle) / (mass + how.held)[:, None]
        square = (z.T @ (x * x) - 2 * means * total + mass[:, None] * means**2).sum(axis=0)
        inverse = 1 / np.maximum(square / len(x), 1e-6)
        fit = x @ (means * inverse).T - 0.5 * (means**2 @ inverse)  # what is the same for all classes is left out
        graph = (weight[:, :, None] * z[near]).sum(axis=1)
        share = np.log((mass + 0.1) / len(x))
        z = np.exp(_log_softmax(how.sharpness * fit + how.graph * graph + how.words * words + how.share * share))
    result: Floats = z.astype(np.float32)
    return result


def transport(x: Floats, text: Floats, temperature: float, config: TransportConfig | None = None) -> Floats:
    """Assignments (N, K) as `gauss` gives them; the share of each class is that of the answers by words."""
    how = config or TransportConfig()
    _check(x)
    share = np.exp(_log_softmax(x @ text.T / temperature)).mean(axis=0)
    prototypes = text
    plan = np.zeros((len(x), len(text)))
    for _ in range(how.rounds):
        plan = sinkhorn(x @ prototypes.T / how.entropy, share, how.steps)
        centres = plan.T @ x
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
        mixed = how.words * text + (1 - how.words) * centres
        prototypes = (mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    result: Floats = plan.astype(np.float32)
    return result


def sinkhorn(logits: NDArray[np.floating], share: NDArray[np.floating], steps: int) -> NDArray[np.float64]:
    """Rows (N, K) that sum to one, their columns to ``share`` (K,) of all as nearly as the steps allow (Cuturi 2013)."""
    log = logits.astype(np.float64)
    wanted = np.log(np.maximum(share.astype(np.float64), 1e-12) * len(log))
    columns = np.zeros(log.shape[1])
    for _ in range(steps):
        rows = _logsumexp(log + columns, axis=1)
        columns = wanted - _logsumexp(log - rows[:, None], axis=0)
    made: NDArray[np.float64] = np.exp(_log_softmax(log + columns))
    return made


def neighbours(x: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Positions (N, k) of the nearest other vectors and their cosines, negative ones as 0."""
    count = min(count, len(x) - 1)
    near = np.zeros((len(x), count), dtype=np.int64)
    weight = np.zeros((len(x), count), dtype=np.float32)
    for start in range(0, len(x) if count else 0, _BLOCK):
        part = x[start : start + _BLOCK] @ x.T
        part[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        best = np.argpartition(-part, count - 1, axis=1)[:, :count]
        near[start : start + _BLOCK] = best
        weight[start : start + _BLOCK] = np.maximum(np.take_along_axis(part, best, axis=1), 0)
    return near, weight


def _check(x: Floats) -> None:
    if len(x) > MOST:
        raise InputError(
            f"{len(x):,} tiles are more than the {MOST:,} that can teach each other: take fewer scenes, larger tiles."
        )


def _log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    made: NDArray[np.float64] = logits - _logsumexp(logits, axis=1)[:, None]
    return made


def _logsumexp(values: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    top = values.max(axis=axis, keepdims=True)
    made: NDArray[np.float64] = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return made
