"""The same run in one process, in two, sharded over two, and killed again and again: their figures, and a picture of the curves.

A small open_clip model of the tests is fine-tuned on a few pictures made here, in float32. A killed run is ended by SIGKILL
as soon as it has logged some steps more, and started again by the same command.

    python benchmarks/resume.py [--steps 60] [--kills 3] [--picture docs/images/training-resume.png]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "train"))

from run_kit import settings, tiny_ucm  # noqa: E402

from geoglot.train import curves  # noqa: E402
from geoglot.train.folder import rows  # noqa: E402

SAME = ("loss", "norm", "ucm/mR", "ucm/acc")


def command(folder: Path, toml: Path, data: Path, steps: int, processes: int, **more: object) -> list[str]:
    sets = settings(data, steps=steps, lr=1e-3, batch=16, **{"train.save_every": 5, "train.validate_every": 10, **more})
    return [sys.executable, "-m", "geoglot", "train", str(toml), "--out", str(folder), "--processes", str(processes), *sets]


def run(told: list[str]) -> None:
    done = subprocess.run(told, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


def run_killed(told: list[str], folder: Path, kills: int, steps: int) -> list[int]:
    """Run to the end in spite of some kills; gives the last step that was logged before each."""
    metrics, struck = folder / "metrics.jsonl", []
    for number in range(1, kills + 1):
        process = subprocess.Popen(told, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=-3, stderr=-3, start_new_session=True)
        while process.poll() is None:
            done = rows(metrics)[-1]["step"] if metrics.exists() and rows(metrics) else 0
            if done >= number * steps // (kills + 1) + 2:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                struck.append(done)
                break
            time.sleep(0.01)
    run(told)
    return struck


def gap(a: Path, b: Path) -> float:
    """The largest difference of any figure of two runs, relative to its size."""
    one, two = (rows(folder / "metrics.jsonl") for folder in (a, b))
    assert [row["step"] for row in one] == [row["step"] for row in two]
    pairs = [(x[key], y[key]) for x, y in zip(one, two, strict=True) for key in SAME if key in x]
    return max(abs(x - y) / max(1.0, abs(x)) for x, y in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, toml = Path(place), Path(place) / "run.toml"
        data = tiny_ucm(folder / "data", 16)
        toml.write_text('recipe = "finetune"\n')
        one, two, fsdp, killed = (folder / name for name in ("one", "two", "fsdp", "killed"))
        run(command(one, toml, data, args.steps, 1))
        print(f"| {args.steps} steps against one process that was never stopped | largest difference of a figure |\n|---|---|")
        run(command(two, toml, data, args.steps, 2))
        print(f"| two processes | {gap(one, two):.1e} |", flush=True)
        run(command(fsdp, toml, data, args.steps, 2, **{"train.parallel": '"fsdp"'}))
        print(f"| two processes, sharded | {gap(one, fsdp):.1e} |", flush=True)
        struck = run_killed(command(killed, toml, data, args.steps, 1), killed, args.kills, args.steps)
        print(f"| killed after steps {', '.join(map(str, struck))} | {gap(one, killed):.1e} |", flush=True)
        if args.picture:
            named = {"one process": one, "two processes": two, f"killed {len(struck)} times, resumed": killed}
            told = {name: [_plain(row) for row in rows(run / "metrics.jsonl")] for name, run in named.items()}
            curves.draw(told, args.picture)


def _plain(row: dict[str, float]) -> dict[str, float]:
    """Of the validation, the one figure that the picture has room for."""
    return {key: value for key, value in row.items() if key in ("step", "loss", "ucm/mR")}


if __name__ == "__main__":
    main()
