"""Study: the tower after image-text training on pictures from above against the same tower from ImageNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from geoglot.evals.figure import Figure, measured
from geoglot.evals.kinds.probe import Draws, drawn
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.nn.heads import fit_linear
from geoglot.zoo._study import STEPS, Ints, StudyConfig, conduct, numbered, unit

SETS = {"harvey": "Harvey (unseen)", "ucm": "UC Merced (seen in training)"}
ALL = 0


class Recipe(StudyConfig):
    """``shots`` examples a class (0: the whole training split), drawn ``draws`` times; ``l2`` is the probe's decay."""

    recipe: Literal["study_pretraining"] = "study_pretraining"
    shots: tuple[int, ...] = (4, 16, 64, ALL)
    draws: int = Field(default=5, ge=2)
    l2: float = Field(default=1e-3, gt=0)


def study(recipe: Recipe) -> Report:
    """Fit probes on either tower's features, on the same examples."""
    model = recipe.load()
    towers = recipe.towers(model)
    found: list[Figure] = []
    baselines: dict[str, Mapping[str, float]] = {}
    data: dict[str, str] = {}
    for source in SETS:
        parts = {split: recipe.samples(source, split) for split in ("train", "test")}
        names = sorted({str(item.label) for item in parts["test"]})
        y, truth = (numbered(part, names) for part in parts.values())
        group: Ints = np.unique([str(item.lonlat or item.id) for item in parts["test"]], return_inverse=True)[1].reshape(-1)
        baselines[source] = {"chance": 100 / len(names), "majority": 100 * float(np.bincount(truth).max()) / len(truth)}
        data[source] = f"{len(y)} pictures of train for probes, {len(truth)} of test; {SETS[source]}"
        for tower in towers:
            x, held = (recipe.vectors(tower, part) for part in parts.values())
            for shots in recipe.shots:
                if shots > np.bincount(y).max():
                    continue
                hits = []
                for draw in range(recipe.draws if shots else 1):
                    rows = drawn(y, shots, draw) if shots else np.arange(len(y))
                    taught, asked = unit(x[rows], held)
                    head = fit_linear(taught, y[rows], len(names), recipe.l2, steps=STEPS)
                    hits.append(head.logits(asked).argmax(1) == truth)
                of: dict[str, str | float] = {"tower": tower.spec.id, "set": source, "shots": shots}
                over = "places" if source == "harvey" else "pictures"
                found.append(measured(Draws({"accuracy": np.array(hits)}), "accuracy", of, len(truth), group, over))
    return Report(
        title="Domain pretraining against none",
        asks="What does training a tower with texts on pictures from above add to a linear probe on a set that it never saw?",
        models=recipe.told(*towers),
        data=data,
        figures=found,
        baselines=baselines,
        panels=panels(found, baselines),
        protocols={},
        notes=[
            f"Probe: linear, on standardised mean and maximum of the tower's map, decay {recipe.l2:g} set beforehand; "
            f"the same examples for both towers, means of {recipe.draws} draws. 0 shots: the whole training split.",
            "Nano's tower has seen the train split of UC Merced with captions and class names, so only Harvey shows what "
            "carries over.",
            "Intervals are over test places (Harvey) or pictures.",
        ],
    )


def panels(found: Sequence[Figure], baselines: Mapping[str, Mapping[str, float]]) -> list[Panel]:
    """One panel a set."""
    made = []
    for source, title in SETS.items():
        own = [one for one in found if one.of["set"] == source]
        lines = []
        for tower in dict.fromkeys(str(one.of["tower"]) for one in own):
            mine = [one for one in own if one.of["tower"] == tower]
            lines.append(Line(tower, [f"{one.of['shots']:g}" if one.of["shots"] else "all" for one in mine], mine))
        levels = {"chance": baselines[source]["chance"]} if source == "harvey" else {}
        made.append(Panel(title, "examples a class", "accuracy of a linear probe (%)", lines, levels))
    return made


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe), recipe, folder)
