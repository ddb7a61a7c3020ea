"""What is pointed at, how things lie to one another, and of which type they are: by a chat that sees bright blobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from converse_kit import SPEC, Blobs, scene

from chat_kit import picture
from geoglot.core.errors import InputError
from geoglot.core.protocols import Reply, Said
from geoglot.geo.boxes import Box
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models.picture import Shown, facts
from geoglot.tasks.converse import Conversation, ask, caption, grammar, ground, relation
from geoglot.tasks.converse.types import reasons_in
from geoglot.text import codec

THREE = ((10, 12, 8, 8), (60, 80, 10, 20), (100, 30, 6, 6))
BOXES = [(c, r, c + w, r + h) for r, c, h, w in THREE]
QUIET: dict[str, Any] = {"progress": False, "guide": None}


class Reader(Blobs):
    """Reads and writes boxes as a published family does, and says what it was asked."""

    codec = "qwen2_vl"

    def __init__(self) -> None:
        super().__init__()
        self.grammar = grammar.of(type("Family", (), {"codec": self.codec})())

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        self.asked.append((tuple(turns), tuple(picture.shape for picture in pictures)))
        return Reply(f"a blob of {len(turns)}", confidence=0.6)


def test_what_is_in_a_box_is_shown_with_what_lies_around_it(tmp_path: Path) -> None:
    path, chat = scene(tmp_path / "a.tif", 256, THREE), Blobs()
    made = ask(chat, path, "Which blob is this?", box=BOXES[1], **QUIET)
    turns, shapes = chat.asked[-1]
    assert (turns[-1].text, shapes) == ("Which blob is this?", ((48, 48),))
    assert any("reads no boxes" in text for text in made.assumptions)
    assert made.rows()[0]["label"] == made.text == "A picture of 1 blobs."
    assert made.boxes.box(0).bounds() == pytest.approx(BOXES[1])
    several = ask(chat, path, "Which blob is this?", box=BOXES[:2], point=(33, 103), **QUIET)
    assert several.text.splitlines() == [f"{k}: A picture of {n} blobs." for k, n in enumerate((1, 1, 2), 1)]
    assert [row["label"] for row in several.rows()] == [f"A picture of {n} blobs." for n in (1, 1, 2)]
    assert caption(chat, path, box=BOXES[0], **QUIET).text == "A picture of 1 blobs."
    # numbers, places and presence are those in the box alone, sizes those of the box
    assert ask(chat, path, "How many blobs are there?", box=(0, 0, 128, 80), **QUIET).text == "2"
    assert ask(chat, path, "Is there a blob?", box=(40, 0, 70, 40), **QUIET).text == "no"
    assert ask(chat, path, "How long is this?", box=BOXES[1], **QUIET).text == "about 10 m"


def test_models_that_read_boxes_get_them_in_their_own_language(tmp_path: Path) -> None:
    path, chat = scene(tmp_path / "a.tif", 128, THREE), Reader()
    ask(chat, path, "What is this?", box=BOXES[1], **QUIET)
    text, shape = chat.asked[-1][0][-1].text, chat.asked[-1][1][0]
    assert text.startswith("What is this in the region <|box_start|>")
    assert shape == (128, 128)
    (found,) = codec.read(text, "qwen2_vl", shape).boxes
    assert found.bounds() == pytest.approx(BOXES[1], abs=0.2)
    caption(chat, path, point=(20, 30), **QUIET)
    assert chat.asked[-1][0][-1].text == "Describe what lies at <|box_start|>(156,234),(156,234)<|box_end|>."
    wide = scene(tmp_path / "wide.tif", 1500, [(1200, 900, 40, 30)])
    ask(chat, wide, "What is this?", box=(900, 1200, 930, 1240), **QUIET)
    (turns, shapes) = chat.asked[-1]
    (found,) = codec.read(turns[-1].text, "qwen2_vl", shapes[0]).boxes
    assert shapes == ((128, 128),), "a part of a large scene"
    assert found.bounds() == pytest.approx((49, 44, 79, 84), abs=1)
    other = scene(tmp_path / "b.tif", 128, THREE[:1])
    ask(chat, [path, other], "What happened here?", box=BOXES[1], **QUIET)
    assert "in the region" in chat.asked[-1][0][-1].text
    assert chat.asked[-1][0][-1].pictures == (0, 1)


def test_degrees_and_what_lies_outside(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 128, THREE)
    row = next(row for row in ground(Blobs(), path, "all blobs", **QUIET).rows() if row["left"] == pytest.approx(80))
    near = row["geometry"].bounds
    made = ask(Blobs(), path, "Which blob is this?", box=near, lonlat=True, **QUIET)
    assert made.boxes.box(0).bounds() == pytest.approx(BOXES[1], abs=1.1)
    point = row["geometry"].centroid
    made = ask(Blobs(), path, "Which blob is this?", point=(point.x, point.y), lonlat=True, **QUIET)
    left, top, right, bottom = made.boxes.box(0).bounds()  # what was shown of the surroundings of the point
    assert left < 90 < right
    assert top < 65 < bottom

    def never() -> Blobs:
        raise AssertionError("the model was loaded")

    for bad, match in (
        ({"box": (200, 10, 220, 30)}, "lies outside"),
        ({"box": Box.upright(130, 0, 140, 10)}, "lies outside"),
        ({"point": (20, 140)}, "lies outside"),
        ({"point": (10, 50), "lonlat": True}, "lies outside"),
        ({"box": (3, 2, 1, 4)}, "rising"),
        ({"box": (1, 2, 3)}, "left, top, right, bottom"),
        ({"box": (1, 2, 3, float("nan"))}, "each a number"),
        ({"point": "12"}, "A point is"),
        ({"point": [(1, 1)] * 17}, "no more than 16"),
    ):
        with pytest.raises(InputError, match=match):
            ask(never, path, "What is this?", **bad, **QUIET)
    with pytest.raises(InputError, match="no georeference"):
        ask(never, scene(tmp_path / "b.tif", 128, THREE, west=None), "What?", point=(3, 52), lonlat=True, **QUIET)
    with pytest.raises(InputError, match="not pointed at"):
        ground(never, path, "blob", box=BOXES[0], **QUIET)
    assert ask(Blobs(), path, "Which blob is this?", box=(120, 120, 140, 140), **QUIET).boxes.box(0).bounds() == (
        120,
        120,
        128,
        128,
    )


def test_how_two_things_lie(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 128, [THREE[1]])
    made = ask(Blobs(), path, "How far is this from the blob?", box=(20, 60, 40, 70), **QUIET)
    assert made.text == "about 30 m between their middles, about 20 m between their edges"
    assert [row["label"] for row in made.rows()] == ["this", "the blob"]
    both = [(20, 60, 40, 70), BOXES[1]]
    made = ask(Blobs(), path, "How do these lie to each other?", box=both, **QUIET)
    assert made.text == "The first is to the left of the second, west of it, about 20 m between their edges."
    assert ask(Blobs(), path, "Is the first left of the second?", box=both, **QUIET).text.startswith("yes: the first is to")
    assert ask(Blobs(), path, "Is the first north of the second?", box=both, **QUIET).text.startswith("no")
    assert ask(Blobs(), path, "Is the first near the second?", box=both, **QUIET).text.startswith("The first")
    none = ask(Blobs(), path, "What is the relation between the blob and the bridge?", **QUIET)
    assert (none.refused, none.text) == (True, "There is no bridge to be seen here.")
    bare = scene(tmp_path / "b.tif", 128, [THREE[1]], west=None)
    assert ask(Blobs(), bare, "How far apart are these?", box=both, **QUIET).refused
    told = ask(Blobs(), bare, "How do these lie to each other?", box=both, **QUIET)
    assert told.text == "The first is to the left of the second."
    assert any("no georeference" in text for text in told.assumptions)
    plain = Blobs(by_boxes=False)
    ask(plain, path, "Is the blob left of the bridge?", **QUIET)
    assert plain.asked[-1][0][-1].text == "Is the blob left of the bridge?", "a model that finds nothing is asked itself"


@pytest.mark.parametrize(
    ("how", "other", "holds"),
    [
        ("above", (0, 50, 10, 60), True), ("below", (0, 50, 10, 60), False), ("near", (12, 0, 22, 10), True),
        ("far", (90, 0, 100, 10), True), ("near", (90, 0, 100, 10), False), ("near", (30, 0, 40, 10), None),
        ("inside", (0, 0, 50, 50), True), ("right", (50, 50, 60, 60), False), ("left", (50, 50, 60, 60), True),
    ],
)  # fmt: skip
def test_when_a_relation_holds(how: str, other: tuple[int, int, int, int], holds: bool | None) -> None:
    class Bare:
        shape, grid = (128, 128), None

    lie = relation.lies(Bare(), Box.upright(0, 0, 10, 10), Box.upright(*other))  # type: ignore[arg-type]
    assert relation.holding(how, lie) is holds


def test_types_come_with_the_descriptions_that_hold(tmp_path: Path) -> None:
    class Guide:
        """Likes pipes and tankers."""

        spec = SPEC

        def text(self, texts: list[str]) -> Any:
            return torch.tensor([[1.0 + ("pipes along" in text) + 0.5 * ("tanker" in text), 0.0] for text in texts])

        def image(self, batch: Any) -> Any:
            return torch.tensor([[1.0, 0.0]])

    class Silent(Blobs):
        reasons = False

    path = scene(tmp_path / "a.tif", 128, THREE)
    how = {"progress": False, "guide": Guide()}
    made = ask(Silent(), path, "Which type of ship is this, and why?", box=BOXES[1], **how)
    assert made.text == "most like a tanker, because it looks like one with pipes along the middle of its deck"
    assert made.reasons == ("pipes along the middle of its deck",)
    assert made.plain()["reasons"] == list(made.reasons)
    assert made.confidence is None
    assert any("not measured" in text for text in made.assumptions)
    assert ask(Silent(), path, "Which type of ship is this?", box=BOXES[1], progress=False, guide=None).refused
    assert ask(Silent(), path, "Which type of ship is this?", **how).text == "There is no ship to be seen here."
    asked = Blobs()
    ask(asked, path, "Which type of ship is this, and why?", **how)
    assert asked.asked[-1][0][-1].text == "Which type of ship is this, and why?", "a model that reasons is asked itself"
    assert reasons_in("A tanker, because it has pipes on deck, and its hull is flat.") == (
        "it has pipes on deck",
        "its hull is flat",
    )
    assert reasons_in("A tanker.") == ()


def test_the_model_is_told_what_is_known_of_the_picture(tmp_path: Path) -> None:
    class Notes(Blobs):
        def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
            self.known = [facts(picture) for picture in pictures]
            return super().reply(turns, pictures)

    path, chat = scene(tmp_path / "a.tif", 128, THREE), Notes()
    told = {"sensor": "sentinel-2", "time": "2021-06-10", "bands": ["B08", "B04", "B03"]}
    ask(chat, path, "Describe this.", **told, **QUIET)
    lead, size, bands, day = chat.known[0].split("; ")
    assert bands == "shown as red, green and blue: nir, red, green"
    assert lead.startswith("Sentinel-2")
    assert (size, day) == ("0.5 m per pixel, 64 m wide and 64 m high", "2021-06-10")
    other = scene(tmp_path / "b.tif", 128, THREE[:1])
    ask(chat, [path, other], "What changed?", **told, **QUIET)
    assert all(one.startswith("Sentinel-2") for one in chat.known)
    grey = Raster(np.zeros((3, 8, 8), np.float32), np.ones((8, 8), bool), None, (Band("PAN", "pan"),) * 3)
    assert facts(grey) == "one band, in grey: pan"
    shown = Shown.of(picture(16, 32), sensor="Pléiades", gsd=0.5)
    assert facts(shown) == "Pléiades; 0.5 m per pixel, 16 m wide and 8 m high"


def test_a_conversation_keeps_a_question_about_a_box(tmp_path: Path) -> None:
    path, kept = scene(tmp_path / "a.tif", 128, THREE), tmp_path / "talk.json"
    ask(Blobs(), path, "Which blob is this?", box=BOXES[1], conversation=kept, **QUIET)
    assert Conversation.read(kept).turns[0].text == "Which blob is this?"
