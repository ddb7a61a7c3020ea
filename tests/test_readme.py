"""The commands and the Python of README.md, run on rendered scenes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geoglot.data.synth import Plan, demo_scenes

README = Path(__file__).resolve().parent.parent / "README.md"
DAY = datetime(2020, 6, 1, tzinfo=UTC)
PLANS = (
    Plan("harbour", "harbour", 1.0, 432, DAY, (6.08, 52.36)),
    Plan("town", "houses", 1.0, 432, DAY, (6.05, 52.30)),
    Plan("woods", "woods", 1.5, 432, DAY, (6.18, 52.25)),
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Lines after the prompt; `make` is run by continuous integration."""
    lines = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if not line.startswith("make ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scenes/` and `chip.tif`, and the command `geoglot` in `bin/`."""
    folder = tmp_path_factory.mktemp("readme")
    demo_scenes(folder / "scenes", seed=0, plans=PLANS)
    made = demo_scenes(folder / "chips", seed=7, plans=(Plan("chip", "harbour", 1.0, 144, DAY, (6.0, 52.0)),))
    made[0].path.rename(folder / "chip.tif")
    tool = folder / "bin" / "geoglot"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m geoglot "$@"\n')
    tool.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def run_all(place: Path) -> dict[str, subprocess.CompletedProcess[str]]:
    """Every command of the README, in its order, in one folder."""
    environment = os.environ | {"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return {
        line: subprocess.run(line, shell=True, cwd=place, env=environment, capture_output=True, text=True, timeout=300)
        for line in commands()
    }


def test_the_readme_names_the_two_commands_and_five_examples() -> None:
    text = README.read_text(encoding="utf-8")
    assert "$ make demo\n$ make test\n" in text
    assert len(commands()) >= 4
    assert len(blocks("python")) == 1


@pytest.mark.parametrize("line", commands())
def test_a_command_runs(line: str, run_all: dict[str, subprocess.CompletedProcess[str]], place: Path) -> None:
    done = run_all[line]
    assert done.returncode == 0, done.stderr
    named = re.findall(r"(?:-o|--sheet) (\S+\.\w+)", line)
    for name in named:
        assert (place / name).stat().st_size > 100, f"{name} is empty"
    if " search " in line and " -o " not in line:
        assert json.loads(done.stdout)["features"]


def test_searches_with_filters_find_something(run_all: dict[str, subprocess.CompletedProcess[str]], place: Path) -> None:
    assert all(done.returncode == 0 for done in run_all.values())
    assert json.loads((place / "houses.geojson").read_text(encoding="utf-8"))["features"]
    assert len((place / "harbours.csv").read_text(encoding="utf-8").splitlines()) > 1


def test_the_python_runs(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[0]], cwd=place, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert json.loads((place / "hits.geojson").read_text(encoding="utf-8"))["features"]


def test_links_of_the_documents_lead_somewhere() -> None:
    root = README.parent
    for file in [README, root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (file.parent / target).exists(), f"{file.relative_to(root)} links to {target}"
