"""PCA and k-means (Celik 2009): the difference around each pixel, in its principal components, in two clusters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.tasks.change.filters import Floats, box_mean
from geoglot.tasks.change.methods import cva, ir_mad, log_ratio
from geoglot.tasks.change.pair import Block, Pair

Doubles = NDArray[np.float64]
VECTORS = 2**17  # that the components and clusters are taken from


@dataclass(frozen=True)
class Options:
    """`side`: pixels of a neighbourhood, odd; `kept`: share of the variance that the components hold; `top`: share of the
    differences beyond which they are clipped, so that a few glints are no cluster of their own.

    The difference is the length of change vectors (`of` "cva") or of the variates of IR-MAD ("ir-mad"), and for radar the
    log-ratio of power with the filter of `log_ratio`.
    """

    side: int = 5
    kept: float = 0.9
    top: float = 0.995
    of: Literal["cva", "ir-mad"] = "cva"
    ratio: log_ratio.Options = field(default_factory=partial(log_ratio.Options, radius=2))
    vectors: cva.Options = field(default_factory=cva.Options)
    variates: ir_mad.Options = field(default_factory=ir_mad.Options)


def halo(how: Options) -> int:
    """Pixels around a block."""
    return how.side // 2 + max(log_ratio.halo(how.ratio), cva.halo(how.vectors), ir_mad.halo(how.variates))


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """Components, and the two centres along the line on which pixels are scored."""
    module, options = _inner(how, pair.radar)
    known = {f"of_{name}": value for name, value in module.fit(pair, options).items()}
    known |= {"radar": np.array(pair.radar, np.float32), "top": np.array(np.inf, np.float32)}
    rows: list[Floats] = []
    blocks = list(pair.sample(halo(how), 2**18))
    rng = np.random.default_rng(0)
    for block in blocks:
        difference = _difference(block, known, how)
        at = np.flatnonzero(block.seen)
        at = rng.choice(at, min(len(at), max(VECTORS // len(blocks), 64)), replace=False) if len(at) else at
        r, c = np.divmod(at, block.seen.shape[1])
        rows.append(np.stack([difference[r + i, c + j] for i in range(how.side) for j in range(how.side)], axis=1))
    x = np.concatenate(rows).astype(np.float64)
    if how.top < 1:
        known["top"] = np.array(np.quantile(x[:, x.shape[1] // 2], how.top), np.float32)
        x = np.minimum(x, float(known["top"]))
    mean = x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((x - mean).T))
    order = np.argsort(-values)
    count = int(np.searchsorted(np.cumsum(values[order]) / max(values.sum(), 1e-300), how.kept)) + 1
    basis = vectors[:, order[:count]]
    low, high = two_means((x - mean) @ basis, x.mean(axis=1))
    along = (high - low) / max(float(np.sum((high - low) ** 2)), 1e-300)
    # the projection onto the line between the centres: 0 at the unchanged one, 1 at the changed one
    kernel = basis @ along
    start = float(mean @ kernel + low @ along)
    return known | {
        "kernel": kernel.reshape(how.side, how.side).astype(np.float32),
        "start": np.array(start, np.float32),
        "threshold": np.array(0.5, np.float32),
    }


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """How far along the line from the centre of what did not change to that of what did; never below 0."""
    difference = _difference(block, known, how)
    height, width = block.seen.shape
    total = np.full((height, width), -float(known["start"]), np.float32)
    for i in range(how.side):
        for j in range(how.side):
            total += known["kernel"][i, j] * difference[i : i + height, j : j + width]
    return np.maximum(total, 0)


def _inner(how: Options, radar: bool) -> tuple[Any, Any]:
    """The method of the difference image, and its options."""
    if radar:
        return log_ratio, how.ratio
    return (ir_mad, how.variates) if how.of == "ir-mad" else (cva, how.vectors)


def _difference(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The difference image (h, w) of the window and half a neighbourhood around it; what was not observed is as around it."""
    inner = {name.removeprefix("of_"): value for name, value in known.items() if name.startswith("of_")}
    cut = block.halo - how.side // 2
    part = replace(block, halo=cut)
    module, options = _inner(how, bool(known["radar"]))
    made = np.minimum(module.score(part, inner, options), np.float32(known["top"]))
    seen = part.seen
    return np.where(seen, made, box_mean(made, seen, how.side // 2)) if not seen.all() else made


def two_means(x: Doubles, size: Doubles, rounds: int = 100) -> tuple[Doubles, Doubles]:
    """Centres of two clusters of x (N, D), that of the lower `size` (N,) first; begun from the lower and upper tenth."""
    order = np.argsort(size)
    tenth = max(len(x) // 10, 1)
    low, high = x[order[:tenth]].mean(axis=0), x[order[-tenth:]].mean(axis=0)
    for _ in range(rounds):
        upper = ((x - low) ** 2).sum(axis=1) > ((x - high) ** 2).sum(axis=1)
        if upper.all() or not upper.any():
            break
        new = x[~upper].mean(axis=0), x[upper].mean(axis=0)
        if np.allclose(new[0], low) and np.allclose(new[1], high):
            break
        low, high = new
    return low, high
