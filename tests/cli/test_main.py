"""The frame of the command: help without heavy imports, errors as exit codes, pipes and interrupts."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geoglot.cli import main as cli
from geoglot.core import errors
from geoglot.core.parts import names

VERBS = [name for name in names("cli") if name != "main"]
HEAVY = {"torch", "transformers", "rasterio", "lancedb", "pyarrow", "numpy", "pandas", "shapely", "rich"}


def shell(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "geoglot", *args], capture_output=True, text=True, timeout=120, **options)


def test_help_lists_every_verb_with_a_line() -> None:
    done = shell("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    listed = done.stdout.split("Commands:")[1].splitlines()
    for verb in VERBS:
        line = next(line for line in listed if line.split()[:1] == [verb])
        assert len(line.split()) > 3, line


@pytest.mark.parametrize("args", [["--help"], *[[verb, "--help"] for verb in VERBS]], ids=" ".join)
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        f"import sys; from geoglot.cli.main import run; code = run({args!r}); "
        "print(' '.join({name.split('.')[0] for name in sys.modules}), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert HEAVY.isdisjoint(done.stderr.split())
    assert "--help" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="times of POSIX processes")
def test_help_answers_at_once() -> None:
    """Under 0.3 s of the processor's time, the best of three: a wall clock would measure what else the machine does."""
    taken = []
    for _ in range(3):
        before = os.times()
        assert shell("--help").returncode == 0
        after = os.times()
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(taken) < 0.3


def test_no_arguments_is_help() -> None:
    done = shell()
    assert done.returncode == 2
    assert "Commands:" in done.stderr


def test_a_wrong_verb_names_the_nearest() -> None:
    done = shell("serach")
    assert done.returncode == 2
    assert "'search'" in done.stderr


def all_errors(base: type[errors.GeoglotError] = errors.GeoglotError) -> list[type[errors.GeoglotError]]:
    return [base, *[found for kind in base.__subclasses__() for found in all_errors(kind)]]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_an_error_gives_its_exit_code_and_message(
    kind: type[errors.GeoglotError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from geoglot.cli import version

    def broken(as_json: bool = False) -> None:
        raise kind("What to do next.")

    monkeypatch.setattr(version, "run", broken)
    assert cli.run(["version"]) == kind.exit_code
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: What to do next.\n")


@pytest.mark.parametrize(
    ("raised", "code", "part"),
    [
        (MemoryError(), 8, "--batch"),
        (OSError(errno.ENOSPC, "No space left on device", "x.tif"), 8, "free some space"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.tif"), 3, "x.tif"),
        (PermissionError(errno.EACCES, "Permission denied", "x.tif"), 2, "x.tif"),
        (RuntimeError("strange"), 1, "geoglot --debug"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_errors_are_told_shortly(raised: Exception, code: int, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.tell(raised) == code
    _, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert part in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from geoglot.cli import version

    def broken(as_json: bool = False) -> None:
        raise RuntimeError("strange")

    monkeypatch.setattr(version, "run", broken)
    assert cli.run(["--debug", "version"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "geoglot", "version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_ends_with_130_and_tells_how_to_go_on(tmp_path: Path) -> None:
    # a shell that starts the tests in the background has them ignore SIGINT, and children inherit that
    code = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import geoglot.models
from geoglot import archive
from geoglot.cli.main import run
geoglot.models.load = lambda name, **_: None
def index(*_, **__):
    print("started", flush=True)
    time.sleep(60)
archive.index = index
sys.exit(run(["index", "scenes"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in err
    assert "Traceback" not in err
