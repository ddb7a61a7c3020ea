"""Study: haze, light and noise in grades on real pictures, and the seasons on rendered ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from geoglot.data.degrade import GRADES, redrawn, spoil
from geoglot.data.sample import Sample
from geoglot.data.synth import SCENES
from geoglot.data.synth.scenes import HERE
from geoglot.evals import protocol
from geoglot.evals.figure import Figure
from geoglot.evals.material import spread
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.models.ready import Ready
from geoglot.zoo._rendered import FIRST_SEED, PARTLY, Look, scene_words, taken, trivial
from geoglot.zoo._study import Ints, StudyConfig, by_protocol, conduct, figure, numbered, probe, right, unit

PROBED = "probe on ImageNet tower"
SEASONS = tuple(
    Look(name, 2.0, 2, HERE, datetime(2021, month, 20, tzinfo=UTC))
    for name, month in (("spring", 4), ("summer", 7), ("autumn", 10), ("winter", 1))
)


class Recipe(StudyConfig):
    """``limit`` pictures of AID's test split at even distances; ``places`` of each kind are rendered in every season."""

    recipe: Literal["study_robustness"] = "study_robustness"
    limit: int = Field(default=210, ge=1)
    grades: tuple[int, ...] = (0, 1, 2, 3, 4)
    places: int = Field(default=3, ge=1)


def spoiled(items: Sequence[Sample], kind: str, grade: int, seed: int) -> list[Sample]:
    """The same items with spoiled pictures."""
    return [redrawn(item, spoil(item.pictures[0].read(), kind, grade, 1000 * seed + k)) for k, item in enumerate(items)]


def real(recipe: Recipe, model: Ready) -> tuple[list[Figure], dict[str, Mapping[str, float]]]:
    """Measure the model on both sets, and on UC Merced a probe that was fitted to clear pictures, under every grade."""
    bare, _ = recipe.towers(model)
    rules = {name: protocol.load(name) for name in ("aid-classes", "ucm-classes")}
    parts = {split: recipe.samples("ucm", split) for split in ("train", "val", "test")}
    asked = {"aid-classes": spread(recipe.samples("aid_rsicd", "test"), recipe.limit), "ucm-classes": parts["test"]}
    names = sorted(rules["ucm-classes"].called())
    taught, chosen = recipe.vectors(bare, parts["train"]), recipe.vectors(bare, parts["val"])
    x, v = unit(taught, chosen)
    head = probe(x, numbered(parts["train"], names), len(names), (v, numbered(parts["val"], names)))
    truth = numbered(parts["test"], names)
    found: list[Figure] = []
    baselines: dict[str, Mapping[str, float]] = {}
    for kind in GRADES:
        for grade in recipe.grades:
            for name, own in asked.items():
                items = spoiled(own, kind, grade, recipe.seed)
                outcome = by_protocol(model, rules[name], items, recipe.vectors(model, items))
                found.append(figure(outcome, rules[name], {"model": model.spec.id, "on": name, "by": kind, "grade": grade}))
                baselines.setdefault(name, outcome.baselines)
                if name == "ucm-classes":
                    answers = head.logits(unit(taught, recipe.vectors(bare, items))[1]).argmax(1)
                    found.append(right(answers, truth, {"model": PROBED, "on": name, "by": kind, "grade": grade}))
    return found, baselines


def seasons(recipe: Recipe, model: Ready) -> tuple[list[Figure], dict[str, Mapping[str, float]]]:
    """Name the scene class of the same rendered places in every season, of each spot by what it is without snow or flood."""
    words = scene_words(model)
    pictures = taken(SEASONS, recipe.places, model.spec.size, FIRST_SEED + 30_000)
    truth = pictures["summer"].truth
    found = []
    for name, own in pictures.items():
        answers: Ints = (recipe.vectors(model, own.items) @ words.T).argmax(1)
        of = {"model": model.spec.id, "on": "rendered", "by": "season", "grade": name}
        found.append(right(answers, truth, of, own.place, "places"))
    return found, {f"rendered, {len(truth)} pictures a season": trivial(pictures["summer"])}


def study(recipe: Recipe) -> Report:
    """Measure every kind of damage, and the seasons."""
    model = recipe.load()
    found, baselines = real(recipe, model)
    more, others = seasons(recipe, model)
    return Report(
        title="Robustness to haze, light, noise and season",
        asks="How fast do prompted classes fail when pictures get worse, and does the season matter?",
        models=recipe.told(model, recipe.towers(model)[0]),
        data={
            "AID": f"{recipe.limit} pictures of the test split at even distances",
            "UC Merced": "test split; the probe is fitted to clear pictures of train, its decay chosen on val",
            "rendered": f"{recipe.places} places of each kind at 2 m and 52 degrees north, two spots each, {len(SCENES)} classes",
        },
        figures=[*found, *more],
        baselines=baselines | others,
        panels=panels([*found, *more]),
        protocols={name: protocol.load(name).hash for name in ("aid-classes", "ucm-classes")},
        notes=[
            *(f"{kind}: {what}" for kind, what in LEVELS.items()),
            "Nano's training showed it haze up to 0.4, gains from 0.3 to 0.9, and noise up to 0.04 of full scale on a part of "
            "its pictures. AID's and UC Merced's classes were taught: prompted classification of seen classes.",
            PARTLY,
            "The seasons' classes are those of each spot in summer.",
        ],
    )


LEVELS = {
    kind: f"{word} {', '.join(f'{level:g}' for level in GRADES[kind])} at grades 1 to 4"
    for kind, word in (("haze", "share of the veil"), ("dark", "gain"), ("bright", "gain"), ("noise", "deviation of full scale"))
}


def panels(found: Sequence[Figure]) -> list[Panel]:
    """One panel a set and model, one line a kind of damage; the seasons as bars."""
    model = str(found[0].of["model"])
    made = []
    for title, on, name in (
        (f"{model} on AID", "aid-classes", model),
        (f"{model} on UC Merced", "ucm-classes", model),
        (f"{PROBED}, UC Merced", "ucm-classes", PROBED),
    ):
        own = [one for one in found if one.of["on"] == on and one.of["model"] == name]
        lines = []
        for kind in GRADES:
            mine = [one for one in own if one.of["by"] == kind]
            lines.append(Line(kind, [float(one.of["grade"]) for one in mine], mine))
        made.append(Panel(title, "grade", "accuracy (%)", lines))
    own = [one for one in found if one.of["by"] == "season"]
    made.append(
        Panel("Rendered scenes", "season", "accuracy (%)", [Line(model, [str(one.of["grade"]) for one in own], own)], form="bars")
    )
    return made


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe), recipe, folder)
