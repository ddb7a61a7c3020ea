"""Pictures drawn from words: what they show, how near as a set they come to real ones, and whether they are training pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.errors import InputError
from geoglot.evals import baselines, drawn, memorised
from geoglot.evals.drawn import Pixels, Wish
from geoglot.evals.eyes import Eyes, features_of
from geoglot.evals.job import Floats, Job, Mistake, Outcome
from geoglot.evals.kinds.classes import confusions
from geoglot.evals.memorised import Nearest
from geoglot.evals.protocol import Scenes
from geoglot.metrics.fid import Frechet
from geoglot.metrics.kid import Kernel
from geoglot.nn.heads import LinearHead, fit_linear

VECTORS = False
READER = "nano"  # whose frozen tower classifies, and compares pictures with words
SHOWN = 60
Ints = NDArray[np.int64]


class Agreement:
    """Of N pictures: ``agreement``, the share in per cent whose class is the one asked for; ``clip``, 100 times the mean cosine
    with what was asked for; ``fixed`` are figures of the set as a whole, which have no interval here."""

    def __init__(self, right: NDArray[np.bool_], cosine: Floats, fixed: Mapping[str, float] | None = None) -> None:
        self.right, self.cosine, self.fixed = right, cosine, dict(fixed or {})

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Give the figures; ``weight`` (N,) repeats pictures, and leaves out the fixed ones."""
        found = {
            "agreement": 100 * float(np.average(self.right, weights=weight)),
            "clip": 100 * float(np.average(self.cosine, weights=weight)),
        }
        return found | (self.fixed if weight is None else {})


@dataclass(frozen=True)
class Bench:
    """All that sets of pictures are measured with: a classifier of ``names`` fitted on real training pictures (``shown``, their
    vectors ``taught``, classes ``of``), features, the features of real held-out pictures, and their distances to training."""

    eyes: Eyes
    head: LinearHead
    names: tuple[str, ...]
    shown: Pixels
    taught: Floats
    of: Ints
    features: Callable[[Pixels], Floats]
    held: Floats
    scenes: Scenes

    def answers(self, vectors: Floats) -> Ints:
        """Classes (N,) of unit vectors."""
        found: Ints = self.head.logits(vectors).argmax(1)
        return found

    def distances(self, pixels: Pixels) -> dict[str, float]:
        """FID, and KID with its deviation in thousandths, of pictures to the held-out ones."""
        features = self.features(pixels)
        frechet, kernel = Frechet(), Kernel(self.scenes.blocks, self.scenes.rows)
        frechet.add(self.held, features)
        kernel.add(self.held, features)
        return frechet.result() | {name: 1000 * value for name, value in kernel.result().items()}

    def measure(self, pixels: Pixels, truth: Ints, words: Floats) -> Agreement:
        """Figures of pictures (N, S, S, 3) that were asked for by classes (N,) and vectors of words (N, D)."""
        vectors = self.eyes.vectors(pixels)
        return Agreement(self.answers(vectors) == truth, (vectors * words).sum(1), self.distances(pixels))


def bench(job: Job, held: Pixels, labels: Sequence[str]) -> Bench:
    """Look at training pictures and fit the classifier. Raises InputError without a training split that has the classes."""
    names = tuple(sorted(set(labels)))
    items = [item for item in job.train if item.label in names]
    if len(names) < 2 or len({item.label for item in items}) < len(names):
        raise InputError(
            f"{job.rules.name} asks a classifier, fitted on the training split of {job.rules.source}: that lacks classes here, "
            "or there is but one. Measure more items, of val or test."
        )
    scenes = job.rules.scenes or Scenes()
    eyes = Eyes(models.load(READER), job.cache)
    features = features_of(scenes.encoder, eyes, job.cache)
    shown, kept, _ = drawn.real(job.rules, items, "read train")
    of = np.array([names.index(str(items[place].label)) for place in kept])
    taught = eyes.vectors(shown)
    head = fit_linear(taught, of, len(names), job.rules.l2)
    return Bench(eyes, head, names, shown, taught, of, features, features(held), scenes)


