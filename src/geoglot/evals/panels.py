"""Figures with their intervals as a picture: lines or bars over even steps, in colours that colour-blind people tell apart."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from geoglot.evals.figure import Figure

# Okabe and Ito 2008; markers and strokes differ too, so that the picture also works in grey
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STROKES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-")


@dataclass(frozen=True)
class Line:
    """Figures under one name, each at its place on the horizontal axis."""

    label: str
    at: Sequence[str | float]
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Panel:
    """One set of axes. Places stand at even steps in the order in which they come; ``levels`` are baselines by name."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    levels: Mapping[str, float] = field(default_factory=dict)
    form: Literal["lines", "bars"] = "lines"


def draw(panels: Sequence[Panel], file: Path) -> None:
    """Write the panels side by side as PNG, two in a row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    rows, columns = -(-len(panels) // 2), min(2, len(panels))
    canvas = Canvas(figsize=(4.7 * columns, 3.7 * rows), layout="constrained")
    FigureCanvasAgg(canvas)
    grid = canvas.subplots(rows, columns, squeeze=False).flat
    for axes, panel in zip(grid, panels, strict=False):
        _panel(axes, panel)
    for axes in list(grid)[len(panels) :]:
        axes.set_axis_off()
    drawn = io.BytesIO()
    canvas.savefig(drawn, format="png", dpi=96)
    with Image.open(drawn) as image:  # a palette is enough for lines on white, and a third of the size
        image.convert("RGB").quantize(64).save(file, format="png", optimize=True)


def _panel(axes: Any, panel: Panel) -> None:
    places = list(dict.fromkeys(place for line in panel.lines for place in line.at))
    for number, line in enumerate(panel.lines):
        x = [float(places.index(place)) for place in line.at]
        values = [one.value for one in line.figures]
        reach = [
            [max(0.0, one.value - (one.value if one.low is None else one.low)) for one in line.figures],
            [max(0.0, (one.value if one.high is None else one.high) - one.value) for one in line.figures],
        ]
        colour = COLOURS[number % len(COLOURS)]
        if panel.form == "bars":
            width = 0.8 / len(panel.lines)
            x = [place + (number - (len(panel.lines) - 1) / 2) * width for place in x]
            axes.bar(
                x, values, width * 0.92, yerr=reach, color=colour, label=line.label, error_kw={"elinewidth": 1, "capsize": 2}
            )
        else:
            shift = 0.04 * (number - (len(panel.lines) - 1) / 2)  # so that intervals do not hide each other
            axes.errorbar(
                [place + shift for place in x], values, reach, color=colour, label=line.label, marker=MARKERS[number % 7],
                linestyle=STROKES[number % 7], markersize=5, linewidth=1.5, capsize=2, elinewidth=1,
            )  # fmt: skip
    for number, (name, value) in enumerate(panel.levels.items()):
        axes.axhline(value, color="0.45", linewidth=1, linestyle=(0, (1, 1 + number)), label=name)
    axes.set_xticks(range(len(places)), [place if isinstance(place, str) else f"{place:g}" for place in places], fontsize=8)
    axes.set_title(panel.title, fontsize=10)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5)
