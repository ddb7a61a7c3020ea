"""What questions ask for, and what short answers say."""

from __future__ import annotations

import pytest

from geoglot.text import asking


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("How many ships are there?", "count", "ships"),
        ("How many trees in the picture?", "count", "trees"),
        ("how many small white ships can you see in the harbour", "count", "small white ships"),
        ("Count the storage tanks.", "count", "storage tanks"),
        ("What is the number of airplanes in this image?", "count", "airplanes"),
        ("Is there a river?", "presence", "river"),
        ("Are there any ships in this image?", "presence", "ships"),
        ("Does this picture contain an airplane?", "presence", "airplane"),
        ("Do you see a bridge", "presence", "bridge"),
        ("Where is the largest ship?", "where", "largest ship"),
        ("Locate the tennis court in the top left.", "where", "tennis court in the top left"),
        ("find all airplanes", "where", "airplanes"),
        ("How long is the runway?", "length", "runway"),
        ("How wide is the river?", "width", "river"),
        ("How large is the lake?", "area", "lake"),
        ("What is the area of the lake?", "area", "lake"),
        ("Describe this scene.", "caption", ""),
        ("What do you see?", "caption", ""),
        ("What colour is the roof?", "other", ""),
        ("Is the river wider than the road?", "other", ""),
    ],
)
def test_kinds_of_questions(text: str, kind: str, what: str) -> None:
    found = asking.read(text)
    assert (found.kind, found.what) == (kind, what)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3), ("There are 12 ships.", 12), ("three", 3), ("There are 3.", 3),
        ("1,200 houses", 1200), ("none", 0), ("There are no ships.", 0),
        ("a ship", 1), ("2 of 5", None), ("many", None), ("", None), ("between 3 and 4", None), ("two, that is 2", 2),
        ("0.5", None),
    ],
)  # fmt: skip
def test_the_number_of_an_answer(text: str, number: int | None) -> None:
    assert asking.number(text) == number


@pytest.mark.parametrize(
    ("text", "said"),
    [("Yes.", True), ("yes, two of them", True), ("no", False), ("There is no bridge.", False), ("There are two.", True),
     ("not sure", None), ("bridge", None), ("", None)],
)  # fmt: skip
def test_yes_and_no(text: str, said: bool | None) -> None:
    assert asking.affirmed(text) is said


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("What is the relation of the ship and the harbour?", "relation", ("ship", "harbour", "")),
        ("Is the car left of the building?", "relation", ("car", "building", "left")),
        ("Is the ship to the north of the pier", "relation", ("ship", "pier", "north")),
        ("How far is the ship from the quay?", "relation", ("ship", "quay", "distance")),
        ("How far apart are these?", "relation", ("", "", "distance")),
        ("How do these two lie to each other?", "relation", ("", "", "")),
        ("Where is the ship as seen from the harbour?", "relation", ("ship", "harbour", "")),
        ("Is there a road next to a river?", "presence", ("road next to a river", "", "")),
        ("Is the image taken near the sea?", "other", ("", "", "")),
        ("Which type of ship is this, and why?", "type", ("ship", "", "why")),
        ("What kind of airplane is shown in this image?", "type", ("airplane", "", "")),
    ],
)  # fmt: skip
def test_relations_and_types(text: str, kind: str, found: tuple[str, str, str]) -> None:
    read = asking.read(text)
    assert (read.kind, (read.what, read.other, read.how)) == (kind, found)
