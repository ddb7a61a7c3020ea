"""Figures over steps as a picture: the loss, and what the validation gave."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geoglot.train import checkpoint

APART = ("step", "steps_per_s", "rate", "norm", "loss", "skipped")  # not figures of the validation


def draw(runs: Mapping[str, Sequence[Mapping[str, Any]]], file: Path) -> None:
    """Draw the rows of one or several runs, by name, as PNG: the loss on the left, figures of the validation on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4))
    figure.subplots_adjust(0.07, 0.15, 0.98, 0.9)  # fixed: a layout that is computed takes twice as long to draw
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for number, (name, rows) in enumerate(runs.items()):
        style = {"linestyle": ("-", (0, (4, 3)), ":")[number % 3], "linewidth": (1.6, 2.2, 2.8)[number % 3]}
        losses = [(row["step"], row["loss"]) for row in rows if row.get("loss") is not None]
        left.plot(*zip(*losses, strict=True) if losses else ((), ()), color=f"C{number}", label=name, **style)
        measured = [row for row in rows if "loss" not in row]
        figures = sorted({key for row in measured for key in row} - set(APART))
        for index, key in enumerate(figures[:8]):
            points = [(row["step"], row[key]) for row in measured if isinstance(row.get(key), int | float)]
            label = key if len(runs) == 1 else f"{name}: {key}"
            right.plot(
                *zip(*points, strict=True) if points else ((), ()), marker=".", color=f"C{number + index}", label=label, **style
            )
    for axes, title in ((left, "loss"), (right, "validation")):
        axes.set(xlabel="step", title=title)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=100)
    checkpoint.write(file, lambda stream: stream.write(held.getvalue()))
