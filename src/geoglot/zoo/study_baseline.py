"""Study: two small heads on frozen features against nano, for caption retrieval and classes by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.data.sample import Sample
from geoglot.evals import protocol
from geoglot.evals.figure import Figure
from geoglot.evals.panels import Line, Panel
from geoglot.evals.study import Report
from geoglot.losses.infonce import InfoNCEConfig, hits, infonce
from geoglot.models.nano import Nano
from geoglot.text.sentences import has_direction
from geoglot.train.loop import Group, Split, TrainConfig, fit
from geoglot.zoo import nano
from geoglot.zoo._study import Floats, Speaker, StudyConfig, Taught, by_protocol, conduct, figure, standard

SETS = ("aid_rsicd", "ucm")
PROTOCOLS = {"aid-captions": "aid_rsicd", "ucm-captions": "ucm", "aid-classes": "aid_rsicd", "ucm-classes": "ucm"}


class HeadsConfig(StudyConfig):
    """Two heads and how they are trained: ten passes over AID and UC Merced by default; nothing is chosen."""

    batch: int = 512
    inner: int = 1024
    lr: float = 1e-3
    dropout: float = 0.3
    loss: InfoNCEConfig = InfoNCEConfig()
    train: TrainConfig = TrainConfig(steps=190, warmup=20, ema=0.0, precision="no", save_every=1000, validate_every=1000)


class Recipe(HeadsConfig):
    """The heads' sizes and training are those of the first experiment on these features."""

    recipe: Literal["study_baseline"] = "study_baseline"


class Heads(nn.Module):
    """A perceptron on picture features and a linear map on sentence vectors, into one space."""

    def __init__(self, width: int, words: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, words))
        self.text = nn.Linear(words, words)
        nn.init.eye_(self.text.weight)
        nn.init.zeros_(self.text.bias)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, pictures: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give unit vectors of pictures and sentences, and the logit scale."""
        image, text = F.normalize(self.image(pictures), dim=-1), F.normalize(self.text(sentences), dim=-1)
        return image, text, self.scale.clamp(max=math.log(100.0)).exp()

    @torch.inference_mode()
    def vectors(self, features: Floats) -> Floats:
        """Give unit vectors of pictures."""
        found: Floats = F.normalize(self.image(torch.from_numpy(features)), dim=-1).numpy()
        return found


@dataclass(frozen=True)
class Captioned:
    """Batches by number: pictures drawn evenly, and one caption of each."""

    features: Tensor
    sentences: Tensor
    captions: Sequence[tuple[int, ...]]
    size: int
    seed: int

    def __call__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give features, sentence vectors and caption numbers."""
        rng = np.random.default_rng([self.seed, index])
        rows = rng.choice(len(self.captions), self.size, replace=self.size > len(self.captions))
        texts = torch.tensor([self.captions[i][rng.integers(len(self.captions[i]))] for i in rows])
        return self.features[torch.from_numpy(rows)], self.sentences[texts], texts


