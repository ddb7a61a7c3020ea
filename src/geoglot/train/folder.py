"""The folder of a run: its resolved configuration, its figures as JSON lines, their curves, how and with what it ran."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from geoglot import __version__
from geoglot.core.config import Config, dump_toml, load_toml
from geoglot.core.errors import ConfigError
from geoglot.train import checkpoint

LIBRARIES = ("torch", "accelerate", "transformers", "peft", "numpy")


class RunFolder:
    """One run's files: ``config.toml``, ``metrics.jsonl``, ``curves.png``, ``run.json``, ``last.pt``, ``best.pt``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config, self.metrics, self.curves, self.record, self.last, self.best = (
            path / name for name in ("config.toml", "metrics.jsonl", "curves.png", "run.json", "last.pt", "best.pt")
        )

    def claim(self, recipe: Config, free: Collection[str] = ()) -> None:
        """Write the configuration; where the folder holds a run, it must be of the same but for the ``free`` keys.

        Raises ConfigError otherwise.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if self.config.exists():
            held = load_toml(type(recipe), self.config)
            found = _changes(held.model_dump(), recipe.model_dump(), ())
            changed = [
                f"{'.'.join(path)} was {a!r}, is now {b!r}"
                for path, a, b in found
                if not (path[-1] in free and path[:-1] in ((), ("train",)) and (path[:-1] or not hasattr(recipe, "train")))
            ]
            if changed:
                raise ConfigError(
                    f"{self.path} holds a run of another configuration ({'; '.join(changed[:4])}): choose another "
                    "folder, or empty this one"
                )
        self._write(self.config, dump_toml(recipe))

    def begin(self, step: int, processes: int, device: str, precision: str) -> None:
        """Note that a process begins at a step, with what versions, and drop figures after that step: they come again."""
        told = json.loads(self.record.read_text(encoding="utf-8")) if self.record.exists() else {"starts": []}
        told["starts"].append(
            {
                "step": step,
                "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "command": sys.argv,
                "processes": processes,
                "threads": torch.get_num_threads(),
                "device": device,
                "precision": precision,
                "python": platform.python_version(),
                "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
                "versions": {"geoglot": __version__} | {name: found for name in LIBRARIES if (found := _version(name))},
            }
        )
        self._write(self.record, json.dumps(told, indent=2) + "\n")
        if self.metrics.exists():
            kept = [json.dumps(row) for row in rows(self.metrics) if row.get("step", 0) <= step]
            self._write(self.metrics, "".join(line + "\n" for line in kept))

    def log(self, row: Mapping[str, Any]) -> None:
        """Add one line of figures."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def draw(self) -> None:
        """Draw the curves of what was logged so far."""
        from geoglot.train import curves

        curves.draw({self.path.name: rows(self.metrics)}, self.curves)

    @staticmethod
    def _write(file: Path, text: str) -> None:
        data = text.encode()
        checkpoint.write(file, lambda stream: stream.write(data))


def rows(file: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a last line that was cut off in writing is left out."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _changes(a, b, (*path, key))
        elif a != b:
            yield (*path, key), a, b


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