def run(job: Job) -> Outcome:
    """Draw what the items ask for, and measure. Raises ModelError for a model that does not draw, InputError for unfit items."""
    rules, scenes = job.rules, job.rules.scenes or Scenes()
    if rules.metric not in ("agreement", "clip"):
        raise InputError(f"{rules.name}: the headline is agreement or clip; {rules.metric!r} is told beside it.")
    asked = drawn.wishes(rules, job.items)
    held, there, skipped = drawn.real(rules, job.items)
    asked = [wish for wish in asked if wish.place in set(there)]
    seen = bench(job, held, [str(job.items[wish.place].label) for wish in asked])
    pixels = drawn.draw(job.model, rules, asked)
    truth = np.array([seen.names.index(str(job.items[wish.place].label)) for wish in asked])
    words = seen.eyes.words([wish.text for wish in asked])
    row = np.array([there.index(wish.place) for wish in asked])
    near = memorised.nearest(seen.eyes.vectors(pixels), pixels, seen.taught, seen.shown)
    real_near = memorised.nearest(seen.eyes.vectors(held), held, seen.taught, seen.shown)
    copied = _copied(near, memorised.threshold(real_near))
    found = seen.measure(pixels, truth, words)
    others = _others(job, seen, asked, pixels, truth, words)
    real = Agreement(seen.answers(seen.eyes.vectors(held))[row] == truth, (seen.eyes.vectors(held)[row] * words).sum(1))
    share = 100 * found.result()["agreement"] / max(real.result()["agreement"], 1e-9)
    metric = Agreement(found.right, found.cosine, found.fixed | {"of_real": share} | copied)
    taken = seen.shown[_alike(seen.of, truth)]
    sets = {"drawn": found.result()} | {name: other.result() for name, other in others.items()}
    sets["real, held out (distances: of training pictures of these classes)"] = real.result() | seen.distances(taken)
    sets["1 - cosine to the nearest training picture"] = _spread(near.cosine, real_near.cosine)
    sets["pixels' root mean square to the nearest training picture"] = _spread(near.pixels, real_near.pixels)
    details = {
        "sets": sets,
        "drawn": vars_of(scenes) | {"n": len(asked), "real": len(held), "encoder's width": seen.held.shape[1]},
        "per class": {"agreement": _by_class(found.right, truth, seen.names)},
        "confusions": confusions(truth, seen.answers(seen.eyes.vectors(pixels)), seen.names),
    } | {f"above {name}": baselines.above(metric, other, rules.metric, len(asked)) for name, other in others.items()}
    told = {name: other.result()[rules.metric] for name, other in others.items()} | {"real pictures": real.result()[rules.metric]}
    term = f"pictures drawn by {scenes.by}, {scenes.steps} steps, guidance {scenes.guidance:g}, seeds from {scenes.seed}"
    return Outcome(metric, [wish.place for wish in asked], term, told, _mistakes(seen, asked, pixels, truth), details, skipped)


def _others(job: Job, seen: Bench, asked: Sequence[Wish], pixels: Pixels, truth: Ints, words: Floats) -> dict[str, Agreement]:
    """The same figures of the drawn pictures against other wishes, of the training pictures whose captions are nearest to what
    was asked for, and of the mean training picture of each class."""
    order = np.random.default_rng(job.rules.scenes.seed if job.rules.scenes else 0).permutation(len(asked))
    shuffled = seen.measure(pixels, truth[order], words[order])
    means = np.stack([seen.shown[seen.of == k].mean(0).round().astype(np.uint8) for k in range(len(seen.names))])
    found = {"shuffled captions": shuffled, "class means": seen.measure(means[truth], truth, words)}
    items = [item for item in job.train if item.label in seen.names]
    first = {text: place for place, item in reversed(list(enumerate(items))) for text in item.captions}
    if first and len(items) == len(seen.shown):
        alike = baselines.likeness([[wish.text] for wish in asked], list(first))
        near = np.array(list(first.values()))[alike.argmax(1)]
        found["nearest training image"] = seen.measure(seen.shown[near], truth, words)
    return found


def _alike(of: Ints, truth: Ints) -> Ints:
    """Places of training pictures of the same classes, in turn, in a fixed random order."""
    rng = np.random.default_rng(0)
    pools = {k: rng.permutation(np.flatnonzero(of == k)) for k in np.unique(truth).tolist()}
    taken = dict.fromkeys(pools, 0)
    found = []
    for k in truth.tolist():
        found.append(pools[k][taken[k] % len(pools[k])])
        taken[k] += 1
    return np.array(found)


def _copied(near: Nearest, limit: Nearest) -> dict[str, float]:
    """Share in per cent that lies nearer to a training picture than all but one in a hundred of the real held-out ones."""
    return {
        "nearer_cosine": 100 * float((near.cosine < limit.cosine).mean()),
        "nearer_pixels": 100 * float((near.pixels < limit.pixels).mean()),
    }


def _spread(one: Floats, real: Floats) -> dict[str, float]:
    return {
        "drawn median": float(np.median(one)), "drawn least": float(one.min()),
        "real median": float(np.median(real)), "real 1st percentile": float(np.quantile(real, memorised.SHARE)),
    }  # fmt: skip


def _by_class(right: NDArray[np.bool_], truth: Ints, names: Sequence[str]) -> dict[str, float]:
    return {name: 100 * float(right[truth == k].mean()) for k, name in enumerate(names)}


def _mistakes(seen: Bench, asked: Sequence[Wish], pixels: Pixels, truth: Ints) -> list[Mistake]:
    """Pictures that show another class, in the order of the seeds."""
    given = seen.answers(seen.eyes.vectors(pixels))
    rows = np.flatnonzero(given != truth)[:SHOWN]
    return [Mistake(asked[i].place, asked[i].text, seen.names[given[i]], 0.0, (("drawn", pixels[i]),)) for i in rows]


def vars_of(scenes: Scenes) -> dict[str, object]:
    """How pictures were drawn, in plain values."""
    return scenes.model_dump(mode="json")
