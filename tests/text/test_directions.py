"""Sentences stay true of a turned picture, or are dropped."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglot.geo.symmetry import ALL, Symmetry
from geoglot.text.directions import names_direction, rewrite

MIRROR, TURN, HALF, FLIP = Symmetry(0, True), Symmetry(1), Symmetry(2), Symmetry(2, True)


@pytest.mark.parametrize(
    ("text", "symmetry", "wanted"),
    [
        ("a ship on the left .", MIRROR, "a ship on the right ."),
        ("a ship on the left .", TURN, "a ship at the bottom ."),
        ("a ship at the top of the image", TURN, "a ship on the left of the image"),
        ("a ship on the left of the pier", TURN, None),
        ("a ship on the left of the pier", HALF, "a ship on the right of the pier"),
        ("the tank is in the upper left corner", MIRROR, "the tank is in the upper right corner"),
        ("the tank is in the upper left corner", TURN, "the tank is in the lower left corner"),
        ("the tank is in the top-left corner", HALF, "the tank is in the bottom-right corner"),
        ("houses in the left part", TURN, "houses in the lower part"),
        ("houses on the left side and trees on the right side", FLIP, "houses on the left side and trees on the right side"),
        ("a road from left to right", MIRROR, "a road from right to left"),
        ("a road from left to right", TURN, None),
        ("houses to the north of the river", TURN, "houses to the west of the river"),
        ("the Northern bank", FLIP, None),
        ("Northern houses", FLIP, "Southern houses"),
        ("fields in the north-east", MIRROR, "fields in the north-west"),
        ("fields in the southwestern part", TURN, "fields in the southeastern part"),
        ("ships in the North Sea", MIRROR, None),
        ("ships turn clockwise", MIRROR, "ships turn counterclockwise"),
        ("ships turn clockwise", TURN, "ships turn clockwise"),
        ("a vertical road", TURN, "a horizontal road"),
        ("a vertical road", HALF, "a vertical road"),
        ("a ship at 2 o'clock", MIRROR, "a ship at 10 o'clock"),
        ("a ship at 12 o'clock", TURN, "a ship at 9 o'clock"),
        ("a ship at 12 o'clock", FLIP, "a ship at 6 o'clock"),
        ("the leftmost ship", MIRROR, "the rightmost ship"),
        ("the leftmost ship", TURN, "the bottommost ship"),
        ("houses above the river", MIRROR, "houses above the river"),
        ("houses above the river", FLIP, None),
        ("a car left the lot", MIRROR, None),
        ("two roads meet at right angles", MIRROR, "two roads meet at right angles"),
        ("a pool right next to the house", HALF, "a pool right next to the house"),
        ("tanks on top of a hill", TURN, "tanks on top of a hill"),
        ("the left bank of the river", HALF, None),
        ("Left side: trees", MIRROR, "Right side: trees"),
        ("a bright lake near the restaurant", TURN, "a bright lake near the restaurant"),
    ],
)
def test_rewriting(text: str, symmetry: Symmetry, wanted: str | None) -> None:
    assert rewrite(text, symmetry) == wanted


def test_directions_are_noticed() -> None:
    for text in ("the leftmost ship", "eastward", "at 3 o'clock", "in the lower half", "above the river"):
        assert names_direction(text), text
    for text in ("right angles", "on top of the roof", "a bright lake", "many plain houses"):
        assert not names_direction(text), text


WORDS = st.lists(
    st.sampled_from(
        "a ship the left right upper lower corner of on at in to north southern northeast east top bottom side part and road "
        "clockwise vertical river leftmost image .".split()
    ),
    max_size=12,
).map(" ".join)


@given(WORDS)
def test_a_mirror_twice_gives_the_sentence_back(text: str) -> None:
    for symmetry in (MIRROR, HALF, FLIP):
        once = rewrite(text, symmetry)
        if once is not None:
            assert rewrite(once, symmetry) == text


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), st.sampled_from(ALL), st.sampled_from(range(4)))
def test_what_is_said_is_true_of_the_turned_picture(x: float, y: float, symmetry: Symmetry, form: int) -> None:
    """A sentence is made from a place, turned, and read again by a rule of its own."""

    def say(u: float, v: float) -> str:
        across, down = ("left" if u < 0.5 else "right"), ("upper" if v < 0.5 else "lower")
        compass = ("north" if v < 0.5 else "south") + ("west" if u < 0.5 else "east")
        side = ("on the left" if u < 0.5 else "on the right") if abs(u - 0.5) > abs(v - 0.5) else (
            "at the top" if v < 0.5 else "at the bottom")  # fmt: skip
        hour = f"at {[12, 3, 6, 9][[(0, -1), (1, 0), (0, 1), (-1, 0)].index(_main(u, v))]} o'clock"
        return "a ship " + (f"in the {down} {across} corner", f"in the {compass}", side, hour)[form] + "."

    if min(abs(x - 0.5), abs(y - 0.5), abs(abs(x - 0.5) - abs(y - 0.5))) > 1e-6:
        assert rewrite(say(x, y), symmetry) == say(*symmetry.point(x, y))


def _main(u: float, v: float) -> tuple[int, int]:
    if abs(u - 0.5) > abs(v - 0.5):
        return (1 if u > 0.5 else -1), 0
    return 0, (1 if v > 0.5 else -1)


def test_nothing_of_the_hiding_is_left() -> None:
    found = rewrite("right angles on top of a hill, a ship on the left.", MIRROR)
    assert found == "right angles on top of a hill, a ship on the right."
    assert not re.search("\0", found)
