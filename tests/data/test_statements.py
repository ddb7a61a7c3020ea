"""What is said of a sample, by kind."""

import numpy as np

from geoglot.data.build.statements import enriched, questions, statements
from geoglot.data.sample import Sample, Thing, Turn
from geoglot.data.transform import Crop, Shown, TurnChange
from geoglot.geo.symmetry import Symmetry

SAMPLE = Sample(
    "x",
    "made",
    (),
    captions=("A port .", "a port", "a port with arround ten ships ."),
    label="Port",
    labels=("docks", "water"),
    things=(Thing("ship", (0.0, 0.0, 0.1, 0.1)), Thing("ship", (0.8, 0.1, 0.9, 0.2)), Thing("bridge", (0.4, 0.4, 0.5, 0.5))),
    cover={"water": 0.75, "land": 0.25},
)
MASK = np.zeros((20, 20), np.uint8)
MASK[:5] = 1
SHOWN = Shown((np.zeros((20, 20, 3), np.uint8),), {"cover": MASK}, SAMPLE, {"cover": ("water", "land")})


def test_statements_by_kind() -> None:
    found = statements(SHOWN, {"Port": ("port",)})
    assert found["caption"] == ["A port.", "a port with around ten ships."]
    assert "a satellite photo of port." in found["class"]
    assert "there are docks and water in this image." in found["labels"]
    assert "two ships and a bridge in a satellite photo." in found["counts"]
    assert "a bridge in the middle." in found["positions"]
    assert "about three quarters of the image is water." in found["area"]
    turned = statements(TurnChange(Symmetry(2))(SHOWN), {})
    assert "a ship in the lower right corner." in turned["positions"]
    cut = statements(Crop((0, 0, 10, 10))(SHOWN), {})
    assert "a ship in a satellite photo." not in cut["counts"]
    assert any(text.startswith("a ship and a bridge") or text.startswith("a bridge and a ship") for text in cut["counts"])


def test_questions_are_answered_by_the_boxes() -> None:
    found = {turn.question: turn.answer for turn in questions(SAMPLE, ("ship", "bridge", "airplane"))}
    assert found["How many ships are there?"] == "2"
    assert found["Is there an airplane?"] == "no"
    assert found["Where is the bridge?"] == "in the middle"
    assert "Where is the ship?" not in found
    assert Turn("How many bridges are there?", "1") in enriched(SAMPLE, ("bridge",)).turns
