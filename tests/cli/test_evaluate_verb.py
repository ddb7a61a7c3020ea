"""The verb `evaluate`: the list, tables, files, and answers to wrong input before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stub_kit import write

from geoglot.cli.main import run


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOGLOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GEOGLOT_DATA", raising=False)
    write(tmp_path / "data", each=2)
    return tmp_path / "data"


def test_without_a_protocol_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate"]) == 0
    told = capsys.readouterr().out
    assert "aid-classes: AID, 30 classes by name, one prompt (accuracy, test, hash " in told
    assert "ucm-captions-skyscript: " in told


WRONG = {
    "no data": (["nano", "aid-classes"], 2, "--data FOLDER"),
    "a folder that is not there": (["nano", "aid-classes", "--data", "nowhere"], 3, "no folder nowhere"),
    "a protocol's name": (["nano", "aid-clases", "--data", "."], 3, "aid-classes"),
    "a split": (["nano", "aid-classes", "--split", "best", "--data", "."], 2, "--split takes"),
    "a limit": (["nano", "aid-classes", "--limit", "0", "--data", "."], 2, "--limit takes"),
    "a report's name": (["nano", "aid-classes", "-o", "a.txt", "--data", "."], 2, ".json, a .csv or a .md"),
    "a gallery's name": (["nano", "aid-classes", "--gallery", "a.png", "--data", "."], 2, "an .html file"),
    "two models": (["nano", "aid-classes", "--models", "nano,nano"], 2, "only argument is the protocol"),
    "a route for pixels": (["nano", "dubai-segments", "--route", "dense", "--data", "."], 2, "--route is for protocols of boxes"),
    "a decoder for boxes": (
        ["nano", "vhr10-boxes", "--decoder", "nano", "--data", "."],
        2,
        "--decoder is for protocols of pixels",
    ),
    "a head for classes": (["nano", "aid-classes", "--head", "a", "--data", "."], 2, "protocols of boxes and pixels"),
    "a model": (["nani", "aid-classes", "--data", "."], 3, "nani"),
    "a set that is not there": (["nano", "aid-classes", "--data", "."], 3, "data root"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_answered(
    case: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    args, code, told = WRONG[case]
    assert run(["evaluate", *args]) == code
    assert told in capsys.readouterr().err


def test_a_model_is_measured_and_reported(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, out = tmp_path / "page.html", tmp_path / "report.json"
    args = ["nano", "aid-classes,aid-captions", "--split", "val", "--limit", "3", "--data", str(data), "--dtype", "float32"]
    assert run(["evaluate", *args, "--gallery", str(page), "-o", str(out)]) == 0
    told = capsys.readouterr()
    assert "**AID, 30 classes by name, one prompt** (`aid-classes` " in told.out
    assert "| nano@" in told.out
    whole = json.loads(out.read_text())
    assert [report["n"] for report in whole["reports"]] == [3, 3]
    assert whole["reports"][0]["term"] == "prompted classification of seen classes"
    assert "compared" in whole["reports"][0]["overlap"]
    assert page.read_text().count("<h2>") == 2
    assert run(["evaluate", "--models", "nano,nano", *args[1:], "--no-overlap", "-o", str(tmp_path / "t.csv")]) == 0
    assert (tmp_path / "t.csv").read_text().count("\n") == 5
    assert "+0.00 (+0.00 to +0.00)" in capsys.readouterr().out
