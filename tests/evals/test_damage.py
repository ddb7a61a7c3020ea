"""Damage: heads on pairs of vectors, and the figures beside the picture after alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoglot.core.errors import ModelMismatchError
from geoglot.evals.damage import Places, compare, lit, nearest, which
from geoglot.nn import heads, pairs


def places(count: int, seed: int) -> Places:
    """Places whose damage shows only beside what was there before."""
    rng = np.random.default_rng(seed)
    before = rng.normal(size=(count, 6)).astype(np.float32)
    damaged = before.copy()
    damaged[:, 0] += 1.5
    near, metres = nearest(np.stack([np.linspace(0, 1, count), np.zeros(count)], axis=1))
    return Places(before, before + 0.05, damaged, near, metres, np.arange(count) // 4)


def test_every_way_is_one_head_on_all_columns() -> None:
    x = pairs.columns(*np.random.default_rng(0).normal(size=(2, 40, 5)).astype(np.float32))
    y = (x[:, 0] - x[:, 5] > 0).astype(np.int64)
    assert x.shape == (40, 15)
    found = {name: fit(x, y) for name, fit in pairs.ways(5).items()}
    alone = found[f"{pairs.ALONE}, l2 0.0001"]
    assert not alone.arrays()["weight"][:, 5:].any()
    gap = found["difference, l2 0.0001"]
    weight = gap.arrays()["weight"]
    assert np.allclose(weight[:, :5], -weight[:, 5:10])
    assert (gap.logits(x).argmax(axis=1) == y).mean() > 0.9


def test_a_pair_tells_more_than_the_picture_after() -> None:
    told, head = compare(places(80, 0), places(60, 1))
    own = told["own, own"]
    assert own["value"] > 95 > told["alone, own"]["value"]
    assert own["low"] <= own["value"] <= own["high"]
    assert own["beside alone"]["low"] > 0
    assert told["both, next"]["value"] < own["value"]
    assert told["both, which"]["value"] == 100 > told["alone, which"]["value"] - 1e-9
    assert told["both, which"]["questions"] == 60
    assert head.arrays()["weight"].shape == (2, 18)
    assert np.allclose(head.arrays()["weight"][:, :6], -head.arrays()["weight"][:, 6:12])  # knows no order of its own


def test_which_of_two_is_a_question_of_order() -> None:
    asked = places(40, 2)
    weight = np.zeros((2, 18), np.float32)
    weight[1, 0], weight[1, 6] = 1, -1
    assert which(heads.LinearHead(weight, np.array([0, -9], np.float32)), asked).all()  # whatever its bias
    assert not which(heads.LinearHead(-weight, np.zeros(2, np.float32)), asked).any()


def test_light_of_another_flight() -> None:
    pixels = np.full((20, 24, 3), 120, np.uint8)
    one, other = (lit(pixels, np.random.default_rng(seed)) for seed in (0, 1))
    assert one.shape == (14, 18, 3)
    assert abs(float(one.mean()) - float(other.mean())) > 1


def test_a_head_for_pairs_is_no_head_for_pictures(tmp_path: Path) -> None:
    from geoglot import models

    spec = models.load("nano").spec
    path = Path(heads.__file__).parent.parent / "weights" / "nano.damage.safetensors"
    assert heads.load(path, spec, pairs.KIND)[1].names == pairs.NAMES
    with pytest.raises(ModelMismatchError, match="change --damage"):
        heads.load(path, spec)
