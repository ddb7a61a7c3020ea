"""Colours of labels."""

from __future__ import annotations

from geoglot.text.colours import colours
from geoglot.text.templates import NONE


def test_words_have_the_colours_that_maps_use() -> None:
    found = colours(["dense forest", "open water", "farmland", "residential buildings", NONE])
    assert found["open water"] == "#0072b2"
    assert found["dense forest"] == "#00693e"
    assert found["farmland"] == "#e6b800"
    assert found["residential buildings"] == "#d2492a"
    assert found[NONE] == "#9a9a9a"


def test_only_whole_words_count() -> None:
    found = colours(["research station", "parking lot", "icecream"])
    assert found["parking lot"] == "#5f5f6b"
    assert "#0072b2" not in found.values()


def test_no_colour_is_given_twice() -> None:
    names = ["water", "lake", "sea", "river", "ocean", *(f"thing {i}" for i in range(40))]
    found = colours(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)


def test_the_first_label_of_a_meaning_has_its_colour_and_unknown_ones_never_take_it() -> None:
    found = colours(["xyz", "lake", "river"])
    assert found["lake"] == "#0072b2"
    assert len(set(found.values())) == 3
