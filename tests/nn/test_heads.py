"""Small heads on features whose structure is known, and their files."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NotFoundError
from geoglot.core.protocols import ModelSpec
from geoglot.nn import folds, heads

SPEC = ModelSpec("m", "1", "a" * 32, 8, ("red",), 32, (0.1, 90.0), (0.5,), (0.5,), "-", "-")


def blobs(count: int, classes: int = 3, dim: int = 8, spread: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around one axis a class."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    x = np.eye(classes, dim)[y] + spread * rng.standard_normal((count, dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y.astype(np.int64)


def test_the_probe_is_the_optimum_of_its_objective() -> None:
    """At the optimum the gradient of the balanced loss vanishes: checked in numpy, apart from the solver."""
    x, y = blobs(40)
    x, y = x[: 3 * 11], y[: 3 * 11]
    x, y = np.concatenate([x, x[y == 0] + 0.01]), np.concatenate([y, y[y == 0]])  # one class has twice as many
    l2 = 1e-2
    head = heads.fit_linear(x, y, 3, l2)
    z = head.logits(x).astype(np.float64)
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    weight = 1 / (3 * np.bincount(y)[y])
    residual = (p - np.eye(3)[y]) * weight[:, None]
    assert np.abs(residual.T @ x + l2 * head.weight).max() < 1e-4
    assert np.abs(residual.sum(0)).max() < 1e-4


def test_the_probe_tells_and_repeats() -> None:
    x, y = blobs(60)
    more, truth = blobs(300, seed=1)
    one, two = heads.fit_linear(x, y, 3, 1e-3), heads.fit_linear(x, y, 3, 1e-3)
    assert np.array_equal(one.weight, two.weight)
    assert (one.logits(more).argmax(1) == truth).mean() > 0.85


def test_the_probe_stays_near_what_it_is_told() -> None:
    x, y = blobs(12)
    words = np.eye(3, 8, dtype=np.float32) * 5
    held = heads.fit_linear(x, y, 3, 1e3, toward=words)
    assert np.abs(held.weight - words).max() < 1e-2


def test_a_class_without_examples_is_never_preferred() -> None:
    x, y = blobs(40, classes=2)
    assert set(heads.fit_linear(x, y, 3, 1e-4).logits(x).argmax(1)) <= {0, 1}
    with pytest.raises(InputError, match="examples"):
        heads.fit_linear(x, y, 1, 1e-4)
    with pytest.raises(InputError, match="examples"):
        heads.fit_linear(x[:0], y[:0], 2, 1e-4)


def test_the_adapter_by_hand() -> None:
    text = np.array([[2.0, 0.0], [0.0, 2.0]], np.float32)
    keys = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], np.float32)
    head = heads.AdapterHead(text, keys, np.array([0, 1, 1]), np.array([3.0, 2.0], np.float32))
    got = head.logits(np.array([[1.0, 0.0]], np.float32))[0]
    near = np.exp(-2 * (1 - np.array([1.0, 0.0, 0.6])))
    assert got == pytest.approx([2 + 3 * near[0], 3 * (near[1] + near[2]) / 2], rel=1e-6)


def test_the_adapter_adds_to_wrong_words() -> None:
    x, y = blobs(60)
    more, truth = blobs(300, seed=1)
    wrong = heads.by_words(np.eye(3, 8, dtype=np.float32)[[1, 2, 0]], 1.0)
    assert (wrong.logits(more).argmax(1) == truth).mean() < 0.2
    head = heads.AdapterHead(wrong.weight, x, y, np.array([30.0, 3.0], np.float32))
    assert (head.logits(more).argmax(1) == truth).mean() > 0.85


def test_cells() -> None:
    x, y = blobs(2 * 4 * 5)
    cells, labels = x.reshape(2, 4, 5, 8), y.reshape(2, 4, 5).copy()
    labels[0, 0, :3] = heads.UNLABELLED
    cells = cells.copy()
    cells[0, 0, :3] = 100.0  # must not matter
    head = heads.fit_cells(cells, labels, 3, 1e-3)
    made = head.logits(cells)
    assert made.shape == (2, 4, 5, 3)
    known = labels >= 0
    assert (made.argmax(-1)[known] == labels[known]).mean() > 0.9


def test_feedback_turns_the_query() -> None:
    x, y = blobs(60, classes=2, spread=0.2)
    good, bad, query = x[y == 0][:4], x[y == 1][:4], np.ones(8, np.float32)
    found = heads.feedback(good, bad, query)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)

    def gap(direction: np.ndarray) -> float:
        return float((x[y == 0] @ direction).mean() - (x[y == 1] @ direction).mean())

    assert gap(query / np.linalg.norm(query)) < 0.1
    assert gap(found) > 0.3
    assert gap(heads.feedback(good, bad, query, strength=0.1)) > gap(found) + 0.2
    held = heads.feedback(good, bad, query, strength=1e6)
    assert held == pytest.approx(query / np.linalg.norm(query), abs=1e-3)
    alone = heads.feedback(good, bad[:0])
    assert (x[y == 0] @ alone).mean() > (x[y == 1] @ alone).mean() + 0.5
    assert heads.feedback(good[:0], bad[:0], query) == pytest.approx(held, abs=1e-3)


def test_feedback_without_a_direction() -> None:
    one = np.eye(1, 8, dtype=np.float32)
    with pytest.raises(InputError, match="at least one good"):
        heads.feedback(one[:0], one)
    with pytest.raises(InputError, match="contradict"):
        heads.feedback(np.zeros((1, 8), np.float32), one[:0])


def test_feedback_needs_no_torch() -> None:
    import subprocess

    code = "import numpy as np, sys; from geoglot.nn.heads import feedback; feedback(np.eye(2, 4), np.eye(2, 4)[::-1] * .5); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(2, 4), st.integers(0, 1000))
def test_folds_keep_groups_and_spread_classes(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(classes * count * 2), rng.integers(1, 4, classes * count * 2))
    y = groups % classes
    fold = folds.split(y, groups, count)
    assert all(len(set(fold[groups == g])) == 1 for g in set(groups))
    for k in range(classes):
        held = np.bincount(fold[y == k], minlength=count)
        assert held.min() > 0


def test_the_choice_avoids_a_bad_setting() -> None:
    x, y = blobs(48)
    fits = {"bad": lambda a, b: heads.fit_linear(a, b, 3, 1e4), "good": lambda a, b: heads.fit_linear(a, b, 3, 1e-3)}
    assert folds.choose(fits, x, y, np.arange(48), 3, 4) == "good"
    # with one group a class nothing can be held out
    assert folds.choose(fits, x[:3], y[:3], np.arange(3), 3, 4) == "bad"


def test_checked_answers_are_held_out() -> None:
    """Labels at random cannot be told: a check that leaked would be right about all of them."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 8)).astype(np.float32)
    y = rng.integers(0, 2, 60)
    twins = np.concatenate([x, x]), np.concatenate([y, y]), np.tile(np.arange(60), 2)
    fits = {"probe": lambda a, b: heads.fit_linear(a, b, 2, 1e-4)}
    made = folds.check(fits, twins[0], twins[1], twins[2], 2, 5)
    assert 0.25 < (made.answers == twins[1]).mean() < 0.75


