"""`geoglot recipe` and `geoglot train` on a tiny data set, from TOML to a model that loads, stopped and gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("accelerate", reason="training needs the extra [train]")
pytest.importorskip("transformers", reason="published models need the extra [hub]")

from run_kit import settings, tiny_ucm

from geoglot import models
from geoglot.cli.main import run
from geoglot.core.parts import names
from geoglot.train.folder import rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ucm(tmp_path_factory.mktemp("data"))


def figures(folder: Path) -> list[dict[str, object]]:
    return [{k: v for k, v in row.items() if k != "steps_per_s"} for row in rows(folder / "metrics.jsonl")]


def test_recipes_are_listed_and_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["recipe"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == names("zoo")
    for name in names("zoo"):
        assert run(["recipe", name]) == 0
        assert capsys.readouterr().out.startswith(f'recipe = "{name}"\n')
    assert run(["recipe", "nano", "--set", "train.steps=7"]) == 0
    assert "\nsteps = 7\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["recipe", "nanno"], 3, "Did you mean nano, nano_gen, nano_chat?"),
        (["recipe", "nano", "--set", "train.stepps=7"], 2, "unknown key 'train.stepps'. Did you mean 'steps'?"),
        (["train", "none.toml"], 3, "no configuration file none.toml"),
        (["train", "run.toml", "--set", "train.ema=2"], 2, "train.ema: "),
        (["train", "run.toml", "--set", 'train.schedule="cosin"'], 2, "'cosine'"),
        (["train", "run.toml", "--set", "tunne=1"], 2, "Did you mean 'tune'?"),
        (["train", "odd.toml"], 2, "names no recipe: begin from `geoglot recipe NAME > odd.toml` (average, "),
        (["train", "other.toml"], 3, "Did you mean finetune?"),
    ],
)
def test_mistakes_are_told_before_any_work(
    args: list[str], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text('recipe = "finetune"\n')
    Path("odd.toml").write_text("steps = 3\n")
    Path("other.toml").write_text('recipe = "finetun"\n')
    assert run(args) == code
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["odd.toml", "other.toml", "run.toml"]


@pytest.mark.parametrize("tune", ["full", "lora", "adapter"])
def test_a_run_from_toml_to_a_model(
    tune: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["recipe", "finetune", *settings(data, tune=f'"{tune}"', lr=0.003, **{"lora.rank": 2})]) == 0
    Path("run.toml").write_text(capsys.readouterr().out)
    assert run(["train", "run.toml"]) == 0
    out = capsys.readouterr().out
    folder = Path("runs") / "run"
    assert out.strip() == str(folder)
    assert Path(folder / "config.toml").read_text() == Path("run.toml").read_text()
    measured = [row for row in rows(folder / "metrics.jsonl") if "ucm/mR" in row]
    assert [row["step"] for row in measured] == [3, 6]
    tuned, plain = models.load(folder / "model", dtype="float32"), models.load(data_model(), activation="gelu", dtype="float32")
    texts = ["a forest from above .", "a river"]
    assert float((tuned.text(texts) - plain.text(texts)).abs().max()) > 1e-4
    # the same command again finds nothing to do, and the same model
    before = (folder / "model" / "model.safetensors").read_bytes()
    assert run(["train", "run.toml"]) == 0
    assert (folder / "model" / "model.safetensors").read_bytes() == before
    assert run(["train", "run.toml", "--set", "lr=0.1"]) == 2
    assert "lr was 0.003, is now 0.1" in capsys.readouterr().err


def data_model() -> Path:
    from run_kit import GOLDENS

    return GOLDENS / "open_clip_vit.pt"


def test_siglip_objective_and_a_frozen_text_tower(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.toml").write_text('recipe = "finetune"\n')
    sets = settings(data, steps=2, objective='"siglip"', text="false", tune='"lora"', **{"train.cache": 4})
    assert run(["train", str(tmp_path / "run.toml"), "--out", str(tmp_path / "x"), *sets]) == 0
    tuned, plain = models.load(tmp_path / "x" / "model"), models.load(data_model(), activation="gelu")
    assert float((tuned.text(["a river"]) - plain.text(["a river"])).abs().max()) < 1e-6


def test_towers_that_cannot_be_written_are_refused_at_once(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text('recipe = "finetune"\n')
    sets = settings(data, model=f'"{data_model().with_name("open_clip_resnet.pt")}"', activation='"quick_gelu"')
    assert run(["train", str(tmp_path / "run.toml"), "--out", str(tmp_path / "x"), *sets]) == 2
    assert "ResNet tower" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_two_processes_have_the_curve_of_one(data: Path, tmp_path: Path, root: Path) -> None:
    (tmp_path / "run.toml").write_text('recipe = "finetune"\n')
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    for name, count, parallel in (("one", 1, "ddp"), ("two", 2, "ddp"), ("sharded", 2, "fsdp")):
        sets = settings(data, **{"train.parallel": f'"{parallel}"'})
        args = ["train", "run.toml", "--out", name, "--processes", str(count), *sets]
        done = subprocess.run(
            [sys.executable, "-m", "geoglot", *args], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "two" / "run.json").read_text())["starts"][0]["processes"] == 2
    for other in ("two", "sharded"):
        for a, b in zip(figures(tmp_path / "one"), figures(tmp_path / other), strict=True):
            assert {k: pytest.approx(v, rel=1e-3, abs=1e-3) for k, v in a.items()} == b
