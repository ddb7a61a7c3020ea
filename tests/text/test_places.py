"""Sentences on places, relations and shares hold for the boxes and masks that they were made of, turned or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglot.geo.symmetry import ALL, Symmetry
from geoglot.text import places
from geoglot.text.directions import rewrite

COORDINATE = st.floats(0.01, 0.9)
BOX = st.builds(
    lambda x, y, w, h: (x, y, min(x + w, 1.0), min(y + h, 1.0)),
    COORDINATE,
    COORDINATE,
    st.floats(0.02, 0.3),
    st.floats(0.02, 0.3),
)


def test_spots() -> None:
    assert places.spot((0.0, 0.0, 0.1, 0.1)) == "in the upper left corner"
    assert places.spot((0.8, 0.45, 0.9, 0.55)) == "on the right"
    assert places.spot((0.45, 0.9, 0.55, 1.0)) == "at the bottom"
    assert places.spot((0.45, 0.45, 0.55, 0.55)) == "in the middle"
    assert places.spot((0.36, 0.7, 0.44, 0.8)) is not None
    assert places.spot((0.0, 0.0, 0.9, 0.9)) is None


def test_positions_are_counted() -> None:
    ships = [("ship", (0.0, 0.0, 0.1, 0.1)), ("ship", (0.1, 0.1, 0.2, 0.2)), ("tank", (0.45, 0.9, 0.55, 1.0))]
    assert places.from_positions(ships) == [
        "two ships in the upper left corner.", "there are two ships in the upper left corner of the image.",
        "all ships are in the upper left corner.", "a tank at the bottom.", "there is a tank at the bottom of the image.",
    ]  # fmt: skip


def test_relations_are_of_things_alone_of_their_kind() -> None:
    a, b = ("ship", (0.1, 0.4, 0.2, 0.5)), ("bridge", (0.3, 0.4, 0.5, 0.5))
    found = places.from_relations([a, b])
    assert found == ["a ship to the left of a bridge.", "a bridge to the right of a ship."]
    assert places.from_relations([a, a, b]) == []
    assert "a ship next to a bridge." in places.from_relations([("ship", (0.1, 0.4, 0.28, 0.5)), b])
    assert places.relation((0.2, 0.2, 0.3, 0.3), (0.1, 0.1, 0.5, 0.5)) == "inside"
    assert places.relation((0.1, 0.1, 0.3, 0.3), (0.2, 0.2, 0.4, 0.4)) is None


def test_the_largest_is_named_by_a_margin() -> None:
    small, large = ("ship", (0.4, 0.4, 0.45, 0.45)), ("ship", (0.0, 0.0, 0.2, 0.2))
    assert places.from_sizes([small, large]) == ["the largest ship is in the upper left corner."]
    assert places.from_sizes([small, ("ship", (0.0, 0.0, 0.06, 0.05))]) == []


@given(BOX, st.sampled_from(ALL))
def test_a_spot_turns_with_its_box(box: places.Box, symmetry: Symmetry) -> None:
    place, moved = places.spot(box), places.spot(symmetry.bounds(*box))
    assert (place is None) == (moved is None)
    if place is not None:
        assert rewrite(f"a ship {place} of the image.", symmetry) == f"a ship {moved} of the image."


@given(BOX, BOX, st.sampled_from([Symmetry(0, True), Symmetry(2)]))
def test_relations_turn_with_their_boxes(a: places.Box, b: places.Box, symmetry: Symmetry) -> None:
    how, back = places.relation(a, b), places.relation(symmetry.bounds(*a), symmetry.bounds(*b))
    if how in ("to the left of", "to the right of"):
        assert rewrite(f"a ship {how} a bridge.", symmetry) == f"a ship {back} a bridge."
    if how == "to the left of":
        assert a[2] <= b[0]


def test_fractions() -> None:
    assert [places.fraction(share) for share in (1.0, 0.74, 0.66, 0.51, 0.33, 0.25, 0.1)] == [
        "all", "three quarters", "two thirds", "half", "a third", "a quarter", "a tenth",
    ]  # fmt: skip
    assert places.fraction(0.42) is None
    assert places.fraction(0.02) is None


def test_masks_in_words() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[:, :10] = 1
    found = places.from_mask(mask, {0: "farmland", 1: "water", 2: "buildings"})
    assert "about half of the image is water." in found
    assert "water is in the left half of the image." in found
    assert "farmland covers about half of the image." in found
    assert "there are no buildings." in found
    mask[:] = 255
    assert places.from_mask(mask, {0: "farmland"}) == []


@given(st.integers(0, 2**32 - 1), st.sampled_from(ALL))
def test_halves_turn_with_the_mask(seed: int, symmetry: Symmetry) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((12, 12), np.uint8)
    row, col, h, w = rng.integers(0, 9, 4)
    mask[row : row + h + 1, col : col + w + 1] = 1
    found = {rewrite(text, symmetry) for text in places.from_mask(mask, {0: "land", 1: "water"})}
    assert found == set(places.from_mask(symmetry.pixels(mask), {0: "land", 1: "water"}))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_shares_are_said_once(share: float) -> None:
    mask = np.zeros((10, 10), np.uint8)
    mask[: int(10 * share)] = 1
    texts = places.from_mask(mask, {0: "grass", 1: "water"})
    assert len(texts) == len(set(texts))
