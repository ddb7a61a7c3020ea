"""Study: what a probe loses when it moves to other places, between regions of one flood and between rendered climates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from geoglot.data.sample import Sample
from geoglot.data.sources.harvey import CARD, CELL
from geoglot.data.synth import SCENES
from geoglot.data.synth.scenes import HERE
from geoglot.evals.figure import Figure, measured
from geoglot.evals.kinds.probe import Draws
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.nn import folds
from geoglot.nn.heads import fit_linear
from geoglot.zoo._rendered import FIRST_SEED, Look, Pictures, taken
from geoglot.zoo._study import STEPS, Floats, Ints, StudyConfig, conduct, numbered, right, unit

CLASSES = sorted(CARD.classes)
FOLDS = 5
CLIMATES = (
    Look("temperate summer", 2.0, 2, HERE, datetime(2021, 6, 20, tzinfo=UTC)),
    Look("temperate winter", 2.0, 2, HERE, datetime(2021, 1, 20, tzinfo=UTC)),
    Look("northern spring", 2.0, 2, (25.0, 64.0), datetime(2021, 4, 1, tzinfo=UTC)),
    Look("tropics", 2.0, 2, (20.0, 3.0), datetime(2021, 6, 20, tzinfo=UTC)),
)


class Recipe(StudyConfig):
    """``border`` is the longitude between the regions, ``l2`` the probe's decay; ``places`` of each kind are rendered twice,
    for the probe and for the test.
    """

    recipe: Literal["study_shift"] = "study_shift"
    border: float = -96.5
    draws: int = Field(default=5, ge=2)
    l2: float = Field(default=1e-3, gt=0)
    places: int = Field(default=2, ge=1)


class Region:
    """The pictures of one side of the border: features, labels, the place and the cell of each, and which are held out."""

    def __init__(self, x: Floats, items: Sequence[Sample], test: Sequence[bool]) -> None:
        self.x, self.y, self.test = x, numbered(items, CLASSES), np.array(test)
        where = np.array([item.lonlat for item in items])
        self.place: Ints = np.unique(where, axis=0, return_inverse=True)[1].reshape(-1)
        self.cell: Ints = np.unique(np.floor(where / CELL), axis=0, return_inverse=True)[1].reshape(-1)

    def drawn(self, count: int, rng: np.random.Generator) -> Ints:
        """Rows of about ``count`` pictures at random places that are not held out."""
        own = np.flatnonzero(~self.test)
        chosen = rng.permutation(np.unique(self.place[own]))[: round(count * len(np.unique(self.place[own])) / len(own))]
        return own[np.isin(self.place[own], chosen)]


def fitted(recipe: Recipe, x: Floats, y: Ints, asked: Floats, classes: int) -> Ints:
    """Answers of a probe on standardised features."""
    taught, held = unit(x, asked)
    answers: Ints = fit_linear(taught, y, classes, recipe.l2, steps=STEPS).logits(held).argmax(1)
    return answers


def figure(recipe: Recipe, name: str, pair: str, rows: Sequence[Ints], truth: Ints, place: Ints) -> Figure:
    """Mean accuracy over draws, with its interval over places."""
    hits = np.array([answers == truth for answers in rows])
    return measured(
        Draws({"accuracy": hits}), "accuracy", {"tower": name, "on": "harvey", "pair": pair}, len(truth), place, "places"
    )


def across(recipe: Recipe, name: str, west: Region, east: Region) -> list[Figure]:
    """Fit in one region and test in the other, and within each, always on as many pictures."""
    fold = folds.split(west.y, west.cell, FOLDS)
    within = np.zeros_like(west.y)
    sizes = []
    for k in range(FOLDS):
        within[fold == k] = fitted(recipe, west.x[fold != k], west.y[fold != k], west.x[fold == k], len(CLASSES))
        sizes.append(int((fold != k).sum()))
    count = round(float(np.mean(sizes)))
    held = np.flatnonzero(east.test)
    rows: dict[str, list[Ints]] = {"west to east": [], "east to east": [], "east to west": []}
    for draw in range(recipe.draws):
        rng = np.random.default_rng([recipe.seed, draw])
        some = rng.permutation(np.unique(west.place))[: round(count * len(np.unique(west.place)) / len(west.y))]
        own = np.isin(west.place, some)
        rows["west to east"].append(fitted(recipe, west.x[own], west.y[own], east.x[held], len(CLASSES)))
        other = east.drawn(count, rng)
        both = fitted(recipe, east.x[other], east.y[other], np.concatenate([east.x[held], west.x]), len(CLASSES))
        rows["east to east"].append(both[: len(held)])
        rows["east to west"].append(both[len(held) :])
    found = [figure(recipe, name, "west to west", [within], west.y, west.place)]
    for pair, answers in rows.items():
        truth, place = (west.y, west.place) if pair.endswith("west") else (east.y[held], east.place[held])
        found.append(figure(recipe, name, pair, answers, truth, place))
    return found


def harvey(recipe: Recipe, towers: Sequence[Any]) -> list[Figure]:
    """The flood's two regions, by either tower."""
    items: list[Sample] = []
    test: list[bool] = []
    for split in ("train", "val", "test"):
        more = recipe.samples("harvey", split)
        items, test = items + more, test + [split == "test"] * len(more)
    side = np.array([item.lonlat is not None and item.lonlat[0] < recipe.border for item in items])
    found = []
    for tower in towers:
        x = recipe.vectors(tower, items)
        regions = []
        for west in (True, False):
            rows = np.flatnonzero(side == west)
            regions.append(Region(x[rows], [items[i] for i in rows], [test[i] for i in rows]))
        found += across(recipe, tower.spec.id, *regions)
    return found


