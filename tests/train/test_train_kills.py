"""Runs that are killed outright, and disks that fill up: the next start goes on to the same figures."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from dual_kit import CONFIG, batch, train

from geoglot.core.errors import ModelError, ResourceError
from geoglot.train import checkpoint
from geoglot.train.folder import rows

HERE = Path(__file__).parent


def start(folder: Path) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(HERE.parent.parent / "src"), str(HERE)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(HERE / "dual_kit.py"), str(folder)], env=environment, stderr=subprocess.PIPE)


def figures(folder: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "steps_per_s"} for row in rows(folder / "metrics.jsonl")]


def test_killed_and_resumed_gives_the_same_figures(tmp_path: Path) -> None:
    train(tmp_path / "whole")
    process = start(tmp_path / "cut")
    deadline = time.monotonic() + 120
    metrics = tmp_path / "cut" / "metrics.jsonl"
    while not metrics.exists() or len(rows(metrics)) < 6:  # five steps and a validation: past the checkpoint of step 3
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert checkpoint.load(tmp_path / "cut" / "last.pt")["step"] < CONFIG.steps
    module = train(tmp_path / "cut")
    assert figures(tmp_path / "cut") == figures(tmp_path / "whole")
    again = train(tmp_path / "whole")  # which has nothing left to do
    for a, b in zip(module.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


@contextlib.contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 8 kB: the system ends a write in the middle, as a full disk does.

    Not a fixture: pytest reports before it tears down, and its own output may be a longer file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)


def test_a_write_that_ends_in_the_middle(tmp_path: Path) -> None:
    file = tmp_path / "last.pt"
    checkpoint.save(file, {"step": 1, "x": torch.arange(3)})
    told = r"last\.pt could not be written.*still the checkpoint before.*Free some space"
    with small_files(), pytest.raises(ResourceError, match=told):
        checkpoint.save(file, {"step": 2, "x": torch.zeros(100_000)})
    assert checkpoint.load(file)["step"] == 1
    assert [found.name for found in tmp_path.iterdir()] == ["last.pt"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this user may not mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until nothing fits any more."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(handle, b"0" * 1024)
    os.close(handle)


def test_a_disk_that_fills_up(small_disk: Path) -> None:
    """A run goes well until the disk is full; then it says so, and after room is made it goes on to the same figures."""
    folder, filler = small_disk / "run", small_disk / "filler"

    def source(index: int) -> Any:
        if index == 4:
            fill(filler)
        return batch(index)

    config = CONFIG.model_copy(update={"log_every": 8, "validate_every": 8})
    with pytest.raises(ResourceError, match=r"The disk is full: .*last\.pt could not be written"):
        train(folder, config, source=source)
    assert checkpoint.load(folder / "last.pt")["step"] == 3
    filler.unlink()
    small = train(folder, config)
    whole = train(small_disk.parent / "whole", config)
    assert all(torch.equal(a, b) for a, b in zip(small.parameters(), whole.parameters(), strict=True))


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"steps": 3})
    train(tmp_path, config)
    whole = (tmp_path / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"last\.pt is damaged.*remove it to begin"):
        train(tmp_path, config)


def test_other_failures_pass_through(tmp_path: Path) -> None:
    def fails(_: Any) -> None:
        raise PermissionError(errno.EACCES, "no")

    with pytest.raises(PermissionError):
        checkpoint.write(tmp_path / "x", fails)
    assert list(tmp_path.iterdir()) == []
