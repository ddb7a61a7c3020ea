"""`geoglot classify`: what it writes where, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from cli_kit import Command
from shapely.geometry import Point, mapping

WORDS = ("--template", "{}")  # the encoder of these tests reads the first word


def marks(path: Path, west: float = 3.0) -> Path:
    """Two classes in the corners of the red scene (96 x 64 pixels of 10 m from 3 degrees east)."""
    spots = [(west + 0.0022 + 0.0045 * i, 49.652 - 0.0029 * j, "left" if i == 0 else "right") for i in range(3) for j in range(2)]
    features = [{"type": "Feature", "geometry": mapping(Point(x, y)), "properties": {"kind": name}} for x, y, name in spots]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_short_table_on_stdout(geoglot_command: Command, scenes: Path) -> None:
    code, out, err = geoglot_command("classify", scenes, "--labels", "red,green,blue", *WORDS, "-q")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["scene", "label", "mean", "score", "tiles", "share"]
    assert [line[:2] + line[3:] for line in lines[1:]] == [
        [name, label, "6", "tiles", "100%"]
        for name, label in (("blue.tif", "blue"), ("green_20210610.tif", "green"), ("red_20200105.tif", "red"))
    ]


def test_one_line_an_image(geoglot_command: Command, scenes: Path) -> None:
    code, out, _ = geoglot_command("classify", scenes / "*.tif", "--labels", "red,green", "--per", "image", *WORDS, "-q")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[2:]] == ["green", "red"]


def test_it_writes_what_the_name_says(geoglot_command: Command, scenes: Path, tmp_path: Path) -> None:
    code, out, err = geoglot_command("classify", scenes, "--labels", "red,green|lime", *WORDS, "-o", "labels.csv")
    assert (code, out) == (0, "")
    assert "18 tiles in labels.csv" in err
    rows = list(csv.DictReader((tmp_path / "labels.csv").open()))
    assert list(rows[0])[:3] == ["scene", "label", "score"]
    assert {"row", "col", "height", "width", "score_red", "score_green", "west"} <= set(rows[0])
    geoglot_command("classify", scenes, "--labels", "red,green", *WORDS, "-o", "labels.geojson")
    made = json.loads((tmp_path / "labels.geojson").read_text())["features"]
    assert {feature["geometry"] is None for feature in made} == {True, False}


def test_json_is_the_whole_result(geoglot_command: Command, scenes: Path) -> None:
    (scenes / "broken.tif").write_bytes(b"II*\0 nothing of use")
    code, out, err = geoglot_command("classify", scenes, "--labels", "red,green", *WORDS, "--json")
    made = json.loads(out)
    assert code == 0
    assert "skipped" in err
    assert (made["model"], made["classes"], made["per"], len(made["rows"])) == ("colours@1", ["red", "green"], "tile", 18)
    assert [Path(name).name for name, _ in made["skipped"]] == ["broken.tif"]
    assert sum(made["counts"].values()) == 18


def test_transductive(geoglot_command: Command, scenes: Path) -> None:
    code, out, err = geoglot_command("classify", scenes, "--labels", "red,green,blue", *WORDS, "--transductive", "--json")
    assert code == 0, err
    for row in json.loads(out)["rows"]:
        assert Path(row["scene"]).name.startswith(row["label"])


def test_a_few_examples(geoglot_command: Command, scenes: Path, tmp_path: Path) -> None:
    red = scenes / "red_20200105.tif"
    few = ("--few-shot", marks(tmp_path / "marks.geojson"), "--property", "kind", "--tile", 16)
    code, out, err = geoglot_command("classify", red, *few, "--save", "head.safetensors", "--method", "probe", "-q")
    assert code == 0, err
    assert {line.split()[1] for line in out.splitlines()[1:]} <= {"left", "right"}
    assert "examples: left 2, right 4" in err
    assert "accuracy:" in err
    assert "by words alone:" in err
    assert "commonest class: 66.7 %" in err
    code, again, err = geoglot_command("classify", red, "--head", "head.safetensors", "-q")
    assert (code, again) == (0, out), err


@pytest.mark.parametrize(
    ("args", "code", "part"),
    [
        (["absent.tif", "--labels", "a,b"], 3, "Nothing matches"),
        (["scenes"], 2, "Say the classes"),
        (["scenes", "--labels", "a,,b"], 2, "empty"),
        (["scenes", "--labels", "a"], 2, "nothing to tell"),
        (["scenes", "--labels", "a,b", "--per", "pixel"], 2, "tile or image"),
        (["scenes", "--labels", "a,b", "--template", "a photo"], 2, "one place"),
        (["scenes", "--labels", "a,b", "-o", "labels.shp"], 2, ".geojson"),
        (["scenes", "--labels", "a,b", "--none"], 2, "not calibrated"),
        (["scenes", "--labels", "a,b", "--folds", "3"], 2, "--few-shot"),
        (["scenes", "--labels", "a,b", "--method", "probe"], 2, "--few-shot"),
        (["scenes", "--labels", "a,b", "--save", "head"], 2, "only with --few-shot"),
        (["scenes", "--labels", "a,b", "--calibration", "absent.npz"], 3, "absent.npz"),
        (["scenes", "--few-shot", "absent.geojson"], 3, "absent.geojson"),
        (["scenes", "--few-shot", "marks.geojson"], 2, "there are: kind"),
        (["scenes", "--few-shot", "far.geojson", "--property", "kind"], 2, "None of the 6 marks lies within"),
        (["scenes", "--few-shot", "marks.geojson", "--property", "kind", "--folds", "9", "--tile", "16"], 2, "9 folds need"),
        (["scenes", "--few-shot", "marks.geojson", "--method", "magic"], 2, "method"),
        (["scenes", "--few-shot", "marks.geojson", "--none", "--property", "kind"], 2, "labels in words"),
        (["scenes", "--head", "absent.safetensors"], 3, "--save"),
        (["scenes", "--head", "head", "--labels", "a,b"], 2, "own classes"),
        ([], 2, "sources"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused(
    geoglot_command: Command, scenes: Path, tmp_path: Path, args: list[str], code: int, part: str
) -> None:
    marks(tmp_path / "marks.geojson")
    marks(tmp_path / "far.geojson", west=30.0)
    given, out, err = geoglot_command("classify", *args)
    assert (given, out) == (code, ""), err
    assert part in err