def contrast(config: InfoNCEConfig) -> Split:
    """InfoNCE over features, sentence vectors and caption numbers."""

    def embed(module: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = module(batch[0], batch[1])
        return found

    def compare(outputs: tuple[Tensor, ...], batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
        image, text, scale = outputs
        return infonce(image, text, scale, batch[2], config), {"hit": float(hits(image, text, batch[2]))}

    return Split(embed, compare)


def captions_of(items: Sequence[Sample]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Give all captions once, and the numbers of each item's own: those without a direction, where it has any."""
    table: dict[str, int] = {}
    rows = []
    for item in items:
        texts = [text for text in item.captions if not has_direction(text)] or list(item.captions)
        rows.append(tuple(table.setdefault(text, len(table)) for text in texts))
    return list(table), rows


def teach(
    recipe: HeadsConfig,
    of: str,
    features: Floats,
    sentences: Tensor,
    captions: Sequence[tuple[int, ...]],
    folder: Path,
    seed: int,
) -> Heads:
    """Train the two heads on standardised features (N, D) of a tower (its hash) and sentence vectors by caption number."""
    torch.manual_seed(seed)
    heads = Heads(features.shape[1], sentences.shape[1], recipe.inner, recipe.dropout)
    stream = Captioned(torch.from_numpy(features), sentences, captions, recipe.batch, seed)
    train = recipe.train.model_copy(update={"seed": seed})
    learn = [Group(list(heads.parameters()), recipe.lr)]
    fit(heads, stream, contrast(recipe.loss), learn, train, folder, Taught(of=of, train=train))
    return heads.eval()


def speaker(heads: Heads, bare: Nano, spec: Any) -> Speaker:
    """The text side of the heads: the frozen text tower and the head's map."""

    @torch.inference_mode()
    def text(texts: Sequence[str]) -> Tensor:
        return F.normalize(heads.text(nano.sentence_vectors(bare, texts)), dim=-1)

    return Speaker(replace(spec, id=f"heads on {spec.id}"), text)


def study(recipe: Recipe, folder: Path) -> Report:
    """Train the heads on either tower, and measure them and the model on the test splits, once."""
    model = recipe.load()
    taught = {source: recipe.samples(source, "train") for source in SETS}
    asked = {source: recipe.samples(source, "test") for source in SETS}
    train = [item for source in SETS for item in taught[source]]
    texts, captions = captions_of(train)
    words = nano.published(nano.Recipe(root=recipe.root), texts)
    sentences = nano.sentence_vectors(words, texts)
    towers = recipe.towers(model)
    entries: list[tuple[Any, dict[str, Floats]]] = []
    for tower in towers:
        seen = [recipe.vectors(tower, items) for items in (train, *asked.values())]
        x, *held = standard(*seen)
        place = folder / tower.spec.id.lower().replace(" ", "-")
        heads = teach(recipe, tower.spec.hash, x, sentences, captions, place, recipe.seed)
        entries.append((speaker(heads, words, tower.spec), {s: heads.vectors(part) for s, part in zip(SETS, held, strict=True)}))
    entries.append((model, {source: recipe.vectors(model, items) for source, items in asked.items()}))
    found: list[Figure] = []
    baselines: dict[str, Mapping[str, float]] = {}
    rules = {name: protocol.load(name) for name in PROTOCOLS}
    for entry, vectors in entries:
        for name, source in PROTOCOLS.items():
            outcome = by_protocol(entry, rules[name], asked[source], vectors[source], taught[source], recipe.cache)
            found.append(figure(outcome, rules[name], {"model": entry.spec.id, "protocol": name}))
            baselines[name] = outcome.baselines
    return Report(
        title="Retrieval baseline",
        asks="How far do two small heads on frozen features go, and what does training the tower add?",
        models=recipe.told(model, *towers),
        data={
            source: f"heads taught on {len(taught[source])} pictures, measured on {len(asked[source])} of test" for source in SETS
        },
        figures=found,
        baselines=baselines,
        panels=panels(found, baselines),
        protocols={name: one.hash for name, one in rules.items()},
        notes=[
            f"Heads: {recipe.inner} hidden units on the mean and maximum of a tower's map, a linear map on the sentence vectors "
            f"of the published text tower; InfoNCE, {recipe.train.steps} steps of {recipe.batch}; captions only. "
            f"{model.spec.name} also learnt class names, object labels, boxes, masks and rendered scenes.",
            "All classes were in training: this is prompted classification of seen classes.",
        ],
    )


def panels(found: Sequence[Figure], baselines: Mapping[str, Mapping[str, float]]) -> list[Panel]:
    """One panel for captions and one for classes, with the strongest answer that needs no model as a level."""
    made = []
    for metric, title, unit in (
        ("mR", "Captions", "mean recall (%)"),
        ("accuracy", "Prompted classification of seen classes", "accuracy (%)"),
    ):
        own = [one for one in found if one.metric == metric]
        names = list(dict.fromkeys(str(one.of["protocol"]) for one in own))
        lines = [
            Line(str(label), names, [one for one in own if one.of["model"] == label])
            for label in dict.fromkeys(one.of["model"] for one in own)
        ]
        best = [max(baselines[name].items(), key=lambda pair: pair[1]) for name in names]
        lines.append(Line("best without a model", names, [Figure({}, metric, value, 1) for _, value in best]))
        made.append(Panel(title, "protocol", unit, lines, form="bars"))
    return made


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe, folder), recipe, folder)
