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
from browser_kit import serving

from geoglot.data.synth import Plan, demo_scenes
from geoglot.data.synth.series import series
from geoglot.geo.write import write_geotiff

SERVERS = ("geoglot serve ", "geoglot mcp ")
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
    """Lines after the prompt that come to an end; `make` is run by continuous integration."""
    return [line for line in lines() if not line.startswith(("make ", *SERVERS))]


def lines() -> list[str]:
    return [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `scenes/`, `chip.tif` and two dates of a place, and the command `geoglot` in `bin/`."""
    folder = tmp_path_factory.mktemp("readme")
    demo_scenes(folder / "scenes", seed=0, plans=PLANS)
    made = demo_scenes(folder / "chips", seed=7, plans=(Plan("chip", "harbour", 1.0, 144, DAY, (6.0, 52.0)),))
    made[0].path.rename(folder / "chip.tif")
    pair = series(4, dates=(DAY, DAY.replace(year=2022)), changes=3, size=216, sensor="sentinel-2").pair()
    for name, view in (("before", pair.before), ("after", pair.after)):
        write_geotiff(folder / f"{name}.tif", view.raster, tags={"SENSOR": "sentinel-2"})
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


def test_the_service_answers(run_all: dict[str, subprocess.CompletedProcess[str]], place: Path) -> None:
    line = next(line for line in lines() if line.startswith("geoglot serve "))
    with serving(place / line.split()[2], place / "state") as site:
        assert b"<title>" in site.get("")
        assert json.loads(site.get("api/archive"))["scenes"] == len(PLANS)


def test_the_tools_for_assistants_answer(run_all: dict[str, subprocess.CompletedProcess[str]], place: Path) -> None:
    line = next(line for line in lines() if line.startswith("geoglot mcp "))
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
    done = subprocess.run(
        [sys.executable, "-m", *line.split()],
        cwd=place,
        input=f"{asked}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert json.loads(done.stdout.splitlines()[0])["result"]["serverInfo"]["name"] == "geoglot", done.stderr


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
