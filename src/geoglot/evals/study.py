"""What a study writes: its figures with intervals and baselines as JSON and Markdown, and a picture of them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from geoglot import __version__
from geoglot.core.config import Config
from geoglot.evals.figure import Figure
from geoglot.evals.panels import Panel, draw


@dataclass(frozen=True)
class Measured:
    """A model that took part: name, hash of its weights, the data sets that its training used, its number format."""

    name: str
    hash: str
    taught: tuple[str, ...] = ()
    dtype: str = "float32"


@dataclass(frozen=True)
class Report:
    """A study: what it asks, of which models on which data, its figures, their picture, and what one has to know of them.

    ``data`` says for each set what was taught and measured; ``baselines`` are figures without a model; ``protocols`` gives hashes
    by name where a protocol was used.
    """

    title: str
    asks: str
    models: Sequence[Measured]
    data: Mapping[str, str]
    figures: Sequence[Figure]
    panels: Sequence[Panel]
    baselines: Mapping[str, Mapping[str, float]]
    protocols: Mapping[str, str]
    notes: Sequence[str] = ()

    def write(self, folder: Path, recipe: Config, seconds: float) -> None:
        """Write ``report.json``, ``report.md`` and ``report.png``."""
        folder.mkdir(parents=True, exist_ok=True)
        ran = {
            "geoglot": __version__,
            "torch": torch.__version__,
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "threads": torch.get_num_threads(),
            "seconds": round(seconds, 1),
        }
        plain = {
            "title": self.title,
            "asks": self.asks,
            "models": [vars(model) for model in self.models],
            "data": dict(self.data),
            "protocols": dict(self.protocols),
            "baselines": {name: {key: round(value, 3) for key, value in part.items()} for name, part in self.baselines.items()},
            "figures": [figure.plain() for figure in self.figures],
            "notes": list(self.notes),
            "recipe": recipe.model_dump(mode="json", exclude={"root", "cache"}),
            "ran": ran,
        }
        (folder / "report.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        (folder / "report.md").write_text(self._page(ran), encoding="utf-8")
        draw(self.panels, folder / "report.png")

    def _page(self, ran: Mapping[str, Any]) -> str:
        lines = [f"# {self.title}", "", self.asks, "", "![Figures](report.png)", ""]
        for metric in dict.fromkeys(figure.metric for figure in self.figures):
            lines += [f"## {metric}", "", *_table([figure for figure in self.figures if figure.metric == metric]), ""]
        if self.baselines:
            told = [f"- {name}: {'; '.join(f'{k} {v:.1f}' for k, v in part.items())}" for name, part in self.baselines.items()]
            lines += ["## Without a model", "", *told, ""]
        lines += ["## Models", ""]
        for model in self.models:
            taught = ", ".join(model.taught) or "none of the sets here"
            lines.append(f"- {model.name} (hash {model.hash[:12]}, {model.dtype}); trained on {taught}")
        lines += ["", "## Data", "", *(f"- {name}: {text}" for name, text in self.data.items()), ""]
        if self.protocols:
            lines += ["## Protocols", "", *(f"- {name}, hash {code}" for name, code in self.protocols.items()), ""]
        if self.notes:
            lines += ["## Notes", "", *(f"- {note}" for note in self.notes), ""]
        machine = ", ".join(f"{name} {value}" for name, value in ran.items())
        return "\n".join([*lines, f"Ran with {machine}.", ""])


def _table(figures: Sequence[Figure]) -> list[str]:
    keys = list(dict.fromkeys(key for figure in figures for key in figure.of))
    rows = [[*keys, "value", "95 % interval", "n"], ["---"] * (len(keys) + 3)]
    for figure in figures:
        bounds = "" if figure.low is None or figure.high is None else f"{figure.low:.1f} to {figure.high:.1f}"
        settings = [figure.of.get(key, "") for key in keys]
        values = [one if isinstance(one, str) else f"{one:g}" for one in settings]
        rows.append([*values, f"{figure.value:.4g}", bounds, f"{figure.n} {figure.over}"])
    return [f"| {' | '.join(row)} |" for row in rows]
