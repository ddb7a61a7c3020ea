"""The sub-commands of `geoglot data` on tiny folders."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from cli_kit import Command
from PIL import Image
from published_layouts import LAYOUTS

from geoglot.core.parts import names
from geoglot.data.sources import rendered, rendered_facts, rendered_pairs


def scene(seed: int, size: int = 64) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """RSICD and Harvey in their published layouts, and the environment variable that names them."""
    for source in (rendered, rendered_facts, rendered_pairs):  # one place of each split will do
        monkeypatch.setattr(source, "PLACES", dict.fromkeys(source.PLACES, 1))
    folder = tmp_path / "data"
    for name in ("rsicd", "harvey"):
        LAYOUTS[name][0](folder)
    for number, file in enumerate(sorted((folder / "RSICD_images").iterdir())):
        scene(number).save(file)
    monkeypatch.setenv("GEOGLOT_DATA", str(folder))
    return folder


def test_list_says_what_is_there(geoglot_command: Command, data: Path) -> None:
    code, out, _ = geoglot_command("data", "list")
    assert code == 0
    marks = {line.split()[1]: line[0] for line in out.splitlines()[:-1]}
    assert set(marks) == set(names("data.sources"))
    assert {name for name, mark in marks.items() if mark == "+"} == {
        "rsicd",
        "harvey",
        "harvey_pairs",
        "rendered",
        "rendered_facts",
        "rendered_pairs",
    }
    rows = json.loads(geoglot_command("data", "list", "--json")[1])
    assert {row["name"] for row in rows if row["there"]} == {
        "rsicd",
        "harvey",
        "harvey_pairs",
        "rendered",
        "rendered_facts",
        "rendered_pairs",
    }


def test_show_and_stats(geoglot_command: Command, data: Path) -> None:
    code, out, err = geoglot_command("data", "show", "rsicd", "-n", 1)
    assert (code, err) == (0, "RSICD, train: 2 samples\n")
    assert "rsicd/port_1.jpg" in out
    assert "class     Port" in out
    rows = json.loads(geoglot_command("data", "show", "rsicd", "--split", "test", "--json")[1])
    assert [row["pictures"][0]["path"] for row in rows] == ["RSICD_images/port_3.jpg"]
    code, out, _ = geoglot_command("data", "stats", "rsicd")
    assert "train: 2 samples, 2 pictures\n  captions: 6, 3 different\n  Port: 1" in out
    counts = json.loads(geoglot_command("data", "stats", "harvey", "--json")[1])["counts"]
    assert counts["train"]["labels"]["damage"] + counts["test"]["labels"]["damage"] > 30
    code, _, err = geoglot_command("data", "show", "rsicd", "--split", "tests")
    assert (code, err) == (2, "error: rsicd has no split 'tests', it has train, val, test.\n")
    code, _, err = geoglot_command("data", "show", "rsic")
    assert code == 3
    assert "Did you mean rsicd" in err


def test_cards(geoglot_command: Command, data: Path, tmp_path: Path) -> None:
    code, out, _ = geoglot_command("data", "card", "rsicd", "--overlap", "rsicd:test")
    assert code == 0
    assert "## RSICD" in out
    assert "| captions | 6 | 3 | 3 |" in out
    assert "| Port | 1 | 1 | 1 |" in out
    assert "**Overlap with `rsicd:test`.** 1 pairs" in out
    code, _, err = geoglot_command("data", "card", "all", "-o", "cards.md")
    assert code == 0
    assert "6 cards in cards.md" in err
    assert "left out: AID is not at" in err
    assert (tmp_path / "cards.md").read_text().count("\n## ") == 5


def test_shards_are_written_checked_and_listed(geoglot_command: Command, data: Path, tmp_path: Path) -> None:
    code, out, err = geoglot_command("data", "shards", "rsicd", "-o", "out", "--most", 1)
    assert (code, out.startswith("2 samples in 2 shards")) == (0, True), err
    assert geoglot_command("data", "check", "out")[:2] == (0, "2 samples in 2 shards can be read\n")
    again = geoglot_command("data", "shards", "rsicd", "-o", "out", "--most", 1, "--json")
    assert json.loads(again[1])["samples"] == 2
    code, out, _ = geoglot_command(
        "data", "shards", "harvey_pairs", "-o", "pairs", "--format", "parquet", "--pictures", "webp", "--size", 32
    )
    assert code == 0
    assert geoglot_command("data", "check", "pairs")[0] == 0
    file = tmp_path / "out" / "rsicd-train-000001.tar"
    file.write_bytes(file.read_bytes()[:1500])
    code, _, err = geoglot_command("data", "check", "out")
    assert code == 10
    assert "rsicd-train-000001.tar" in err
    assert "write this shard again" in err
    code, out, err = geoglot_command("data", "check", "out", "--on-damage", "skip")
    assert (code, out.startswith("1 samples in 2 shards can be read;")) == (10, True), out


def test_missing_pictures_stop_or_are_left_out(geoglot_command: Command, data: Path) -> None:
    (data / "RSICD_images" / "port_1.jpg").unlink()
    code, _, err = geoglot_command("data", "shards", "rsicd", "-o", "out")
    assert code == 10
    assert "1 files are missing, for 1 of 2 samples" in err
    assert "--missing skip" in err
    code, out, err = geoglot_command("data", "shards", "rsicd", "-o", "out", "--missing", "skip")
    assert code == 0
    assert "; 1 left out" in out
    assert "port_1.jpg" in err


def test_overlap_of_all_kinds_of_sets(geoglot_command: Command, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    scene(1).transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png")
    scene(40).save(folder / "other.png")
    (folder / "broken.png").write_bytes(b"no picture")
    code, out, err = geoglot_command("data", "overlap", "rsicd", folder)
    assert code == 0
    (row,) = csv.DictReader(out.splitlines())
    assert (row["b"], row["turn"]) == ("turned.png", "turned 90")
    assert "1 pairs: 1 of 4 pictures of rsicd and 1 of 2" in err
    assert "left out" in err
    (folder / "broken.png").unlink()
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as held:
        for file in folder.iterdir():
            held.write(file, file.name)
    assert geoglot_command("data", "shards", "rsicd", "-o", "out")[0] == 0
    code, out, _ = geoglot_command("data", "overlap", "set.zip", "out", "--json", "--fail")
    made = json.loads(out)
    assert code == 10
    assert made["pictures"] == {"a": 2, "b": 2, "skipped": 0}
    assert [pair["a"] for pair in made["pairs"]] == ["turned.png"]
    code, out, err = geoglot_command("data", "overlap", folder, folder, "-o", "pairs.csv")
    assert (code, out) == (0, "")
    assert (tmp_path / "pairs.csv").read_text() == "a,b,bits,turn\n"
    assert geoglot_command("data", "overlap", "rsicd:all", folder)[0] == 2
    code, _, err = geoglot_command("data", "overlap", "nothing", folder)
    assert code == 3
    assert "sources are aid" in err


def test_help_of_sub_commands(geoglot_command: Command) -> None:
    code, out, _ = geoglot_command("data", "shards", "--help")
    assert code == 0
    assert "goes on behind the last whole shard" in " ".join(out.split())
    code, _, err = geoglot_command("data", "overlaps")
    assert code == 2
    assert "'overlap'" in err


def test_render_writes_a_scene_and_says_what_is_true(geoglot_command: Command, tmp_path: Path) -> None:
    code, out, err = geoglot_command("data", "render", "harbour", "-o", "a.tif", "--gsd", 2, "--size", 128, "--truth", "t.tif")
    assert code == 0, err
    made = json.loads(out)
    assert made["captions"]
    assert all(set(row) == {"question", "answer", "kind"} for row in made["questions"])
    assert (tmp_path / "a.tif").stat().st_size > 1000
    assert (tmp_path / "t.tif").stat().st_size > 100
    assert geoglot_command("data", "render", "harbour", "-o", "a.png")[0] == 2
