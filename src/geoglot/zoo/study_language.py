"""Study: the same head on the same frozen tower, taught by captions, by class names or by class numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from geoglot.data.sample import Sample
from geoglot.evals import protocol
from geoglot.evals.figure import Figure, spread
from geoglot.evals.kinds.probe import drawn
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.nn.heads import fit_linear
from geoglot.text.sentences import prompts
from geoglot.train.loop import Group, Split, TrainConfig, fit
from geoglot.zoo import nano
from geoglot.zoo._study import STEPS, Floats, Ints, Taught, conduct, numbered, unit
from geoglot.zoo.study_baseline import Heads, HeadsConfig, captions_of, speaker, teach

ASKED = {"ucm": "UC Merced", "harvey": "Harvey"}
ALL = 0


class Recipe(HeadsConfig):
    """Ten passes over AID; ``shots`` a class on unseen sets (0: all), each arm with ``seeds`` beginnings."""

    recipe: Literal["study_language"] = "study_language"
    shots: tuple[int, ...] = (1, 5, ALL)
    seeds: int = Field(default=3, ge=2)
    l2: float = Field(default=1e-3, gt=0)
    train: TrainConfig = TrainConfig(steps=155, warmup=20, ema=0.0, precision="no", save_every=1000, validate_every=1000)


class Named(nn.Module):
    """The heads' image side with a linear layer over classes: what learns from class numbers."""

    def __init__(self, width: int, words: int, recipe: Recipe, classes: int) -> None:
        super().__init__()
        self.heads = Heads(width, words, recipe.inner, recipe.dropout)
        self.classes = nn.Linear(words, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Give logits of classes from the unit vectors, at the heads' scale."""
        image = F.normalize(self.heads.image(pictures), dim=-1)
        logits: Tensor = self.classes(image) * self.heads.scale.clamp(max=4.6).exp()
        return logits


def by_number(recipe: Recipe, of: str, features: Floats, y: Ints, classes: int, words: int, folder: Path, seed: int) -> Heads:
    """Train the image side by cross-entropy, with the draws and the steps of the contrastive arms."""
    torch.manual_seed(seed)
    module = Named(features.shape[1], words, recipe, classes)
    module.heads.text.requires_grad_(False)
    x, labels = torch.from_numpy(features), torch.from_numpy(y)

    def batch(index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([seed, index])
        rows = torch.from_numpy(rng.choice(len(y), recipe.batch, replace=recipe.batch > len(y)))
        return x[rows], labels[rows]

    def embed(worker: nn.Module, given: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        return (worker(given[0]),)

    def compare(outputs: tuple[Tensor, ...], given: tuple[Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
        return F.cross_entropy(outputs[0], given[1]), {}

    learn = [p for p in module.parameters() if p.requires_grad]
    train = recipe.train.model_copy(update={"seed": seed})
    fit(module, batch, Split(embed, compare), [Group(learn, recipe.lr)], train, folder, Taught(of=of, train=train))
    return module.heads.eval()


def names_of(items: Sequence[Sample]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Give the class names of all items in prompts, and the numbers of each item's own."""
    known = protocol.load("aid-classes").card().classes
    table: dict[str, int] = {}
    rows = [tuple(table.setdefault(text, len(table)) for text in prompts(known[str(item.label)])) for item in items]
    return list(table), rows


class Asked:
    """An unseen set: features and class numbers of what may be taught to a probe and of what is asked, and the names."""

    def __init__(self, recipe: Recipe, source: str, tower: Any, scale: Callable[[Floats], Floats]) -> None:
        self.source = source
        parts = [recipe.samples(source, split) for split in ("train", "test")]
        self.names = sorted({str(item.label) for item in parts[1]})
        self.x, self.held = (scale(recipe.vectors(tower, part)) for part in parts)
        self.y, self.truth = (numbered(part, self.names) for part in parts)

    def probed(self, recipe: Recipe, look: Callable[[Floats], Floats], shots: int, draw: int) -> float:
        """Accuracy of a linear probe on what a head makes of the features."""
        rows = drawn(self.y, shots, draw) if shots else np.arange(len(self.y))
        x, held = unit(look(self.x[rows]), look(self.held))
        answers = fit_linear(x, self.y[rows], len(self.names), recipe.l2, steps=STEPS).logits(held).argmax(1)
        return 100 * float(np.mean(answers == self.truth))


def arms(recipe: Recipe, tower: Any, items: Sequence[Sample], folder: Path) -> tuple[dict[str, list[Heads]], Any, Any]:
    """Train every arm from every beginning on AID; gives the heads by arm, the text model, and how features are scaled."""
    raw = recipe.vectors(tower, items)
    mean, std = raw.mean(0), raw.std(0) + np.float32(1e-6)

    def scale(x: Floats) -> Floats:
        found: Floats = (x - mean) / std
        return found

    spoken = {"captions": captions_of(items), "class names": names_of(items)}
    words = nano.published(nano.Recipe(root=recipe.root), [text for texts, _ in spoken.values() for text in texts])
    names = sorted({str(item.label) for item in items})
    y, x = numbered(items, names), scale(raw)
    found: dict[str, list[Heads]] = {}
    for arm, (texts, rows) in spoken.items():
        sentences = nano.sentence_vectors(words, texts)
        places = [(seed, folder / f"{arm.replace(' ', '-')}-{seed}") for seed in range(recipe.seeds)]
        found[arm] = [teach(recipe, tower.spec.hash, x, sentences, rows, place, recipe.seed + seed) for seed, place in places]
    width = words.config.text.dim
    found["class numbers"] = [
        by_number(recipe, tower.spec.hash, x, y, len(names), width, folder / f"class-numbers-{seed}", recipe.seed + seed)
        for seed in range(recipe.seeds)
    ]
    return found, words, scale


def study(recipe: Recipe, folder: Path) -> Report:
    """Train the arms and probe them on sets that none of them has seen."""
    model = recipe.load()
    tower, _ = recipe.towers(model)
    items = recipe.samples("aid_rsicd", "train")
    heads, words, scale = arms(recipe, tower, items, folder)
    found: list[Figure] = []
    asked = {source: Asked(recipe, source, tower, scale) for source in ASKED}
    for source, one in asked.items():
        for shots in recipe.shots:
            for arm, own in heads.items():
                values = [one.probed(recipe, head.vectors, shots, draw) for draw, head in enumerate(own)]
                found.append(spread(values, "accuracy", {"taught by": arm, "set": source, "shots": shots}))
            values = [one.probed(recipe, lambda x: x, shots, draw) for draw in range(recipe.seeds if shots else 1)]
            found.append(spread(values, "accuracy", {"taught by": "nothing (tower alone)", "set": source, "shots": shots}))
    found += zero_shot(heads, words, tower, asked["ucm"])
    baselines = {
        source: {"chance": 100 / len(one.names), "majority": 100 * float(np.bincount(one.truth).max()) / len(one.truth)}
        for source, one in asked.items()
    }
    return Report(
        title="Language against vision only",
        asks="Does the same head on the same frozen ImageNet tower carry further when it is taught by captions than by class "
        "numbers?",
        models=recipe.told(tower),
        data={
            "aid_rsicd": f"{len(items)} pictures of train for every arm, in the same draws",
            **{
                source: f"{len(one.y)} pictures for probes, {len(one.truth)} of test; unseen by every arm"
                for source, one in asked.items()
            },
        },
        figures=found,
        baselines=baselines,
        panels=panels(found),
        protocols={},
        notes=[
            f"Every arm: a perceptron to {words.config.text.dim} values, {recipe.train.steps} steps of {recipe.batch}, "
            f"{recipe.seeds} beginnings. Captions and class names by InfoNCE against sentence vectors of the frozen text tower, "
            "class numbers by cross-entropy.",
            "Intervals are Student's over beginnings, each with its own draw of examples; all: the whole training split.",
            "Class names alone separates what language adds from what the contrastive loss adds.",
        ],
    )


def zero_shot(heads: Mapping[str, Sequence[Heads]], words: Any, tower: Any, asked: Asked) -> list[Figure]:
    """Name UC Merced's classes by words, which only the arms with texts can; the set is unseen, many of its classes are AID's."""
    rules = protocol.load("ucm-classes")
    called = rules.called()
    found = []
    for arm in ("captions", "class names"):
        values = []
        for head in heads[arm]:
            texts = np.asarray(
                speaker(head, words, tower.spec).text([rules.prompts()[0].replace("{}", called[name]) for name in asked.names])
            )
            values.append(100 * float(np.mean((head.vectors(asked.held) @ texts.T).argmax(1) == asked.truth)))
        found.append(spread(values, "accuracy by words", {"taught by": arm, "set": asked.source, "shots": "none"}))
    return found


def panels(found: Sequence[Figure]) -> list[Panel]:
    """One panel a set: accuracy of probes by the number of examples."""
    made = []
    for source, title in ASKED.items():
        own = [one for one in found if one.of["set"] == source and one.metric == "accuracy"]
        lines = []
        for arm in dict.fromkeys(str(one.of["taught by"]) for one in own):
            mine = [one for one in own if one.of["taught by"] == arm]
            lines.append(Line(arm, [f"{one.of['shots']:g}" if one.of["shots"] else "all" for one in mine], mine))
        made.append(Panel(f"Probe on {title} (unseen)", "examples a class", "accuracy (%)", lines))
    return made


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe, folder), recipe, folder)
