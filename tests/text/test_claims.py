"""Colours, sizes, numbers and resolution in sentences are taken out or put right, or the sentence goes."""

import pytest

from geoglot.text.claims import recount, rescaled, without_colours, without_sizes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("some green trees are near a white building .", "some trees are near a building ."),
        ("red and white roofs", "roofs"),
        ("black, grey and white cars", "cars"),
        ("dark green trees", "trees"),
        ("an orange roof", "a roof"),
        ("a white airplane", "an airplane"),
        ("Green trees by the water", "Trees by the water"),
        ("the roof is red", None),
        ("the roofs are red and white", None),
        ("a greenhouse near the road", "a greenhouse near the road"),
        ("green houses near the road", "green houses near the road"),
        ("the golf course is green with trees", None),
        ("an island in the Red Sea", "an island in the Red Sea"),
        ("many trees", "many trees"),
    ],
)
def test_colours(text: str, wanted: str | None) -> None:
    assert without_colours(text) == wanted


def test_sizes() -> None:
    assert without_sizes("a very large building and small cars") == "a building and cars"
    assert without_sizes("the building is large") is None


def test_resolution() -> None:
    assert rescaled("an image at 0.3 m resolution, 30 cm per pixel, 20 m wide", 4) == (
        "an image at 1.2 m resolution, 120 cm per pixel, 20 m wide"
    )


SHIPS = {"ship": 5, "bridge": 1}


@pytest.mark.parametrize(
    ("text", "after", "wanted"),
    [
        ("five ships in a port.", {"ship": 3, "bridge": 1}, "three ships in a port."),
        ("there are 5 ships.", {"ship": 3, "bridge": 1}, "there are 3 ships."),
        ("There are five ships.", {"ship": 1, "bridge": 1}, "There is one ship."),
        ("five ships are in a port.", {"ship": 1, "bridge": 1}, None),
        ("five ships in a port.", {"ship": 0, "bridge": 1}, None),
        ("four ships in a port.", {"ship": 3, "bridge": 1}, None),
        ("several ships in a port.", {"ship": 4, "bridge": 1}, "several ships in a port."),
        ("several ships in a port.", {"ship": 2, "bridge": 1}, None),
        ("many ships in a port.", {"ship": 4, "bridge": 1}, None),
        ("ships and a bridge.", {"ship": 2, "bridge": 1}, "ships and a bridge."),
        ("ships and a bridge.", {"ship": 1, "bridge": 1}, None),
        ("ships and a bridge.", {"ship": 5, "bridge": 0}, None),
        ("a port.", {"ship": 0, "bridge": 0}, "a port."),
        ("a ship in a port.", {"ship": 2, "bridge": 1}, "a ship in a port."),
    ],
)
def test_numbers(text: str, after: dict[str, int], wanted: str | None) -> None:
    assert recount(text, SHIPS, after) == wanted