def climates(recipe: Recipe, towers: Sequence[Any], size: int) -> list[Figure]:
    """Rendered places: a probe that is fitted in one climate names scenes of other places in every climate."""
    taught = taken(CLIMATES[:1], recipe.places, size, FIRST_SEED + 10_000)[CLIMATES[0].name]
    asked = taken(CLIMATES, recipe.places, size, FIRST_SEED + 20_000)
    found = []
    for tower in towers:
        x = recipe.vectors(tower, taught.items)
        for name, own in asked.items():
            answers = fitted(recipe, x, taught.truth, recipe.vectors(tower, own.items), len(SCENES))
            found.append(_scene(tower.spec.id, name, answers, own))
    return found


def _scene(tower: str, climate: str, answers: Ints, own: Pictures) -> Figure:
    of = {"tower": tower, "on": "rendered", "pair": climate}
    return right(answers, own.truth, of, own.place, "places")


def study(recipe: Recipe) -> Report:
    """Measure both kinds of shift."""
    model = recipe.load()
    towers = recipe.towers(model)
    found = [*harvey(recipe, towers), *climates(recipe, towers, model.spec.size)]
    return Report(
        title="Geographic shift",
        asks="How much does a probe lose in a region, or a climate, that it was not fitted in?",
        models=recipe.told(*towers),
        data={
            "harvey": f"damaged or not, by longitude west and east of {recipe.border}; unseen by every tower",
            "rendered": f"{recipe.places} places of each kind to fit, as many others to test, at 2 m, dressed for their climate",
        },
        figures=found,
        baselines={"harvey": {"chance": 50.0}, "rendered": {"chance": 100 / len(SCENES)}},
        panels=panels(found),
        protocols={},
        notes=[
            "Harvey: each probe is fitted to as many pictures (four fifths of the west); west to west is "
            f"cross-validated with whole cells of {CELL} degrees held out, east is tested on its "
            f"held-out cells; means of {recipe.draws} draws of places.",
            f"The probe is a linear head with a decay of {recipe.l2:g}, set beforehand. Intervals are over places.",
            "Climates: the renderer dresses vegetation, snow, water and sun for date and latitude; buildings and soils stay the "
            "same, so this is less than a biome. Rendered scenes of other places were taught to nano's tower.",
        ],
    )


def panels(found: Sequence[Figure]) -> list[Panel]:
    """One panel for the flood and one for the climates."""

    def lines(on: str) -> list[Line]:
        own = [one for one in found if one.of["on"] == on]
        towers: Mapping[str, None] = dict.fromkeys(str(one.of["tower"]) for one in own)
        return [
            Line(
                tower,
                [str(one.of["pair"]).replace(" ", "\n", 1) for one in own if one.of["tower"] == tower],
                [one for one in own if one.of["tower"] == tower],
            )
            for tower in towers
        ]

    return [
        Panel("Harvey, damaged or not", "fitted in, tested in", "accuracy (%)", lines("harvey"), {"chance": 50.0}, "bars"),
        Panel("Rendered scenes, fitted in temperate summer", "tested in", "accuracy (%)", lines("rendered"), form="bars"),
    ]


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe), recipe, folder)
