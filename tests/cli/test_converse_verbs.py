"""`geoglot ask`, `caption` and `ground`: what is said where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import Command
from converse_kit import Blobs, scene

import geoglot.models

THREE = ((10, 12, 8, 8), (60, 80, 10, 20), (100, 30, 6, 6))


@pytest.fixture
def talk(geoglot_command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The commands with a chat that sees bright blobs, scenes of three and of one, and a broken one."""
    monkeypatch.setattr(geoglot.models, "opened", lambda *_, **__: Blobs())
    (tmp_path / "many").mkdir()
    scene(tmp_path / "a.tif", 128, THREE)
    scene(tmp_path / "many" / "b.tif", 128, THREE[:1])
    scene(tmp_path / "many" / "c.tif", 128, THREE)
    (tmp_path / "many" / "d.tif").write_bytes(b"II*\0 nothing of use")
    return geoglot_command


def test_an_answer_is_on_stdout(talk: Command, tmp_path: Path) -> None:
    assert talk("ask", "a.tif", "How many blobs are there?", "-q")[:2] == (0, "3\n")
    assert talk("caption", "a.tif", "-q")[:2] == (0, "A picture of 3 blobs.\n")
    code, out, err = talk("ground", "a.tif", "all blobs", "-o", "boxes.geojson", "-q")
    assert (code, out) == (0, "3 found: blobs\n")
    assert "written: boxes.geojson" in err
    assert len(json.loads((tmp_path / "boxes.geojson").read_text(encoding="utf-8"))["features"]) == 3
    code, out, _ = talk("ask", "a.tif", "Is there a blob?", "--json", "-q")
    told = json.loads(out)
    assert (code, told["answer"], told["confidence"], told["refused"]) == (0, "yes", 0.9, False)


def test_a_folder_gives_a_line_for_each_scene_and_names_what_is_broken(talk: Command, tmp_path: Path) -> None:
    code, out, err = talk("ask", "many", "How many blobs are there?", "-o", "all.json", "-q")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["scene", "sure", "answer"],
        ["b.tif", "80%", "1"],
        ["c.tif", "80%", "3"],
    ]
    assert "skipped" in err
    assert "d.tif" in err
    held = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert [answer["answer"] for answer in held["answers"]] == ["1", "3"]
    assert len(held["skipped"]) == 1


def test_what_a_question_points_at(talk: Command) -> None:
    assert talk("ask", "a.tif", "Which blob is this?", "--box", "80,60,100,70", "-q")[:2] == (0, "A picture of 1 blobs.\n")
    both = ("--box", "80,60,100,70", "--point", "16,14")
    assert talk("ask", "a.tif", "Which blob is this?", *both, "-q")[1].splitlines()[0] == "1: A picture of 1 blobs."
    assert talk("caption", "a.tif", "--box", "80,60,100,70", "-q")[:2] == (0, "A picture of 1 blobs.\n")
    code, _, err = talk("ask", "a.tif", "What is this?", "--point", "-3.5,52", "--lonlat", "-q")
    assert code != 0
    assert "lies outside" in err
    assert "--box takes L,T,R,B" in talk("ask", "a.tif", "What is this?", "--box", "80,60", "-q")[2]


def test_dates_and_conversations(talk: Command, tmp_path: Path) -> None:
    assert talk("ask", "a.tif", "What changed?", "--with", "many/b.tif", "-q")[:2] == (0, "2 blobs went\n")
    assert talk("caption", "a.tif", "--with", "many/b.tif", "-q")[1] == "2 blobs went\n"
    for _ in range(2):
        assert talk("ask", "a.tif", "How many blobs?", "--conversation", "talk.json", "-q")[0] == 0
    assert len(json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))["turns"]) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", "a.tif", " "), "question is empty"),
        (("ask", "none.tif", "How many?"), "none.tif"),
        (("ask", "a.tif", "How many?", "-o", "x.png"), "says the format"),
        (("ask", "many", "How many?", "-o", "x.tif"), "of one scene"),
        (("ask", "many", "How many?", "--with", "a.tif"), "name one"),
        (("ask", "many", "How many?", "--conversation", "t.json"), "about one scene"),
        (("ask", "a.tif", "How many?", "--region", "1,2,3"), "--region"),
        (("ask", "a.tif", "How many?", "--min-score", "3"), "between 0 and 1"),
    ],
)
def test_what_makes_no_sense(talk: Command, words: tuple[str, ...], said: str) -> None:
    code, out, err = talk(*words, "-q")
    assert code != 0
    assert not out
    assert said in err
