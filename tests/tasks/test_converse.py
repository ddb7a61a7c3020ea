"""Questions about scenes of any size: by a chat that sees bright blobs and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from converse_kit import Blobs, scene

from geoglot.core.errors import InputError, ModelError, NotFoundError
from geoglot.geo.boxes import Box
from geoglot.tasks.converse import Conversation, ask, caption, grammar, ground
from geoglot.text import asking
from segment_kit import Painter

THREE = ((10, 12, 8, 8), (60, 80, 10, 20), (100, 30, 6, 6))
QUIET: dict[str, Any] = {"progress": False, "guide": None}


def grid_of(many: int, side: int, size: int = 9) -> list[tuple[int, int, int, int]]:
    """Places in even rows and columns, some of them on the edges of parts."""
    steps = np.linspace(20, side - 40, many).astype(int)
    return [(int(row), int(col), size, size) for row in steps for col in steps]


def test_numbers_yes_and_places_of_a_small_scene(tmp_path: Path) -> None:
    path, chat = scene(tmp_path / "a.tif", 128, THREE), Blobs()
    made = ask(chat, path, "How many blobs are there?", **QUIET)
    assert (made.text, made.kind, made.views, len(made.boxes)) == ("3", "count", 1, 3)
    assert made.confidence == pytest.approx(0.8)
    assert ask(Blobs(by_boxes=False), path, "How many blobs are there?", **QUIET).text == "3"
    assert ask(chat, path, "Is there a blob?", **QUIET).text == "yes"
    found = ground(chat, path, "all blobs", **QUIET)
    bounds = sorted(found.boxes.box(k).bounds() for k in range(3))
    assert np.allclose(bounds, sorted((c, r, c + w, r + h) for r, c, h, w in THREE), atol=1e-6)
    row = next(row for row in found.rows() if row["left"] == pytest.approx(80))
    assert row["width"] == pytest.approx(10.0, rel=2e-3)
    assert row["geometry"].bounds[0] == pytest.approx(3.0, abs=0.01)
    assert caption(chat, path, **QUIET).text == "A picture of 3 blobs."


def test_what_the_picture_does_not_show_is_refused(tmp_path: Path) -> None:
    path, chat = scene(tmp_path / "a.tif", 128, THREE), Blobs()
    made = ask(chat, path, "What colour is the ship?", **QUIET)
    assert made.refused
    assert "cannot see" in made.text
    assert ground(chat, path, "the bridge", **QUIET).refused
    empty = scene(tmp_path / "empty.tif", 128, ())
    none = ground(chat, empty, "the largest blob", **QUIET)
    assert none.refused
    assert none.text == "There is no blob here."
    assert not none.rows()
    assert ask(chat, empty, "How many blobs?", **QUIET).text == "0"
    assert ask(chat, empty, "Are there any blobs?", **QUIET).text == "no"


def test_a_large_scene_is_counted_once(tmp_path: Path) -> None:
    places = grid_of(11, 900)
    path = scene(tmp_path / "large.tif", 900, places)
    made = ask(Blobs(), path, "How many blobs are there?", most=10_000, **QUIET)
    assert made.text == str(len(places))
    assert made.views > 40
    bounds = sorted(made.boxes.box(k).bounds() for k in range(len(made.boxes)))
    assert np.allclose(bounds, sorted((c, r, c + w, r + h) for r, c, h, w in places), atol=1e-6)
    added = ask(Blobs(by_boxes=False), path, "How many blobs are there?", most=10_000, **QUIET)
    assert int(added.text) >= len(places)
    assert any("may count twice" in text for text in added.assumptions)


def test_one_thing_of_a_large_scene_and_the_parts_that_matter(tmp_path: Path) -> None:
    path = scene(tmp_path / "large.tif", 700, [(650, 660, 9, 9)])

    class Guide:
        spec = Blobs().spec

        def text(self, texts: list[str]) -> Any:
            import torch

            return torch.ones(len(texts), 1)

        def image(self, batch: Any) -> Any:
            return batch.pixels.amax(dim=(1, 2, 3))[:, None]

    made = ask(Blobs(), path, "Is there a blob?", most=1, guide=Guide(), progress=False)
    assert made.text == "yes"
    assert any("1 of" in text and "look most like it" in text for text in made.assumptions)
    assert ask(Blobs(), path, "Is there a blob?", most=1, **QUIET).text == "no", "the first part alone has none"
    assert len(ground(Blobs(), path, "the largest blob", most=99, **QUIET).boxes) == 1


def test_regions_in_pixels_and_degrees(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 128, THREE)
    upper = Box.upright(0, 0, 128, 50)
    assert ask(Blobs(), path, "How many blobs?", region=upper, **QUIET).text == "1"
    found = ground(Blobs(), path, "all blobs", region=Box.upright(60, 40, 128, 90), **QUIET)
    assert np.allclose(found.boxes.box(0).bounds(), (80, 60, 100, 70))
    west, south, east, north = found.rows()[0]["geometry"].bounds
    near = (west - 2e-5, south - 2e-5, east + 2e-5, north + 2e-5)
    assert ask(Blobs(), path, "How many blobs?", region=near, **QUIET).text == "1"
    with pytest.raises(InputError, match="lies outside"):
        ask(Blobs(), path, "How many blobs?", region=(10, 10, 11, 11), **QUIET)
    with pytest.raises(InputError, match="no georeference"):
        ask(Blobs(), scene(tmp_path / "b.tif", 128, THREE, west=None), "How many?", region=(3, 52, 3.1, 52.1), **QUIET)


def test_measures_are_on_the_ground(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 128, [(60, 40, 10, 60)])
    assert ask(Blobs(), path, "How long is the blob?", **QUIET).text == "about 30 m"
    assert ask(Blobs(), path, "How wide is the blob?", **QUIET).text == "about 5.0 m"
    assert ask(Blobs(), path, "What is the area of the blob?", **QUIET).text in ("about 150 m²", "about 149 m²")
    bare = ask(Blobs(), scene(tmp_path / "b.tif", 128, THREE, west=None), "How long is the blob?", **QUIET)
    assert bare.refused
    assert "no georeference" in bare.text


def test_dates_are_asked_together_on_one_grid(tmp_path: Path) -> None:
    one = scene(tmp_path / "a.tif", 128, THREE)
    other = scene(tmp_path / "b.tif", 160, [(60, 60, 10, 20)], west=500_010.0)
    chat = Blobs()
    made = ask(chat, [one, other], "What has changed?", **QUIET)
    assert made.text == "2 blobs went"
    turns, shapes = chat.asked[-1]
    assert turns[-1].pictures == (0, 1)
    assert shapes[0] == shapes[1]
    assert caption(chat, [one, other], **QUIET).text == "2 blobs went"
    far = scene(tmp_path / "c.tif", 128, THREE, west=700_000.0)
    with pytest.raises(InputError, match="do not overlap"):
        ask(chat, [one, far], "What has changed?", **QUIET)


def test_what_is_written(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 128, THREE)
    files = [tmp_path / name for name in ("out.geojson", "out.tif", "out.json")]
    made = ground(Blobs(), path, "all blobs", out=files, **QUIET)
    features = json.loads(files[0].read_text(encoding="utf-8"))["features"]
    assert len(features) == 3
    assert {feature["properties"]["label"] for feature in features} == {"blobs"}
    with rasterio.open(files[1]) as file:
        heat = file.read(1)
        assert file.tags()["ANSWER"] == made.text
        assert file.bounds == rasterio.open(path).bounds
    assert heat[15 * 32 // 128 : 17 * 32 // 128 + 1, 20 * 32 // 128].max() == heat.max() or heat.max() > 0.8
    held = json.loads(files[2].read_text(encoding="utf-8"))
    assert held["answer"] == made.text
    assert held["boxes"][0]["geometry"]["type"] == "Polygon"
    with pytest.raises(InputError, match="says the format"):
        ground(Blobs(), path, "blob", out="out.png", **QUIET)
    with pytest.raises(InputError):
        ground(Blobs(), path, "blob", out=path, **QUIET)


def test_a_conversation_goes_on_and_is_kept(tmp_path: Path) -> None:
    path, kept, chat = scene(tmp_path / "a.tif", 128, THREE), tmp_path / "talk.json", Blobs()
    ask(chat, path, "How many blobs?", conversation=kept, **QUIET)
    ask(chat, path, "Is there a blob?", conversation=kept, **QUIET)
    turns, _ = chat.asked[-1]
    assert [said.text for said in turns] == ["How many blobs?", "3", "Is there a blob?"]
    whole = Conversation.read(kept)
    assert [said.role for said in whole.turns] == ["user", "assistant"] * 2
    before = kept.read_bytes()
    with pytest.raises(InputError, match="is about"):
        ask(chat, scene(tmp_path / "b.tif", 128, THREE), "How many blobs?", conversation=kept, **QUIET)
    held = json.loads(before)
    held["turns"].pop(1)
    kept.write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(InputError, match="turn 2 is missing"):
        ask(chat, path, "How many blobs?", conversation=kept, **QUIET)
    assert json.loads(kept.read_text(encoding="utf-8")) == held, "nothing is lost"
    kept.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="no conversation"):
        ask(chat, path, "How many blobs?", conversation=kept, **QUIET)


def test_what_makes_no_sense_is_told_before_a_model_is_loaded(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 128, THREE)

    def never() -> Blobs:
        raise AssertionError("the model was loaded")

    with pytest.raises(InputError, match="empty"):
        ask(never, path, "  ", **QUIET)
    with pytest.raises(InputError, match="characters"):
        ask(never, path, "why " * 2000, **QUIET)
    with pytest.raises(NotFoundError):
        ask(never, tmp_path / "none.tif", "How many?", **QUIET)
    with pytest.raises(InputError, match="named twice"):
        ask(never, [path, path], "How many?", **QUIET)
    with pytest.raises(InputError, match="above 0"):
        ask(never, path, "How many?", gsd=0, **QUIET)
    with pytest.raises(ModelError, match="does not answer questions"):
        ask(Painter(), path, "How many?", **QUIET)
    (tmp_path / "text.tif").write_text("no picture")
    with pytest.raises(Exception, match=r"text\.tif"):
        ask(never, tmp_path / "text.tif", "How many?", **QUIET)


@pytest.mark.parametrize(
    ("text", "single"),
    [
        ("the largest ship", True), ("Where is the bridge?", True), ("Where are the blobs?", False), ("the ships", False),
        ("all ships", False), ("the grass", True), ("ships", False), ("the second airplane from the left", True),
    ],
)  # fmt: skip
def test_one_thing_or_several(text: str, single: bool) -> None:
    assert grammar.Grammar.single(text) is single


def test_families_are_asked_in_their_own_marks() -> None:
    class Family:
        codec = "geochat"

    how = grammar.of(Family())
    assert how.ground("ship") == "[refer] Give me the location of <p> a ship </p>"
    assert how.ask(asking.read("Is there a ship?")) == "Is there a ship?"
    Family.codec = "vhm"
    assert grammar.of(Family()).ask(asking.read("How many ships?")) == "{VQA} How many ships?"
    Family.codec = "qwen2_vl"
    assert grammar.of(Family()).ground("the largest ship") == "Where is the largest ship?"
