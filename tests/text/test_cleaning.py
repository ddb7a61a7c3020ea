"""Captions are cleaned without a change of what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoglot.text.cleaning import MISSPELT, clean, distinct, key, tidy


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("many  planes are parked\tin an airport .", "many planes are parked in an airport."),
        ("a bareland is arround the pond .", "a bare land is around the pond."),
        ("Bareland near houses", "Bare land near houses."),
        ("the sea beat the white spray on the beach(2 .", "the sea beat the white spray on the beach."),
        ("trees ,grass and a road ..", "trees, grass and a road."),
        ("many color`s cars .", "many colors cars."),
        ("1 .", ""),
        ("is there a ship ?", "is there a ship?"),
        ("  ", ""),
    ],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text) == wanted


@given(st.text(max_size=60))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert clean(clean(text)) == clean(text)


def test_a_right_word_is_no_misspelling() -> None:
    assert not {word for right in MISSPELT.values() for word in right.split(";")} & set(MISSPELT)


def test_repeats_are_told_by_their_words() -> None:
    texts = ["A port with boats .", "a port with the boats", "the port with boats.", "boats with a port", "1 ."]
    assert distinct(texts) == ["A port with boats.", "boats with a port."]
    assert key("A Port.") == key("the port") == "port"
