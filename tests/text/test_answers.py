"""Short answers in the words that they are compared in, word pieces, and agreement of sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglot.text.answers import kind_of, normal
from geoglot.text.consensus import agreed
from geoglot.text.pieces import ALL, END, LOCATE, Pieces, learn

SAME = [
    ("up and bottom", "top and bottom"),
    ("left center and right", "left, center and right"),
    ("right and left", "Left and right."),
    ("twenty-two", "22"),
    ("about fifty", "50"),
    ("the upper left", "top left"),
    ("lower left and upper right", "top right and bottom left"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_answers_that_say_the_same(one: str, other: str) -> None:
    assert normal(one) == normal(other)


def test_corners_are_not_mixed_up() -> None:
    assert normal("lower left and upper right") != normal("lower right and upper left")
    assert normal("top left") != normal("top and left")
    assert normal("yes") != normal("no")


@given(st.text(max_size=40))
def test_normal_words_stay(text: str) -> None:
    assert normal(normal(text)) == normal(text)


def test_kinds_of_questions() -> None:
    asked = (
        "How many cars in the picture?",
        "What is the location of the boats in this picture?",
        "Does this picture contain trees?",
    )
    assert [kind_of(question) for question in asked] == ["count", "place", "presence"]
    assert kind_of("What is the theme?") == "other"


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces(learn(["There are 2 ships, and a well-kept harbour by the water.", "the leftmost ship?"] * 3, 200))


def test_texts_come_back(pieces: Pieces) -> None:
    for text in ("there are 2 ships, and a harbour.", "the leftmost ship?", "a well-kept harbour"):
        assert pieces.words(pieces.ids(text)) == text


def test_no_text_becomes_a_mark(pieces: Pieces) -> None:
    marks = set(range(7)) - {pieces.unknown}
    assert not marks & set(pieces.ids(f"{LOCATE} {ALL} {END} [ASK] [loc]"))
    assert pieces.said(LOCATE) == [pieces.locate, pieces.end]
    assert pieces.said("the ship")[-1] == pieces.end


def test_what_most_agree_on_is_said() -> None:
    told = ["many ships in a harbour .", "many boats in a harbour .", "some ships are in a harbour .", "a green forest ."]
    assert agreed(told) in told[:3]
    assert agreed(["a", "b", "b"]) == "b"
    assert agreed(["only this"]) == "only this"
    assert agreed(["a b", "a c"], [0.0, 1.0]) == "a c"
