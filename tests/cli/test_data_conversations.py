"""`geoglot data conversations` and `geoglot data convert`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_kit import Command
from PIL import Image
from talked_layouts import TALKED

from geoglot.data.conversations import How, read


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    for name in ("vrsbench", "levir_cc", "rsvqa_lr"):
        TALKED[name][0](folder)
    monkeypatch.setenv("GEOGLOT_DATA", str(folder))
    return folder


def test_of_a_source_in_a_form(geoglot_command: Command, data: Path, tmp_path: Path) -> None:
    code, out, err = geoglot_command(
        "data", "conversations", "vrsbench", "-o", "talks.jsonl", "--format", "ms_swift", "--grammar", "geochat", "--json"
    )
    assert code == 0, err
    told = json.loads(out)
    rows = [json.loads(line) for line in (tmp_path / "talks.jsonl").read_text().splitlines()]
    assert told["conversations"] == len(rows) == sum(told["tasks"].values())
    assert told["tasks"]["refer"] == 2
    refer = next(row for row in rows if row["task"] == "refer")
    assert refer["messages"][0]["content"].startswith("<image>\n[refer] ")
    assert "the left ship" in refer["messages"][0]["content"]
    assert refer["objects"]["bbox"] == [[6.4, 6.4, 12.8, 12.8]]
    assert (data / refer["images"][0]).exists()
    again = geoglot_command(
        "data", "conversations", "vrsbench", "-o", "again.jsonl", "--format", "ms_swift", "--grammar", "geochat"
    )
    assert again[0] == 0
    assert (tmp_path / "again.jsonl").read_text() == (tmp_path / "talks.jsonl").read_text()


def test_changes_questions_and_copies(geoglot_command: Command, data: Path, tmp_path: Path) -> None:
    code, out, err = geoglot_command(
        "data", "conversations", "levir_cc", "-o", "c.json", "--pictures", "p", "--format", "teochatlas"
    )
    assert code == 0, err
    assert "2 conversations of 1 places in c.json\n  change caption: 1\n  change vqa: 1" in out
    row = json.loads((tmp_path / "c.json").read_text())[0]
    assert [Image.open(tmp_path / "p" / name).size for name in row["video"]] == [(64, 64)] * 2
    assert row["conversations"][0]["value"].startswith("<video>") or "<video>" in row["conversations"][0]["value"]
    assert geoglot_command("data", "conversations", "rsvqa_lr", "-o", "q.json", "--split", "test")[0] == 0
    assert read(tmp_path / "q.json", "llava", How(data)).conversations[0].turns[1].text == "3"


def test_rendered_ones_and_conversion(geoglot_command: Command, tmp_path: Path) -> None:
    asked = ("data", "conversations", "rendered", "-o", "r.json", "--places", 3, "--size", 96, "--kinds", "caption,refer,classes")
    code, _, err = geoglot_command(*asked, "--turns", 2, "--boxes", "internvl")
    assert code == 0, err
    assert len(list((tmp_path / "r-pictures").glob("*.png"))) >= 3
    code, out, err = geoglot_command(
        "data", "convert", "r.json", "--from", "llava", "--pictures", "r-pictures", "-o", "s.json",
        "--format", "llama_factory", "--boxes", "qwen25_vl", "--json",
    )  # fmt: skip
    assert code == 0, err
    made = json.loads((tmp_path / "s.json").read_text())
    assert json.loads(out)["conversations"] == len(made) == len(json.loads((tmp_path / "r.json").read_text()))
    assert "<box>" not in (tmp_path / "s.json").read_text()


def test_conversion_names_what_it_leaves_out(geoglot_command: Command, tmp_path: Path) -> None:
    good = {"id": "1", "conversations": [{"from": "human", "value": "Hello?"}, {"from": "gpt", "value": "Yes."}]}
    (tmp_path / "a.json").write_text(json.dumps([good, good | {"conversations": good["conversations"][:1]}]))
    code, out, err = geoglot_command("data", "convert", "a.json", "--from", "llava", "-o", "b.json")
    assert (code, out) == (0, "1 conversations in b.json; 1 records left out\n")
    assert "left out: a.json, record 1: turn 1 is a question without an answer" in err
    code, _, err = geoglot_command("data", "convert", "a.json", "--from", "llava", "-o", "b.json", "--strict")
    assert (code, "add the answer" in err) == (10, True)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--boxes", "geochatt"), 3, "Did you mean geochat"),
        (("--grammar", "geo"), 2, "there are plain, geochat"),
        (("--format", "lava"), 3, "Did you mean llava"),
        (("--format", "vrsbench"), 2, "read, not written"),
        (("--kinds", "captions"), 3, "Did you mean caption"),
        (("--split", "none"), 2, "has no split"),
        (("-o", "nowhere/x.json"), 3, "no folder nowhere"),
    ],
)
def test_bad_requests(geoglot_command: Command, data: Path, more: tuple[str, ...], code: int, words: str) -> None:
    got, _, err = geoglot_command("data", "conversations", "vrsbench", "-o", "x.json", *more)
    assert (got, words in err) == (code, True), err
