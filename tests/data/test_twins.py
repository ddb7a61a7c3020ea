"""Pairs whose change is known exactly: what is rendered, pasted, cut, averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoglot.data.build import twins
from geoglot.data.build.twins import Twin, TwinViewConfig

PLAIN = TwinViewConfig(size=64, zoom=(1.0, 1.0), small=(1.0, 1.0), apart=0.0, same=0.0, edge=0.0)


def twin(gsd: float = 1.0) -> Twin:
    rng = np.random.default_rng(0)
    before = rng.integers(40, 90, (90, 100, 3), dtype=np.uint8)
    after, changed = before.copy(), np.zeros((90, 100), np.bool_)
    after[30:60, 30:60], changed[30:60, 30:60] = 240, True
    judged = np.ones_like(changed)
    judged[:5] = False
    return Twin("drawn", before, after, changed, judged, gsd)


def test_places_are_rendered_once_with_all_pairs_of_dates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "SIDE", 160)
    monkeypatch.setattr(twins, "GSDS", (2.0,))
    found = twins.rendered(1, tmp_path)
    assert len(found) == 3
    assert len(list(tmp_path.glob("*.npz"))) == 1
    monkeypatch.setattr(twins, "_render", lambda *given: pytest.fail("rendered again"))
    again = twins.rendered(1, tmp_path)
    for one, other in zip(found, again, strict=True):
        assert np.array_equal(one.after, other.after)
        assert one.before.shape == (160, 160, 3)
    assert any(one.changed.any() for one in found)
    # what changed by the second date had changed by the third, but where it changed once more or a cloud hides it
    first, both = found[0], found[1]
    assert (both.changed | ~both.judged)[first.changed].mean() > 0.5


def test_averages_know_what_is_changed_in_part() -> None:
    made = twins.averaged(twin(10.0), 4)
    assert made.gsd == 40
    assert made.before.shape == (22, 25, 3)
    assert made.before[3, 3] == pytest.approx(twin().before[12:16, 12:16].mean((0, 1)), abs=0.5)
    assert made.changed[8:14, 8:14].all()
    assert not made.judged[7, 10]  # half of its rows are changed
    assert not made.judged[0].any()


def test_a_view_shows_the_same_ground_at_both_dates() -> None:
    one = twin()
    for number in range(8):
        found = twins.view(one, PLAIN, np.random.default_rng(number))
        gap = np.abs(found.before.astype(int) - found.after).mean(-1)
        assert (gap[found.changed] > 100).mean() > 0.9
        assert gap[~found.changed].mean() < 6  # but the edges of what changed
        assert found.valid.all()
    again = twins.view(one, PLAIN, np.random.default_rng(7))
    assert np.array_equal(again.after, found.after)
    assert found.changed.shape == found.judged.shape == (64, 64)


def test_dates_lie_a_little_apart_and_edges_are_missing() -> None:
    config = PLAIN.model_copy(update={"apart": 3.0, "edge": 1.0})
    views = [twins.view(twin(), config, np.random.default_rng(k), about=False) for k in range(6)]
    assert all(0 < (~view.valid).mean() < 0.6 for view in views)
    assert any(not np.array_equal(view.before[~view.changed], view.after[~view.changed]) for view in views)


def test_what_is_pasted_is_marked_where_it_can_be_seen() -> None:
    rng = np.random.default_rng(3)
    pictures = [np.full((80, 80, 3), value, np.uint8) for value in (60, 200)]
    changed = 0
    for _ in range(12):
        found = twins.pasted(pictures, PLAIN, rng)
        gap = np.abs(found.before.astype(int) - found.after).mean(-1)
        light = np.abs(gap - np.median(gap))
        changed += int(found.changed.sum())
        assert (gap[found.changed] > 15).all() or light[found.changed].mean() > 15
    assert changed > 200
    plain = [twins.pasted(pictures, PLAIN.model_copy(update={"same": 1.0}), rng) for _ in range(4)]
    assert not any(view.changed.any() for view in plain)
    # a picture pasted into itself changes nothing that anybody could see
    alone = [twins.pasted(pictures[:1], PLAIN, rng) for _ in range(4)]
    assert not any(view.changed.any() for view in alone)
    assert any(not view.judged.all() for view in alone)


def test_real_pictures_are_of_one_date_and_of_the_split(real_data: Path) -> None:
    found = twins.real(real_data, "val", kept={"ucm": 3})
    assert len(found) == 3
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in found)
