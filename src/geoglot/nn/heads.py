"""Small heads fitted on frozen features: linear probe, cached-prototype adapter, cell head, relevance feedback.

Features come in and scores go out as numpy arrays, so that a fitted head is used without torch; only the fit of the probe
imports it. Every fit is deterministic.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NotFoundError
from geoglot.core.protocols import ModelSpec

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
FORMAT = "geoglot-head-1"
UNLABELLED = -1


class Head(Protocol):
    """Gives a number for each class."""

    kind: ClassVar[str]

    def logits(self, x: Floats) -> Floats:
        """Logits (..., K) of unit vectors (..., D)."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the head is made of, by the names of its fields."""


@dataclass(frozen=True)
class LinearHead:
    """One direction a class: weight (K, D), bias (K,). Fits whole images and the cells of a map alike."""

    weight: Floats
    bias: Floats
    kind: ClassVar[str] = "linear"

    def logits(self, x: Floats) -> Floats:
        """Logits (..., K) of unit vectors (..., D)."""
        result: Floats = x @ self.weight.T + self.bias
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the head is made of."""
        return {"weight": self.weight, "bias": self.bias}


@dataclass(frozen=True)
class AdapterHead:
    """Examples as a cache beside the words: Tip-Adapter without training (Zhang et al. 2022, arXiv 2207.09519).

    A class scores ``text @ x + alpha * mean(exp(-beta * (1 - key @ x)))`` over its own keys; the mean and not the sum, so that
    a class with many examples is not preferred for that. ``text`` (K, D) is scaled by the inverse temperature, ``keys`` are
    (N, D), ``owner`` (N,) the class of each, ``blend`` (2,) alpha and beta.
    """

    text: Floats
    keys: Floats
    owner: Ints
    blend: Floats
    kind: ClassVar[str] = "adapter"

    def logits(self, x: Floats) -> Floats:
        """Logits (..., K) of unit vectors (..., D)."""
        alpha, beta = self.blend
        near = np.exp(-beta * (1 - x @ self.keys.T))
        share = np.zeros((len(self.keys), len(self.text)), dtype=np.float32)
        share[np.arange(len(self.keys)), self.owner] = 1
        share /= np.maximum(share.sum(axis=0), 1)
        result: Floats = (x @ self.text.T + alpha * (near @ share)).astype(np.float32)
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the head is made of."""
        return {"text": self.text, "keys": self.keys, "owner": self.owner, "blend": self.blend}


def by_words(text: Floats, temperature: float) -> LinearHead:
    """The head that knows only the words: text (K, D) unit vectors."""
    return LinearHead((text / temperature).astype(np.float32), np.zeros(len(text), dtype=np.float32))


