"""`geoglot generate`, `inpaint`, `outpaint` and what `info` tells of their files: what is written where, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from cli_kit import Colours, Command

import generate_kit as kit
import geoglot.models.generators
from geoglot.geo.scene import Scene


@pytest.fixture
def drawing(geoglot_command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command with a generator that draws in a moment, and a scene `a.tif`."""
    monkeypatch.setattr(geoglot.models.generators, "load", lambda *_: kit.Painter(steps=2))
    kit.scene(tmp_path / "a.tif", nodata=0)
    return geoglot_command


AT = ("--at", "-3.7,40.4", "--gsd", "10", "--size", "40", "-q")


def test_a_scene_on_the_ground(drawing: Command, tmp_path: Path) -> None:
    code, out, err = drawing("generate", "snowy farmland", *AT, "--seed", "7", "-o", "out.tif", "-o", "out.png")
    assert code == 0, err
    assert out.split() == ["scene", "pixels", "gsd", "model", "seed", "out.tif", "40", "x", "40", "10", "m", "painter@1", "7"]
    assert "written: out.tif" in err
    assert (tmp_path / "out.stac.json").exists()
    with Scene.open(tmp_path / "out.tif") as scene:
        assert scene.grid is not None
        assert scene.grid.lonlat() == pytest.approx((-3.7, 40.4))
    code, out, err = drawing("info", "out.tif", "out.png")
    assert out.count("Synthetic image, not an observation of the Earth; drawn by painter@1") == 2
    assert "'snowy farmland' with seed 7" in out
    (told,) = json.loads(drawing("info", "out.tif", "--json")[1])
    assert (told["sensor"], told["synthetic"]["prompt"], told["synthetic"]["how"]) == ("synthetic", "snowy farmland", "generated")
    (told,) = json.loads(drawing("info", "a.tif", "--json")[1])
    assert told["synthetic"] is None


def test_everything_as_json(drawing: Command) -> None:
    asked = ("--cloud", "0.2", "--date", "2021-06", "--sensor", "sentinel-2", "--avoid", "roads", "--label", "farmland")
    code, out, err = drawing("generate", "a", "-o", "a.webp", "--size", "48x40", "--json", "-q", "--steps", "1", *asked)
    assert code == 0, err
    (row,) = json.loads(out)
    assert (row["width"], row["height"], row["gsd"], row["model"]) == (48, 40, None, "painter")
    told = row["settings"]
    assert (told["cloud"], told["date"], told["label"], told["steps"]) == (0.2, "2021-06-01T00:00:00+00:00", "farmland", 1)


