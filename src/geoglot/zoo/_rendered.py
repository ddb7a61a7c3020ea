"""Rendered pictures for studies: places that no training renders, under several circumstances, with exact scene classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from geoglot.core.progress import track
from geoglot.data.degrade import held
from geoglot.data.sample import Sample
from geoglot.data.synth import KINDS, SCENES, landscape, scene_class
from geoglot.data.synth.scenes import HERE, compose
from geoglot.models.ready import Ready
from geoglot.zoo._study import Floats, Ints, numbered

FIRST_SEED = 910_000  # far from the seeds of training, demonstration and tests
TEMPLATE = "a satellite photo of {}."
PARTLY = (
    "Rendered scenes are of seen and unseen classes: nano was taught other places of an earlier state of the renderer, which "
    "named no solar parks, quarries, stadiums, junctions, railways, parking lots, sports grounds and orchards."
)
SPARE = 250.0  # metres that a picture may lie off the middle, which is what its place is named for


@dataclass(frozen=True)
class Look:
    """Circumstances of pictures: sampling distance, how many of a place, where on the Earth, and when (None: as drawn)."""

    name: str
    gsd: float
    count: int = 1
    at: tuple[float, float] = HERE
    date: datetime | None = None


@dataclass(frozen=True)
class Pictures:
    """Rendered pictures of one look, the number of the place of each (N,), and its class among `SCENES` (N,)."""

    items: list[Sample]
    place: Ints
    truth: Ints


def taken(looks: Sequence[Look], places: int, size: int, first: int = FIRST_SEED) -> dict[str, Pictures]:
    """Render pictures of ``size`` pixels of so many places of every kind, each place under every look."""
    extent = 1.15 * size * max(look.gsd for look in looks)
    names = list(KINDS)
    items: dict[str, list[Sample]] = {look.name: [] for look in looks}
    place: dict[str, list[int]] = {look.name: [] for look in looks}
    with track(places * len(names), "render", "place") as progress:
        for number in range(places * len(names)):
            seed = first + number
            world = landscape(seed, names[number % len(names)], max(800.0, extent))
            for look in looks:
                rng = np.random.default_rng(seed)  # the same spots under every look of one sampling distance
                for k in range(look.count):
                    reach = min(SPARE, max(0.0, (world.extent - look.gsd * size) / 2))
                    grid = world.grid(look.gsd, size, *(float(v) for v in rng.uniform(-reach, reach, 2)))
                    plan = compose(seed + k, gsd=look.gsd, size=size, at=look.at, date=look.date, world=world)
                    view = replace(plan, grid=grid).view()
                    name = f"rendered/{seed}/{look.name}/{k}"
                    pixels = np.ascontiguousarray(np.moveaxis(view.raster.data, 0, -1))
                    label = scene_class(view.truth.truth_at())
                    items[look.name].append(Sample(name, "rendered", (held(pixels, name),), label=label, gsd=look.gsd))
                    place[look.name].append(number)
            progress.advance(1)
    return {name: Pictures(own, np.array(place[name]), numbered(own, SCENES)) for name, own in items.items()}


def scene_words(model: Ready) -> Floats:
    """Unit vectors of the scene classes in one prompt, in the order of `SCENES`."""
    found: Floats = model.text([TEMPLATE.format(name) for name in SCENES]).cpu().numpy()
    return found


def trivial(pictures: Pictures) -> dict[str, float]:
    """Accuracy of guessing evenly, and of always naming the commonest class."""
    return {"chance": 100 / len(SCENES), "majority": 100 * float(np.bincount(pictures.truth).max()) / len(pictures.truth)}
