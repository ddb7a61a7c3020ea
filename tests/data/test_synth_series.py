"""Dates of one place: lasting change exact to the pixel, seasons and movers apart, sentences and questions about both."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest

from geoglot.core.errors import InputError
from geoglot.data.synth import CLASSES, landscape
from geoglot.data.synth.changes import WORKS, happen
from geoglot.data.synth.edit import AWAY, covers, hidden, leveled, moving, present
from geoglot.data.synth.instances import numbered
from geoglot.data.synth.questions import balanced
from geoglot.data.synth.series import Pair, pair, series

SPRING, SUMMER, AUTUMN = (datetime(2020, 4, 20, tzinfo=UTC), datetime(2021, 7, 10, tzinfo=UTC), datetime(2022, 10, 5, tzinfo=UTC))
MOVERS = [CLASSES.index(name) for name in ("ship", "vehicle", "airplane")]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    made = []
    for seed, kind, change in (
        (1, "river", "houses"),
        (2, "farmland", "solar park"),
        (4, "woods", "clearing"),
        (4, "harbour", "filled land"),
    ):
        made.append(pair(seed, kind, gsd=2.0, size=256, dates=(SPRING, SUMMER), changes=[change]))
    made.append(pair(8, "river", gsd=2.0, size=256, dates=(SPRING, SUMMER), changes=0))
    return made


def test_no_pixel_changes_beyond_the_masks(pairs):
    for p in pairs:
        masks = np.stack([p.lasting, p.seasonal, p.transient])
        assert masks.sum(axis=0).max() <= 1
        same = ~masks.any(axis=0)
        assert np.array_equal(p.before.ground[same], p.after.ground[same])
        assert np.array_equal(p.before.state[same], p.after.state[same])
        assert np.array_equal(p.lasting, p.old != p.new)


def test_lasting_change_lies_on_the_ground_of_its_event(pairs):
    for p in pairs[:4]:
        assert len(p.events) == 1
        ground = np.asarray(numbered([g * 1.0 for g in p.grounds], p.lasting.shape)) > 0
        grown = ground.copy()
        for axis in (0, 1):
            grown |= np.roll(ground, 1, axis) | np.roll(ground, -1, axis)
        assert p.lasting.sum() > 200
        assert not (p.lasting & ~grown).any()
        assert (p.lasting & ground).sum() > 0.5 * p.lasting.sum()
    assert not pairs[4].lasting.any()
    assert pairs[4].events == ()


def test_seasons_change_states_and_only_banks_change_cover(pairs):
    for p in pairs:
        assert p.seasonal.mean() > 0.02
        moved = p.seasonal & (p.before.ground != p.after.ground)
        wet = CLASSES.index("water")
        assert ((p.before.ground[moved] == wet) | (p.after.ground[moved] == wet)).all()
        assert (np.isin(p.before.ground[p.transient], MOVERS) | np.isin(p.after.ground[p.transient], MOVERS)).all()
    assert pairs[3].transient.any(), "ships of a harbour come and go"


def test_classes_from_and_to_add_up(pairs):
    for p in pairs:
        turned = p.turned()
        assert sum(share for _, _, share in turned) == pytest.approx(p.lasting.mean())
        assert all(a != b for a, b, _ in turned)
    assert pairs[1].turned()[0][0] in ("crops", "grass", "bare")
    assert any(b == "solar" for _, b, _ in pairs[1].turned())
    assert pairs[2].turned()[0][:2] == ("forest", "bare")
    assert pairs[3].turned()[0][0] == "water"


def test_change_is_told_and_asked(pairs):
    for p, words in zip(pairs[:4], (r"houses|residential", "solar", "cleared|felled", "water"), strict=True):
        assert any(re.search(words, text) for text in p.captions), p.captions
        answers = {q.key: q.answer for q in p.questions}
        assert answers.get("any change", "yes") == "yes"
        assert answers.get("number of changes", "1") == "1"
        for name in WORKS:
            if f"change {name}" in answers:
                assert answers[f"change {name}"] == ("yes" if name == p.events[0].kind else "no")
    calm = pairs[4]
    assert any("nothing" in t or "no lasting" in t or "stayed the same" in t for t in calm.captions)
    assert {q.key: q.answer for q in calm.questions}.get("any change", "no") == "no"
    assert calm.questions
    assert calm.turns[0].question == calm.questions[0].question


def test_what_clouds_hide_is_not_told():
    p = pair(2, "farmland", gsd=2.0, size=256, dates=(SPRING, SUMMER), changes=["solar park"], clouds=(0.0, 1.0))
    assert p.lasting.any()
    assert not p.visible.any()
    assert not any("solar" in text for text in p.captions)
    assert not any("solar" in q.question and q.answer == "yes" for q in p.questions)


def test_series_keep_what_was_built():
    s = series(5, "farmland", gsd=4.0, size=128, dates=(SPRING, SUMMER, AUTUMN), changes=2)
    assert len(s.views) == 3
    assert sum(len(e) for e in s.events) == 2
    whole, first, second = s.pair(), s.pair(0, 1), s.pair(1, 2)
    assert whole.events == first.events + second.events
    assert np.array_equal(whole.old, first.old)
    assert np.array_equal(first.new, second.old)
    assert len({v.raster.time for v in s.views}) == 3
    again = series(5, "farmland", gsd=4.0, size=128, dates=(SPRING, SUMMER, AUTUMN), changes=2)
    assert all(np.array_equal(a.raster.data, b.raster.data) for a, b in zip(s.views, again.views, strict=True))
    assert again.pair().captions == whole.captions


def test_radar_pairs_keep_the_orbit():
    p = pair(4, "harbour", gsd=4.0, size=128, sensor="sentinel-1", dates=(SPRING, SUMMER), changes=["filled land"])
    assert p.before.shot.radar == p.after.shot.radar
    assert not any("harvest" in text or "leaves" in text for text in p.captions)
    calm = ~(p.lasting | p.seasonal | p.transient)
    gap = np.abs(p.before.raster.data[0] - p.after.raster.data[0])
    assert gap[p.lasting].mean() > gap[calm].mean()


def test_answers_about_change_do_not_leak_once_balanced(pairs):
    kept = [q for q in balanced(q for p in pairs for q in p.questions) if q.kind == "yes/no"]
    for key in {q.key for q in kept}:
        answers = [q.answer for q in kept if q.key == key]
        assert answers.count("yes") == answers.count("no")


def test_edits_keep_every_other_shape():
    world = landscape(4, "harbour", 900)
    grid = world.grid(4.0, 160)
    before = covers(world, grid)
    owner, numbers = moving(world)
    assert (owner >= 0).sum() > 20
    gone = hidden(world, owner >= 0)
    assert gone.drawing.coords.max() > AWAY / 2
    after = covers(gone, grid)
    assert np.isin(before[before != after], MOVERS).all()
    assert not np.isin(after, MOVERS).any()
    half = present(world, 0.5, 1)
    assert 0.3 < len([t for t in half.things if t.label in ("ship", "vehicle")]) / len(numbers) < 0.7


def test_water_rises_and_falls():
    world = landscape(5, "river", 900)
    grid = world.grid(2.0, 300)
    wet = [(covers(leveled(world, d), grid) == CLASSES.index("water")).sum() for d in (-4.0, 0.0, 4.0)]
    assert wet[0] < wet[1] < wet[2]


@pytest.mark.parametrize("kind", sorted(WORKS))
def test_each_kind_of_change_finds_room(kind):
    place = {"clearing": "forest", "filled land": "lakes"}.get(kind, "farmland")
    world = landscape(3, place, 1400)
    grid = world.grid(4.0, 300)
    changed, event = happen(world, grid, kind, 7)
    assert event.kind == kind
    assert (covers(world, grid) != covers(changed, grid)).sum() > 30


def test_bad_requests_say_what_to_do():
    with pytest.raises(InputError, match="later"):
        series(1, "forest", gsd=4.0, size=32, dates=(SUMMER, SPRING))
    with pytest.raises(InputError, match="solar park"):
        pair(1, "forest", gsd=4.0, size=32, dates=(SPRING, SUMMER), changes=["volcano"])
    with pytest.raises(InputError, match="no free ground"):
        pair(1, "desert", gsd=4.0, size=64, dates=(SPRING, SUMMER), changes=["filled land"])
    with pytest.raises(InputError, match="shares of cloud"):
        pair(1, "desert", gsd=4.0, size=32, dates=(SPRING, SUMMER), clouds=(0.1, 0.2, 0.3))