@pytest.mark.parametrize("kind", ["linear", "adapter"])
def test_a_head_comes_back_from_its_file(kind: str, tmp_path: Path) -> None:
    x, y = blobs(12)
    fitted = heads.fit_linear(x, y, 3, 1e-3)
    head = fitted if kind == "linear" else heads.AdapterHead(fitted.weight, x, y, np.array([3.0, 3.0], np.float32))
    card = heads.HeadCard(("a", "b", "c"), SPEC.name, SPEC.hash, {"tile": 64, "gsd": None}, {"accuracy": 1.0})
    path = heads.save(tmp_path / "head.safetensors", head, card)
    back, told = heads.load(path, SPEC)
    assert told == card
    assert np.array_equal(back.logits(x), head.logits(x))
    with pytest.raises(ModelMismatchError, match="m@1"):
        heads.load(path, replace(SPEC, hash="b" * 32))


def test_files_that_are_no_heads(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="--save"):
        heads.load(tmp_path / "absent.safetensors", SPEC)
    path = tmp_path / "head.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a readable head"):
        heads.load(path, SPEC)
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros((2, 2), np.float32)}, path, metadata={"format": "other"})
    with pytest.raises(ModelError, match="no head of this version"):
        heads.load(path, SPEC)
    card = json.dumps({"names": ["a"], "model": "m@1", "hash": SPEC.hash})
    save_file({"weight": np.zeros((2, 2), np.float32)}, path, metadata={"format": heads.FORMAT, "kind": "linear", "card": card})
    with pytest.raises(ModelError, match="not a readable head"):
        heads.load(path, SPEC)
