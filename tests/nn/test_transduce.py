"""Label-free adaptation on made-up features: clusters whose words point a little aside."""

from __future__ import annotations

import numpy as np
import pytest

from geoglot.core.errors import InputError
from geoglot.nn import transduce


def clusters(counts: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (N, 16) of classes, the vectors of their words, which lie nearer to each other, and the truth."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    centres = np.eye(len(counts), 16)
    x = centres[y] + 0.22 * rng.standard_normal((len(y), 16))
    words = 0.5 * centres + 0.5 * np.roll(centres, 1, axis=0) * 0.8 + 0.05 * rng.standard_normal(centres.shape)
    unit = lambda v: (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)  # noqa: E731
    return unit(x), unit(words), y


@pytest.mark.parametrize("method", [transduce.gauss, transduce.transport])
def test_pictures_teach_each_other(method) -> None:
    x, words, y = clusters((60, 60, 60, 60))
    made = method(x, words, 0.05)
    assert made.shape == (240, 4)
    assert made.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.isfinite(made).all()
    alone = ((x @ words.T).argmax(1) == y).mean()
    assert (made.argmax(1) == y).mean() > max(alone, 0.85)
    assert np.array_equal(made, method(x, words, 0.05))


def test_labels_that_are_nowhere_take_little() -> None:
    """Two of six labels are there; answers by words alone are the measure."""
    x, words, y = clusters((80, 80, 0, 0, 0, 0))
    alone = ((x @ words.T).argmax(1) == y).mean()
    assert (transduce.gauss(x, words, 0.05).argmax(1) == y).mean() >= alone


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_pictures(count: int) -> None:
    x, words, _ = clusters((count, 0, 0))
    for method in (transduce.gauss, transduce.transport):
        assert np.isfinite(method(x[:count], words, 0.05)).all()


def test_sinkhorn_keeps_both_margins() -> None:
    rng = np.random.default_rng(0)
    share = np.array([0.5, 0.3, 0.2])
    plan = transduce.sinkhorn(rng.standard_normal((200, 3)), share, 200)
    assert plan.sum(axis=1) == pytest.approx(1)
    assert plan.mean(axis=0) == pytest.approx(share, abs=1e-3)


def test_neighbours_are_the_nearest_others() -> None:
    x, _, _ = clusters((30, 30))
    near, weight = transduce.neighbours(x, 4)
    whole = x @ x.T
    np.fill_diagonal(whole, -np.inf)
    assert np.array_equal(np.sort(near, axis=1), np.sort(np.argsort(-whole, axis=1)[:, :4], axis=1))
    assert weight == pytest.approx(np.maximum(np.take_along_axis(whole, near, axis=1), 0))


def test_too_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transduce, "MOST", 10)
    x, words, _ = clusters((6, 6))
    with pytest.raises(InputError, match="teach each other"):
        transduce.gauss(x, words, 0.05)