def test_many_into_a_folder(drawing: Command, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("a town\n\na lake\n")
    code, out, err = drawing("generate", "--prompts", "words.txt", "--count", "2", "-o", "many", "--format", "png", "-q")
    assert code == 0, err
    assert "4 scenes in many" in err
    assert len(out.splitlines()) == 5
    assert sorted(path.name for path in (tmp_path / "many").iterdir())[0] == "1-a-town-seed0.png"


def test_controls(drawing: Command, tmp_path: Path) -> None:
    kit.scene(tmp_path / "m.tif", count=1)
    code, _, err = drawing("generate", "a town", "--mask", "m.tif", "--weight", "mask=0.5", "-o", "out.tif", "-q")
    assert code == 0, err
    with Scene.open(tmp_path / "m.tif") as mask, Scene.open(tmp_path / "out.tif") as scene:
        assert scene.grid == mask.grid


def test_inpaint_and_outpaint(drawing: Command, tmp_path: Path) -> None:
    with Scene.open(tmp_path / "a.tif") as scene:
        assert scene.grid is not None
        edges = scene.grid.window(30, 40, 20, 20).footprint().bounds
    box = ",".join(f"{value:.7f}" for value in edges)
    code, out, err = drawing("inpaint", "a.tif", "a lake", "--box", box, "-o", "in.tif", "-q")
    assert code == 0, err
    code, out, err = drawing("outpaint", "a.tif", "a forest", "--by", "8,0,8,4", "-o", "more.tif", "-q")
    assert code == 0, err
    assert "144 x 100" in out
    with (
        rasterio.open(tmp_path / "a.tif") as one,
        rasterio.open(tmp_path / "in.tif") as two,
        rasterio.open(tmp_path / "more.tif") as three,
    ):
        a, b, c = one.read(), two.read(), three.read()
    assert 0 < (a != b).any(0).sum() <= 21 * 21
    assert (c[:, :96, 8:136] == a).all()
    assert np.array_equal(b[:, 4:14, 6:26], a[:, 4:14, 6:26])
    assert "Observation, inpainted: synthetic in part" in drawing("info", "in.tif")[1]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("generate", "a town"), "after -o"),
        (("generate", "-o", "x.tif"), "Say it in words"),
        (("generate", "a", "--prompts", "p.txt", "-o", "x"), "Say it in words"),
        (("generate", "--prompts", "none.txt", "-o", "x"), "no file none.txt"),
        (("generate", "a", "-o", "x.gif"), "says the format"),
        (("generate", "a", "-o", "x.tif", "--at", "6.1"), "LON,LAT"),
        (("generate", "a", "-o", "x.tif", "--at", "6.1,95", "--gsd", "10"), "not on the Earth"),
        (("generate", "a", "-o", "x.tif", "--size", "big"), "256 or 1024x512"),
        (("generate", "a", "-o", "x.tif", "--size", "0"), "from 1 to"),
        (("generate", "a", "-o", "x.tif", "--count", "3"), "into a folder"),
        (("generate", "a", "-o", "x.tif", "--format", "png"), "--format is for a folder"),
        (("generate", "a", "-o", "x.tif", "--weight", "mask"), "mask=0.5"),
        (("generate", "a", "-o", "a.tif", "--like", "a.tif"), "written over"),
        (("generate", "a", "-o", "x.tif", "--mask", "a.tif", "--size", "96x128"), "draw on its grid"),
        (("inpaint", "a.tif", "a lake", "-o", "x.tif"), "Say what is drawn anew"),
        (("inpaint", "a.tif", "a lake", "-o", "x.tif", "--box", "1,2,3"), "W,S,E,N"),
        (("inpaint", "a.tif", "a lake", "-o", "x.tif", "--box", "1,2,3,4", "--mask", "m.tif"), "in one way"),
        (("inpaint", "none.tif", "a lake", "-o", "x.tif", "--gaps"), "none.tif"),
        (("outpaint", "a.tif", "a lake", "-o", "x.tif"), "how far"),
        (("outpaint", "a.tif", "a lake", "-o", "x.tif", "--by", "1,2"), "left,top,right,bottom"),
    ],
)
def test_what_is_refused(drawing: Command, tmp_path: Path, args: tuple[str, ...], told: str) -> None:
    code, out, err = drawing(*args)
    assert code in (2, 3)
    assert out == ""
    assert told in err
    assert not (tmp_path / "x.tif").exists()


@pytest.mark.parametrize("name", ["nano", "nano@4"])
def test_a_model_that_does_not_draw(geoglot_command: Command, tmp_path: Path, name: str) -> None:
    code, _, err = geoglot_command("generate", "a town", "-o", "x.tif", "--model", name)
    assert (code, f"{name} draws nothing: use nano-gen" in err) == (5, True)
    code, _, err = geoglot_command("generate", "a town", "-o", "x.tif", "--model", "nano-gne")
    assert (code, "Did you mean nano-gen" in err) == (3, True)


def test_an_archive_keeps_what_is_synthetic_apart(drawing: Command, model: Colours, scenes: Path, tmp_path: Path) -> None:
    assert drawing("generate", "red", *AT, "-o", "drawn.tif")[0] == 0
    code, _, err = drawing("index", "drawn.tif", "scenes", "-o", "archive", "-q")
    assert code == 0, err
    assert "synthetic" in drawing("info", "archive")[1]
    code, out, _ = drawing("search", "archive", "red", "--sensor", "synthetic", "--json")
    assert {Path(hit["scene"]).name for hit in json.loads(out)["hits"]} == {"drawn.tif"}
