"""Changes of samples: pixels, masks, boxes and words go together, and what is still said is true."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoglot.core.errors import InputError
from geoglot.data.sample import Mask, Picture, Sample, Thing, Turn
from geoglot.data.transform import Coarsen, Crop, Recolour, Shown, TurnChange, Views, chain
from geoglot.geo.symmetry import ALL, Symmetry
from geoglot.text import sentences

NAMES = ("land", "ship")
HEIGHT, WIDTH = 24, 32


def scene(boxes: list[tuple[int, int, int, int]]) -> Shown:
    """Ships are bright boxes (column, row, width, height) on dark ground; captions, questions and masks from them."""
    pixels = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    things = []
    for col, row, w, h in boxes:
        pixels[row : row + h, col : col + w] = 200
        mask[row : row + h, col : col + w] = 1
        corners = ((col, row), (col + w, row), (col + w, row + h), (col, row + h))
        things.append(Thing.outlined("ship", tuple((x / WIDTH, y / HEIGHT) for x, y in corners), {"ref": "the ship on the left"}))
    number = sentences.quantity(len(boxes), "ship")[0] if boxes else "no ships"
    sample = Sample(
        "x",
        "made",
        (),
        captions=(f"{number} in a harbour.", "a harbour.", "a ship at the top.", "a red roof", "the roof is red",
                  "a 2 m resolution image"),
        label="harbour",
        labels=("ships", "water"),
        things=tuple(things),
        cover={"land": float((mask == 0).mean()), "ship": float(mask.mean())},
        turns=(Turn("How many ships are there?", str(len(boxes))), Turn("Is there a ship?", "yes" if boxes else "no"),
               Turn("Where is the ship?", "upper left corner"), Turn("What is this?", "a harbour")),
        gsd=2.0,
        lonlat=(1.0, 2.0),
    )  # fmt: skip
    return Shown((pixels,), {"cover": mask}, sample, {"cover": NAMES})


BOXES = st.lists(st.tuples(st.integers(0, 27), st.integers(0, 19), st.integers(3, 5), st.integers(3, 5)), max_size=4)


def equal(a: Shown, b: Shown) -> bool:
    same = all(np.array_equal(p, q) for p, q in zip(a.pixels, b.pixels, strict=True))
    return same and np.array_equal(a.masks["cover"], b.masks["cover"])


@given(BOXES, st.sampled_from([s for s in ALL if s.inverse == s]))
def test_a_change_that_undoes_itself_gives_the_sample_back(boxes: list[tuple[int, int, int, int]], symmetry: Symmetry) -> None:
    before = scene(boxes)
    after = chain([TurnChange(symmetry), TurnChange(symmetry)])(before)
    assert equal(before, after)
    assert set(after.sample.captions) <= set(before.sample.captions)
    assert set(after.sample.turns) <= set(before.sample.turns)
    for old, new in zip(before.sample.things, after.sample.things, strict=True):
        assert new.box == pytest.approx(old.box)
        assert np.allclose(new.outline, old.outline)
        assert set(new.attributes.items()) <= set(old.attributes.items())
    if symmetry.turns % 2 == 0:
        assert after.sample.captions == before.sample.captions


@given(BOXES, st.sampled_from(ALL))
def test_boxes_and_outlines_lie_on_the_turned_pixels(boxes: list[tuple[int, int, int, int]], symmetry: Symmetry) -> None:
    after = TurnChange(symmetry)(scene(boxes))
    drawn = np.zeros(after.size, bool)
    for thing in after.sample.things:
        x0, y0, x1, y1 = thing.box
        drawn[round(y0 * after.size[0]) : round(y1 * after.size[0]), round(x0 * after.size[1]) : round(x1 * after.size[1])] = True
        assert thing.oriented(after.size).area == pytest.approx((x1 - x0) * (y1 - y0) * after.size[0] * after.size[1])
    assert np.array_equal(drawn, after.masks["cover"] == 1)
    assert np.array_equal(drawn, after.pixels[0][..., 0] == 200)


def test_words_turn_along() -> None:
    after = TurnChange(Symmetry(0, True))(scene([(1, 1, 4, 4)])).sample
    assert "a ship at the top." in after.captions
    assert after.turns[2].answer == "upper right corner"
    assert after.things[0].attributes == {"ref": "the ship on the right"}
    after = TurnChange(Symmetry(2))(scene([(1, 1, 4, 4)])).sample
    assert "a ship at the bottom." in after.captions
    assert after.turns[2].answer == "lower right corner"


@given(BOXES, st.integers(0, 10), st.integers(0, 10), st.integers(6, 14), st.integers(6, 22))
def test_a_crop_counts_again(boxes: list[tuple[int, int, int, int]], row: int, col: int, h: int, w: int) -> None:
    before = scene(boxes)
    after = Crop((row, col, h, w))(before)
    assert after.pixels[0].shape == (h, w, 3)
    assert np.array_equal(after.masks["cover"] == 1, after.pixels[0][..., 0] == 200)
    assert after.sample.cover.get("ship", 0) == pytest.approx(float(after.masks["cover"].mean()))
    count = len(after.sample.things)
    answers = {turn.question: turn.answer for turn in after.sample.turns}
    if boxes:
        assert answers["How many ships are there?"] == str(count)
        assert answers["Is there a ship?"] == ("yes" if count else "no")
    assert "Where is the ship?" not in answers
    assert "a ship at the top." not in after.sample.captions
    for text in after.sample.captions:
        for number, name in enumerate(sentences.NUMBERS):
            if re.search(rf"\b{name} ships?\b", text):
                assert number == count, text
    for thing in after.sample.things:
        assert all(0 <= v <= 1 for v in (*thing.box, *(v for point in thing.outline for v in point)))


def test_a_crop_of_everything_changes_nothing() -> None:
    before = scene([(1, 1, 4, 4), (10, 10, 4, 4)])
    after = Crop((0, 0, HEIGHT, WIDTH))(before)
    assert equal(before, after)
    assert after.sample.captions == before.sample.captions
    assert after.sample.turns == before.sample.turns
    small = Crop((0, 0, 8, 8))(before)
    assert small.sample.captions == ()
    assert small.sample.label == "harbour"
    assert [t.question for t in small.sample.turns] == ["How many ships are there?", "Is there a ship?"]
    with pytest.raises(InputError, match="leaves the picture"):
        Crop((0, 0, 30, 8))(before)


@pytest.mark.parametrize("kind", ["grey", "swapped", "inverted"])
def test_colours_go_from_words(kind: str) -> None:
    before = scene([(1, 1, 4, 4)])
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    after = Recolour(kind)(replace(before, pixels=(pixels,)))  # type: ignore[arg-type]
    assert not np.array_equal(after.pixels[0], pixels)
    assert "a roof" in after.sample.captions
    assert not any("red" in text for text in after.sample.captions)
    assert after.sample.things == before.sample.things


def test_what_is_too_small_is_not_spoken_of() -> None:
    before = scene([(1, 1, 4, 4), (10, 10, 16, 4)])
    after = Coarsen(2.0)(before)
    assert after.size == (12, 16)
    assert after.masks["cover"].shape == (12, 16)
    assert len(after.sample.things) == 1
    assert after.sample.gsd == 4.0
    assert "a 4 m resolution image" in after.sample.captions
    assert not any("two ships" in text for text in after.sample.captions)
    assert not any("many" in turn.question for turn in after.sample.turns)
    assert Coarsen(4.0)(scene([(1, 1, 4, 4)])).sample.labels == ("water",)
    with pytest.raises(InputError, match="at least 1"):
        Coarsen(0.5)


def test_drawn_changes_are_those_of_the_generator() -> None:
    before = scene([(1, 1, 4, 4), (10, 10, 16, 4)])
    config = Views(coarse=0.5, colour=0.5)
    one, two = (config.draw(before.size, np.random.default_rng(7))(before) for _ in range(2))
    assert equal(one, two)
    assert one.sample == two.sample
    sizes = {config.draw(before.size, np.random.default_rng(seed))(before).size for seed in range(12)}
    assert len(sizes) > 4


def test_samples_are_shown_from_files(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 3), 9, np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full((8, 8), 1, np.uint8)).save(tmp_path / "m.png")
    masks = {"cover": Mask(tmp_path / "m.png", {1: "water"})}
    shown = Shown.of(Sample("a", "b", (Picture(tmp_path / "a.png"),), masks=masks, cover={"water": 1.0}))
    assert shown.size == (8, 8)
    assert shown.sample.pictures == ()
    assert Crop((0, 0, 4, 4))(shown).sample.cover == {"water": 1.0}
