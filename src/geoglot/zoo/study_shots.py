"""Study: 1 to 16 examples a class, by probes, by an adapter that also knows the words, and by words alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from geoglot.core.parts import find
from geoglot.evals.figure import Figure, spread
from geoglot.evals.kinds.probe import drawn
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.nn import folds
from geoglot.nn.heads import fit_linear
from geoglot.text.sentences import PROMPTS
from geoglot.zoo._study import STEPS, Floats, Ints, StudyConfig, conduct, numbered, right, unit

SETS = {"harvey": "Harvey (unseen)", "ucm": "UC Merced (seen in training)"}


class Recipe(StudyConfig):
    """``shots`` examples a class, drawn ``draws`` times; ``l2`` is the probes' decay.

    ``scale`` turns cosines into logits; `nano` has learned 16.
    """

    recipe: Literal["study_shots"] = "study_shots"
    shots: tuple[int, ...] = (1, 2, 4, 8, 16)
    draws: int = Field(default=10, ge=5)
    l2: float = Field(default=1e-3, gt=0)
    scale: float = Field(default=16.0, gt=0)


class Task:
    """A set seen by several models: features of pictures to draw from and of those asked, and the classes in words."""

    def __init__(self, recipe: Recipe, source: str, looks: Sequence[Any], model: Any) -> None:
        classes = find("data.sources", source).CARD.classes
        parts = [recipe.samples(source, split) for split in ("train", "test")]
        self.names = sorted(classes)
        self.y, self.truth = (numbered(part, self.names) for part in parts)
        self.group: Ints = np.unique([str(item.lonlat or item.id) for item in parts[1]], return_inverse=True)[1].reshape(-1)
        self.features = {look.spec.id: [recipe.vectors(look, part) for part in parts] for look in looks}
        self.words = words_of(model, [classes[name] for name in self.names])


def words_of(model: Any, phrases: Sequence[Sequence[str]]) -> Floats:
    """Unit vectors (K, D) of classes: the mean over prompts and phrases."""
    rows = [model.text([prompt.format(phrase) for phrase in one for prompt in PROMPTS]).cpu().numpy().mean(0) for one in phrases]
    means = np.stack(rows)
    found: Floats = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return found


def answers(recipe: Recipe, task: Task, method: str, look: str, rows: Ints) -> Ints:
    """What a head says of the asked pictures that was fitted on some rows of the others."""
    x, held = task.features[look]
    if method == "probe":
        taught, asked = unit(x[rows], held)
        found: Ints = fit_linear(taught, task.y[rows], len(task.names), recipe.l2, steps=STEPS).logits(asked).argmax(1)
        return found
    fit = next(iter(folds.candidates("adapter", task.words, 1 / recipe.scale).values()))
    chosen: Ints = fit(x[rows], task.y[rows]).logits(held).argmax(1)
    return chosen


def curve(recipe: Recipe, task: Task, source: str, method: str, look: str) -> list[Figure]:
    """Accuracy of a method at every number of examples, with its interval over draws."""
    found = []
    for shots in recipe.shots:
        if shots <= np.bincount(task.y).min():
            values = [
                100 * float(np.mean(answers(recipe, task, method, look, drawn(task.y, shots, draw)) == task.truth))
                for draw in range(recipe.draws)
            ]
            found.append(spread(values, "accuracy", {"method": f"{method} on {look}", "set": source, "shots": shots}))
    return found


def study(recipe: Recipe) -> Report:
    """Draw the curves of all methods."""
    model = recipe.load()
    bare, own = recipe.towers(model)
    joint = model.spec.id
    methods = (("probe", bare.spec.id), ("probe", own.spec.id), ("probe", joint), ("adapter", joint))
    found: list[Figure] = []
    baselines: dict[str, Mapping[str, float]] = {}
    words: dict[str, Figure] = {}
    data: dict[str, str] = {}
    for source, title in SETS.items():
        task = Task(recipe, source, (bare, own, model), model)
        for method, look in methods:
            found += curve(recipe, task, source, method, look)
        said = (task.features[joint][1] @ task.words.T).argmax(1)
        over = "places" if source == "harvey" else "pictures"
        words[source] = right(said, task.truth, {"method": "words alone", "set": source, "shots": 0}, task.group, over)
        majority = 100 * float(np.bincount(task.truth).max()) / len(task.truth)
        baselines[source] = {"chance": 100 / len(task.names), "majority": majority}
        data[source] = f"examples from {len(task.y)} pictures of train, {len(task.truth)} of test asked; {title}"
    return Report(
        title="One to sixteen examples a class",
        asks="How fast do heads on frozen features learn classes, and when do examples beat words?",
        models=recipe.told(model, own, bare),
        data=data,
        figures=[*words.values(), *found],
        baselines=baselines,
        panels=panels(found, words),
        protocols={},
        notes=[
            f"Intervals are Student's over {recipe.draws} draws of examples; those of words alone are over the test set.",
            f"Nothing is chosen: probes have a decay of {recipe.l2:g}, the adapter (Tip-Adapter without training) its "
            "first setting.",
            "UC Merced was taught to nano: its words are prompted classification of seen classes. On Harvey they are zero-shot.",
        ],
    )


def panels(found: Sequence[Figure], words: Mapping[str, Figure]) -> list[Panel]:
    """One panel a set."""
    made = []
    for source, title in SETS.items():
        own = [one for one in found if one.of["set"] == source]
        lines = []
        for method in dict.fromkeys(str(one.of["method"]) for one in own):
            mine = [one for one in own if one.of["method"] == method]
            lines.append(Line(method, [float(one.of["shots"]) for one in mine], mine))
        made.append(Panel(title, "examples a class", "accuracy (%)", lines, {"words alone": words[source].value}))
    return made


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe), recipe, folder)
