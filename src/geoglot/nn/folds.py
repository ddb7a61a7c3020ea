"""Cross-validation of small heads: folds that keep groups together, choice of settings, and figures that do not flatter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.nn.heads import AdapterHead, Floats, Head, Ints, by_words, fit_linear

Fit = Callable[[Floats, Ints], Head]
# The first of each is taken where nothing can be held out to choose by; chosen on validation splits (docs/log.md).
L2 = (1e-4, 1e-3, 1e-5, 1e-2)
BLENDS = tuple(
    sorted(((a, b) for a in (1.0, 3.0, 10.0, 30.0, 100.0) for b in (1.0, 3.0, 10.0)), key=lambda pair: pair != (3.0, 3.0))
)
METHODS = ("probe", "adapter", "auto")


def candidates(method: str, text: Floats, temperature: float) -> dict[str, Fit]:
    """Every setting of a method, by name, the one to take without further knowledge first; text (K, D) are unit vectors."""
    words = by_words(text, temperature)

    def probe(l2: float) -> Fit:
        return lambda x, y: fit_linear(x, y, len(text), l2)

    def adapter(alpha: float, beta: float) -> Fit:
        return lambda x, y: AdapterHead(words.weight, x, y, np.array([alpha, beta], dtype=np.float32))

    probes = {f"probe, l2 {l2:g}": probe(l2) for l2 in L2}
    adapters = {f"adapter, alpha {a:g}, beta {b:g}": adapter(a, b) for a, b in BLENDS}
    return {"probe": probes, "adapter": adapters, "auto": adapters | probes}[method]


def split(y: Ints, groups: Ints, count: int) -> Ints:
    """The fold (N,) of each sample: a group is never divided, and each class is spread over the folds.

    Larger groups are placed first, each into the fold that has least of its own class, then least of all.
    """
    names, sizes = np.unique(groups, return_counts=True)
    held = np.zeros((count, int(y.max()) + 1), dtype=np.int64)
    fold = np.zeros(len(y), dtype=np.int64)
    for name in names[np.argsort(-sizes, kind="stable")]:
        rows = groups == name
        own = np.bincount(y[rows], minlength=held.shape[1])
        best = min(range(count), key=lambda k: (int(held[k] @ own), int(held[k].sum()), k))
        held[best] += own
        fold[rows] = best
    return fold


def groups_of_class(y: Ints, groups: Ints, classes: int) -> Ints:
    """How many groups (K,) each class has."""
    return np.array([len(np.unique(groups[y == k])) for k in range(classes)], dtype=np.int64)


def loss(head: Head, x: Floats, y: Ints) -> NDArray[np.float64]:
    """Negative log-likelihood (N,) of the right class."""
    z = head.logits(x).astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    made: NDArray[np.float64] = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]
    return made


def choose(fits: Mapping[str, Fit], x: Floats, y: Ints, groups: Ints, classes: int, count: int) -> str:
    """The setting with the least cross-validated loss, each class weighing alike; the first where a class has one group only."""
    folds = min(count, int(groups_of_class(y, groups, classes).min()))
    if folds < 2:
        return next(iter(fits))
    fold = split(y, groups, folds)
    weight = 1 / np.bincount(y, minlength=classes)[y]
    usable = [k for k in range(folds) if len(np.unique(y[fold != k])) == classes and (fold == k).any()]
    total = dict.fromkeys(fits, 0.0)
    for k in usable:
        for name, fit in fits.items():
            total[name] += float((weight[fold == k] * loss(fit(x[fold != k], y[fold != k]), x[fold == k], y[fold == k])).sum())
    return min(total, key=total.__getitem__)


@dataclass(frozen=True)
class Checked:
    """Answers (N,) to samples that were held out of the fit that answers them, and the number of folds."""

    answers: Ints
    folds: int


def check(
    fits: Mapping[str, Fit],
    x: Floats,
    y: Ints,
    groups: Ints,
    classes: int,
    count: int,
    apart: Callable[[NDArray[np.bool_]], NDArray[np.bool_]] = np.logical_not,
) -> Checked:
    """Nested cross-validation: the setting is chosen anew within each training part, so that the choice does not flatter.

    `apart` tells which samples (N,) may be fitted on while some are held out: all others, if it is not given.
    """
    fold = split(y, groups, count)
    answers = np.full(len(y), -1, dtype=np.int64)
    for k in range(count):
        held = fold == k
        train = apart(held)
        if not held.any() or not train.any():
            continue
        name = choose(fits, x[train], y[train], groups[train], classes, min(count, 3))
        answers[held] = fits[name](x[train], y[train]).logits(x[held]).argmax(axis=1)
    return Checked(answers, count)
