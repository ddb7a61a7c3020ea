"""Study: how the ground sampling distance moves retrieval and prompted classes, on real and on rendered pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from geoglot.data.degrade import coarse, redrawn
from geoglot.data.synth import KINDS
from geoglot.evals import protocol
from geoglot.evals.figure import Figure
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.models.ready import Ready
from geoglot.zoo._rendered import FIRST_SEED, PARTLY, Look, scene_words, taken, trivial
from geoglot.zoo._study import Ints, StudyConfig, by_protocol, conduct, figure, numbered, probe, right, unit

METRES = 0.3  # a pixel of UC Merced


class Recipe(StudyConfig):
    """``gsds`` are what UC Merced is averaged to, ``rendered`` those of rendered pictures with how many are cut from a place.

    ``places`` is the number of rendered places of each kind.
    """

    recipe: Literal["study_resolution"] = "study_resolution"
    gsds: tuple[float, ...] = (0.3, 0.6, 1.2, 2.4)
    rendered: tuple[tuple[float, int], ...] = ((0.5, 3), (2.0, 3), (10.0, 1))
    places: int = Field(default=4, ge=1)


def real(recipe: Recipe, model: Ready) -> tuple[list[Figure], dict[str, Mapping[str, float]]]:
    """Measure the model, and a probe that was fitted to sharp pictures, on UC Merced at each sampling distance."""
    names = sorted(protocol.load("ucm-classes").called())
    parts = {split: recipe.samples("ucm", split) for split in ("train", "val", "test")}
    bare, _ = recipe.towers(model)
    taught, chosen = recipe.vectors(bare, parts["train"]), recipe.vectors(bare, parts["val"])
    x, v = unit(taught, chosen)
    head = probe(x, numbered(parts["train"], names), len(names), (v, numbered(parts["val"], names)))
    truth = numbered(parts["test"], names)
    sharp = [item.pictures[0].read() for item in parts["test"]]
    found: list[Figure] = []
    baselines: dict[str, Mapping[str, float]] = {}
    for gsd in recipe.gsds:
        items = [redrawn(item, coarse(pixels, gsd / METRES)) for item, pixels in zip(parts["test"], sharp, strict=True)]
        seen = recipe.vectors(model, items)
        for name in ("ucm-captions", "ucm-classes"):
            rules = protocol.load(name)
            outcome = by_protocol(model, rules, items, seen, parts["train"] if gsd == recipe.gsds[0] else (), recipe.cache)
            found.append(figure(outcome, rules, {"model": model.spec.id, "on": name, "metres": gsd}))
            baselines.setdefault(name, outcome.baselines)
        answers = head.logits(unit(taught, recipe.vectors(bare, items))[1]).argmax(1)
        found.append(right(answers, truth, {"model": "probe on ImageNet tower", "on": "ucm-classes", "metres": gsd}))
    return found, baselines


def rendered(recipe: Recipe, model: Ready) -> tuple[list[Figure], dict[str, Mapping[str, float]]]:
    """Measure prompted scene classes on rendered pictures; the intervals are over places."""
    words = scene_words(model)
    found: list[Figure] = []
    baselines: dict[str, Mapping[str, float]] = {}
    looks = [Look(f"{gsd:g} m", gsd, count) for gsd, count in recipe.rendered]
    pictures = taken(looks, recipe.places, model.spec.size)
    for look in looks:
        own = pictures[look.name]
        answers: Ints = (recipe.vectors(model, own.items) @ words.T).argmax(1)
        of: dict[str, str | float] = {"model": model.spec.id, "on": "rendered", "metres": look.gsd}
        found.append(right(answers, own.truth, of, own.place, "places"))
        baselines[f"rendered at {look.name}, {len(own.items)} pictures"] = trivial(own)
    return found, baselines


def study(recipe: Recipe) -> Report:
    """Measure at every sampling distance."""
    model = recipe.load()
    found, baselines = real(recipe, model)
    more, others = rendered(recipe, model)
    return Report(
        title="Resolution sensitivity",
        asks="How much is lost when pixels grow while the field of view stays, and at which sampling distances are rendered "
        "scenes named rightly?",
        models=recipe.told(model, recipe.towers(model)[0]),
        data={
            "UC Merced": "test split, averaged from 0.3 m and brought to the model's size; the probe is fitted to the train "
            "split at 0.3 m, its decay chosen on val",
            "rendered": f"{recipe.places} places of each of {len(KINDS)} kinds, seeds from {FIRST_SEED}; the class is that of "
            "the exact truth of the picture, so that it differs with the sampling distance",
        },
        figures=[*found, *more],
        baselines=baselines | others,
        panels=panels([*found, *more], others),
        protocols={name: protocol.load(name).hash for name in ("ucm-captions", "ucm-classes")},
        notes=[
            "UC Merced's classes were taught on other pictures: prompted classification of seen classes.",
            PARTLY,
            f"The model looks at {model.spec.size} pixels a side, so 0.3 m is averaged to {METRES * 256 / model.spec.size:.2f} m "
            "in any case.",
        ],
    )


def panels(found: Sequence[Figure], rendered: Mapping[str, Mapping[str, float]]) -> list[Panel]:
    """Captions and classes of UC Merced on the left, rendered scenes on the right."""

    def line(label: str, model: str, on: str) -> Line:
        own = [one for one in found if one.of["on"] == on and one.of["model"] == model]
        return Line(label, [float(one.of["metres"]) for one in own], own)

    name = str(found[0].of["model"])
    left = [
        line(f"{name}: prompted classes", name, "ucm-classes"),
        line("probe on ImageNet tower, fitted at 0.3 m", "probe on ImageNet tower", "ucm-classes"),
        line(f"{name}: captions, mean recall", name, "ucm-captions"),
    ]
    own = line(f"{name}: prompted scene classes", name, "rendered")
    level = Line("always the commonest", own.at, [Figure({}, "accuracy", part["majority"], 1) for part in rendered.values()])
    axis = "metres a pixel"
    return [Panel("UC Merced, test", axis, "per cent", left), Panel("Rendered scenes", axis, "accuracy (%)", [own, level])]


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe), recipe, folder)
