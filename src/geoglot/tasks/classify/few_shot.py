"""A head from a few marked examples, and figures of it that were measured on marks held out of the fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.metrics.bootstrap import wilson
from geoglot.nn import folds
from geoglot.nn.heads import Head
from geoglot.tasks.classify.marks import Examples
from geoglot.tasks.classify.prompts import Prompts

FOLDS = 5


@dataclass(frozen=True)
class FewShot:
    """What to fit on: a file of marks, the property that holds the label, a method, the number of folds."""

    marks: str | Path
    key: str = "label"
    method: str = "auto"
    folds: int | None = None

    def __post_init__(self) -> None:
        if self.method not in folds.METHODS:
            raise InputError(f"The method is one of {', '.join(folds.METHODS)}, got {self.method!r}.")
        if self.folds is not None and self.folds < 2:
            raise InputError(f"Cross-validation needs at least 2 folds, got {self.folds}.")


def check_folds(asked: int | None, counts: NDArray[np.int64], names: tuple[str, ...]) -> int:
    """The number of folds; 0 where a class has one group of marks only, so that nothing can be held out.

    Raises `InputError` where the user asks for more folds than the smallest class has groups.
    """
    least = int(counts.min())
    if asked is not None and asked > least:
        raise InputError(
            f"{asked} folds need {asked} marks of each class that lie apart, and {names[int(counts.argmin())]!r} has {least}: "
            f"mark more places or pass --folds {max(least, 2)}."
        )
    return asked or (min(FOLDS, least) if least > 1 else 0)


def fit(given: Examples, words: Prompts, temperature: float, asked: FewShot) -> tuple[Head, dict[str, Any]]:
    """The head, fitted on all examples, and its figures in per cent, cross-validated beside the baselines."""
    classes = len(given.names)
    counts = folds.groups_of_class(given.y, given.groups, classes)
    count = check_folds(asked.folds, counts, given.names)
    fits = folds.candidates(asked.method, words.vectors, temperature)
    chosen = folds.choose(fits, given.x, given.y, given.groups, classes, count)
    head = fits[chosen](given.x, given.y)
    figures: dict[str, Any] = {
        "method": chosen,
        "n": {name: int((given.y == k).sum()) for k, name in enumerate(given.names)},
        "apart": {name: int(n) for name, n in zip(given.names, counts, strict=True)},
        "groups": int(given.groups.max()) + 1,
        "folds": count,
    }
    if count:
        answers = folds.check(fits, given.x, given.y, given.groups, classes, count).answers
        by_words = words.cosines(given.x).argmax(axis=1)
        common = np.full(len(given.y), np.bincount(given.y).argmax())
        for name, answer in (("accuracy", answers), ("by words alone", by_words), ("commonest class", common)):
            figures[name] = _accuracy(answer == given.y, given.groups)
    return head, figures


def _accuracy(right: NDArray[np.bool_], groups: NDArray[np.int64]) -> dict[str, float]:
    """Share of right answers in per cent with a 95 % interval, in which groups and not tiles count as samples."""
    share = float(right.mean())
    low, high = wilson(share, int(groups.max()) + 1)
    return {name: round(100 * value, 1) for name, value in (("value", share), ("low", low), ("high", high))}


def told(figures: dict[str, Any]) -> str:
    """The figures as lines to read."""
    counts = ", ".join(f"{name} {n}" for name, n in figures["n"].items())
    lines = [f"examples: {counts}", f"fitted: {figures['method']}"]
    if not figures["folds"]:
        return "\n".join([*lines, "no cross-validation: a class has a single mark, or marks that all overlap; mark more places"])
    for name in ("accuracy", "by words alone", "commonest class"):
        value = figures[name]
        lines.append(f"{name}: {value['value']:.1f} % (95 % interval {value['low']:.1f} to {value['high']:.1f})")
    lines[2] += f", {figures['folds']}-fold, {figures['groups']} groups of marks that lie apart"
    return "\n".join(lines)
