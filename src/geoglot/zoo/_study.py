"""What the studies share: their settings, the models that are compared, vectors of pictures, and figures by protocols."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.config import Config
from geoglot.core.errors import DataError
from geoglot.core.parts import find
from geoglot.data.sample import Sample, Split
from geoglot.evals import frozen, material
from geoglot.evals.figure import Figure, Setting, measured
from geoglot.evals.frozen import Tower
from geoglot.evals.job import Job, Outcome
from geoglot.evals.protocol import Prepare, Protocol
from geoglot.evals.study import Measured, Report
from geoglot.metrics.accuracy import Accuracy
from geoglot.models import record
from geoglot.models.ready import Ready
from geoglot.nn.heads import LinearHead, fit_linear
from geoglot.train.config import TrainConfig

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
L2 = (1e-3, 1e-4, 1e-5)
STEPS = 100
UNKNOWN = ("unknown: no training record lies beside its weights",)


class StudyConfig(Config):
    """``root`` holds the data sets, ``cache`` frozen features (the user's cache if none); ``model`` is nano or a native file."""

    recipe: str = ""
    root: str = "../shared/data"
    cache: str | None = None
    model: str = "nano"
    dtype: str = "auto"
    seed: int = 0

    def load(self) -> Ready:
        """Load the model that is studied."""
        return models.load(self.model, dtype=self.dtype)

    def towers(self, model: Ready) -> tuple[Tower, Tower]:
        """Give the bare tower that the model's training began from, and the model's own; both see alike."""
        return frozen.bare(Path(self.root), model.spec.size, model.dtype), frozen.tower_of(model)

    def samples(self, source: str, split: Split) -> list[Sample]:
        """Read the rows of a split."""
        return list(find("data.sources", source).rows(Path(self.root), split))

    def vectors(self, model: Any, items: Sequence[Sample]) -> Floats:
        """Look at the items once: features (N, D) of a tower, or vectors of a model. Every item must be readable."""
        cache = None if self.cache is None else Path(self.cache)
        tower = model if isinstance(model, Tower) else frozen.tower_of(model)
        both, places, skipped = material.vectors(tower, items, Prepare(), cache)
        found: Floats = both[:, : tower.width] if tower is model else both[:, tower.width :]
        if len(places) < len(items):
            raise DataError(f"{len(skipped)} pictures cannot be read, and a study compares all: {skipped[0].reason}")
        return found

    def told_taught(self) -> tuple[str, ...]:
        """What the model was taught, by the record beside its weights."""
        found = record.of(self.model)
        return UNKNOWN if found is None else (*found.sources, *found.other)

    def told(self, *compared: Any) -> list[Measured]:
        """What a report says of the models; the bare tower was taught none of the sets."""
        return [
            Measured(
                one.spec.name,
                one.spec.hash,
                () if one.spec.id == frozen.BARE else self.told_taught(),
                str(one.dtype).removeprefix("torch."),
            )
            for one in compared
        ]


class Taught(Config):
    """What a trained part of a study hangs on, so that one of another model is not gone on with: hash of the frozen tower."""

    of: str
    train: TrainConfig


@dataclass(frozen=True)
class Speaker:
    """The text side of a model under test, and its name, for protocols whose picture vectors are made elsewhere."""

    spec: Any
    text: Callable[[list[str]], Any]


def by_protocol(
    model: Any, rules: Protocol, items: Sequence[Sample], vectors: Floats, train: Sequence[Sample] = (), cache: str | None = None
) -> Outcome:
    """Run a protocol on items that are already looked at, or that were changed on purpose."""
    found: Outcome = find("evals.kinds", rules.kind).run(
        Job(model, rules, items, vectors, train, None, None if cache is None else Path(cache))
    )
    return found


def figure(outcome: Outcome, rules: Protocol, of: dict[str, Setting]) -> Figure:
    """Take a protocol's headline with its interval."""
    return measured(outcome.metric, rules.metric, of, len(outcome.places))


def right(answers: Ints, truth: Ints, of: Mapping[str, Setting], group: Ints | None = None, over: str = "pictures") -> Figure:
    """Take the accuracy of answers with its interval."""
    metric = Accuracy()
    metric.add(answers, truth)
    return measured(metric, "accuracy", of, len(truth), group, over)


def numbered(items: Sequence[Sample], names: Sequence[str]) -> Ints:
    """Give the class number (N,) of each item among the names."""
    return np.array([names.index(str(item.label)) for item in items], dtype=np.int64)


def standard(train: Floats, *others: Floats) -> list[Floats]:
    """Bring every feature to mean 0 and deviation 1 over the training pictures, in all sets alike."""
    mean, std = train.mean(0), train.std(0) + np.float32(1e-6)
    return [(x - mean) / std for x in (train, *others)]


def unit(train: Floats, *others: Floats) -> list[Floats]:
    """As `standard`, at a root mean square length of one, which the strengths of a probe's decay are made for."""
    return [part / np.float32(np.sqrt(train.shape[1])) for part in standard(train, *others)]


def probe(x: Floats, y: Ints, classes: int, held: tuple[Floats, Ints]) -> LinearHead:
    """Fit linear heads that differ in their decay and give the one that is best on held-out pictures."""
    heads = [fit_linear(x, y, classes, l2, steps=STEPS) for l2 in L2]
    return max(heads, key=lambda head: float(np.mean(head.logits(held[0]).argmax(1) == held[1])))


def conduct(study: Callable[[], Report], recipe: Config, folder: Path) -> Report:
    """Run a study and write its report, with the time that it took."""
    start = time.monotonic()
    report = study()
    report.write(folder, recipe, time.monotonic() - start)
    return report
