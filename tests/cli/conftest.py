"""Small scenes, an encoder that knows colours in the place of the models, and the command in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_kit import Colours, Command, write_scene

import geoglot.models
from geoglot.cli.main import run


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Three scenes, six tiles each: around 3 degrees east, with dates in two names."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    write_scene(folder / "red_20200105.tif", "red", 500_000)
    write_scene(folder / "green_20210610.tif", "green", 600_000)
    write_scene(folder / "blue.tif", "blue", 0, crs=None)
    return folder


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Colours:
    made = Colours()
    monkeypatch.setattr(geoglot.models, "load", lambda name, **_: made, raising=False)
    monkeypatch.setattr(geoglot.models, "text_encoder", lambda name: made, raising=False)
    return made


@pytest.fixture
def geoglot_command(
    capfd: pytest.CaptureFixture[str], model: Colours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run a command line in the temporary folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def indexed(geoglot_command: Command, scenes: Path) -> Command:
    """The command, after `geoglot index scenes -o archive`."""
    code, _, err = geoglot_command("index", scenes, "-o", "archive")
    assert code == 0, err
    return geoglot_command