def fit_linear(x: Floats, y: Ints, classes: int, l2: float, toward: Floats | None = None, steps: int = 200) -> LinearHead:
    """Fit a multinomial logistic regression with classes weighted alike: mean loss + l2 / 2 * |weight - toward|^2.

    ``x`` (N, D), ``y`` (N,); ``toward`` (K, D) are weights to stay near, zero if not given. Solved by L-BFGS in float64. A class
    without an example is never preferred. Raises `InputError` for a class beyond ``classes``, or no example at all.
    """
    import torch
    from torch.nn.functional import cross_entropy

    counts = np.bincount(y, minlength=classes)
    if len(counts) > classes or not len(y):
        raise InputError(f"A head of {classes} classes needs examples of them, got {len(y)} of {len(counts)} classes.")
    mean = x.mean(axis=0, dtype=np.float64)
    features = torch.from_numpy(x - mean)  # centred, which L-BFGS likes; put into the bias afterwards
    target = torch.from_numpy(y)
    share = torch.from_numpy(1.0 / (np.count_nonzero(counts) * np.maximum(counts, 1.0)))
    prior = torch.zeros(classes, x.shape[1], dtype=torch.float64)
    if toward is not None:
        prior = torch.from_numpy(toward.astype(np.float64))
    weight = prior.clone().requires_grad_(True)
    bias = (prior @ torch.from_numpy(mean)).requires_grad_(True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe", tolerance_grad=1e-7)

    def loss() -> Any:
        solver.zero_grad()
        each = cross_entropy(features @ weight.T + bias, target, reduction="none")
        value = (each * share[target]).sum() + 0.5 * l2 * (weight - prior).square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    found = weight.detach().numpy()
    return LinearHead(found.astype(np.float32), (bias.detach().numpy() - found @ mean).astype(np.float32))


def fit_share(x: Floats, share: Floats, l2: float, steps: int = 200) -> LinearHead:
    """Fit a head of one class whose sigmoid is the ``share`` (N,) in [0, 1] that unit vectors ``x`` (N, D) stand for.

    Mean cross entropy + l2 / 2 * |weight|^2, solved by L-BFGS in float64.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    mean = x.mean(axis=0, dtype=np.float64)
    features, target = torch.from_numpy(x - mean), torch.from_numpy(share.astype(np.float64))
    weight = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe", tolerance_grad=1e-7)

    def loss() -> Any:
        solver.zero_grad()
        value = binary_cross_entropy_with_logits(features @ weight + bias, target) + 0.5 * l2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    found = weight.detach().numpy()
    return LinearHead(found[None].astype(np.float32), (bias.detach().numpy() - found @ mean)[None].astype(np.float32))


def fit_cells(cells: Floats, labels: Ints, classes: int, l2: float) -> LinearHead:
    """Fit a linear head on the cells (B, h, w, D) of maps; `UNLABELLED` cells of labels (B, h, w) are left out."""
    known = labels != UNLABELLED
    return fit_linear(cells[known], labels[known], classes, l2)


def feedback(good: Floats, bad: Floats, query: Floats | None = None, strength: float = 1.0) -> Floats:
    """Turn marks into a unit direction (D,) to search in: high for good (N, D), low for bad (M, D), near the query (D,).

    Ridge regression on targets 1 and 0 that stays near the query: w = q + (A'A + s)^-1 A'(y - Aq), with both kinds of marks
    weighing alike; solved in the space of the marks. A large ``strength`` holds on to the query; without one the mean of the
    good marks takes its place. Raises `InputError` where there is neither a good mark nor a query, or no direction is left.
    """
    if query is None:
        if not len(good):
            raise InputError("Mark at least one good place, or give a query.")
        query = good.mean(axis=0)
    start = query.astype(np.float64) / max(float(np.linalg.norm(query)), 1e-12)
    marks = np.concatenate([good.reshape(-1, len(start)), bad.reshape(-1, len(start))]).astype(np.float64)
    found = start
    if len(marks):
        target = np.concatenate([np.ones(len(good)), np.zeros(len(bad))])
        worth = np.concatenate([np.full(len(good), 1 / max(len(good), 1)), np.full(len(bad), 1 / max(len(bad), 1))])
        inner = marks @ marks.T + strength * np.diag(1 / worth)
        found = start + marks.T @ np.linalg.solve(inner, target - marks @ start)
    length = float(np.linalg.norm(found))
    if not np.isfinite(length) or length < 1e-9:
        raise InputError("The marks contradict each other: no direction is left. Take some of them back.")
    result: Floats = (found / length).astype(np.float32)
    return result


@dataclass(frozen=True)
class HeadCard:
    """What a saved head is for: its classes, the model whose features it was fitted on, how scenes were cut, its figures.

    `of` says whether the features were of whole tiles or of their cells.
    """

    names: tuple[str, ...]
    model: str
    hash: str
    options: dict[str, float | None] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    of: str = "images"  # or "cells", or "pairs"
    look: dict[str, Any] = field(default_factory=dict)  # how the cells were made


_KINDS: dict[str, Callable[..., Head]] = {LinearHead.kind: LinearHead, AdapterHead.kind: AdapterHead}


def save(path: str | Path, head: Head, card: HeadCard) -> Path:
    """Write a head as safetensors with its card in the header, atomically."""
    from safetensors.numpy import save_file

    from geoglot.geo.write import atomic

    header = {"format": FORMAT, "kind": head.kind, "card": json.dumps(asdict(card))}
    with atomic(path) as part:
        save_file({name: np.ascontiguousarray(value) for name, value in head.arrays().items()}, part, metadata=header)
    return Path(path)


def load(path: str | Path, spec: ModelSpec, of: str = "images") -> tuple[Head, HeadCard]:
    """Read a head for use with the features of a model, of images, of cells or of pairs.

    Raises `NotFoundError`, `ModelError` for a file that is none, and `ModelMismatchError` for one of another model.
    """
    from safetensors import SafetensorError, safe_open

    how = {"cells": "geoglot segment --train", "pairs": "python -m geoglot.evals.damage"}.get(of, "geoglot classify --few-shot")
    if not Path(path).is_file():
        options = f"{spec.name} --root DATA -o" if of == "pairs" else "LABELS --save"
        raise NotFoundError(f"There is no head {path}: make one with {how} {options} {path}.")
    try:
        with safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.get("format") != FORMAT:
            raise ModelError(f"{path} is no head of this version ({FORMAT}): fit it again with {how}.")
        values = json.loads(header["card"])
        card = HeadCard(tuple(values.pop("names")), **values)
        head = _KINDS[header["kind"]](**arrays)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is not a readable head ({error}): fit it again with {how}.") from None
    if card.of != of:
        verb = {"cells": "segment", "pairs": "change --damage"}.get(card.of, "classify")
        raise ModelMismatchError(f"{path} was fitted on {card.of}, not on {of}: use it with geoglot {verb}.")
    if card.hash != spec.hash:
        raise ModelMismatchError(
            f"{path} was fitted on features of {card.model} (hash {card.hash[:12]}), and this is {spec.name} "
            f"(hash {spec.hash[:12]}): pass --model {card.model.split('@')[0]}, or fit it again."
        )
    return head, card
