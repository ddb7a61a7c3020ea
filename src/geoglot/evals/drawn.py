"""Pictures that a generator draws for the items of a protocol, and real ones brought to the same form."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError, ModelError
from geoglot.core.progress import track
from geoglot.data.sample import Sample
from geoglot.evals.material import FILTERS, Skipped, pictures, prepared
from geoglot.evals.protocol import Protocol, Scenes
from geoglot.models.condition import Condition, Drawing
from geoglot.models.generator import NATURAL

QUALITY = 95
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Wish:
    """What one picture is asked for by: the item's ``place``, its words, the label that the model is given, the seed."""

    place: int
    text: str
    label: str | None
    seed: int


def wishes(rules: Protocol, items: Sequence[Sample]) -> list[Wish]:
    """Give what is asked for, the first of every item, then the second. Items without a class, or words, are left out.

    Raises InputError where none is left.
    """
    scenes, called, prompts = rules.scenes or Scenes(), rules.called(), rules.prompts()
    found = list[Wish]()
    for turn in range(scenes.each):
        for place, item in enumerate(items):
            said = item.captions
            if scenes.by != "captions":
                said = tuple(prompt.replace("{}", called.get(str(item.label), str(item.label))) for prompt in prompts or ["{}"])
            if item.label is None or not said:
                continue
            label = f"{item.source}/{item.label}" if scenes.by == "labels" else None
            found.append(Wish(place, said[turn % len(said)], label, scenes.seed + len(found)))
    if not found:
        raise InputError(f"No item of {rules.name} has a class and words to be asked for by: take another source.")
    return found


def draw(model: Any, rules: Protocol, asked: Sequence[Wish]) -> Pixels:
    """Pictures (N, S, S, 3) of a generator, as a protocol wants them. Raises ModelError for a model that does not draw them."""
    scenes = rules.scenes or Scenes()
    if not callable(getattr(model, "sample", None)):
        raise ModelError(f"{model.spec.name} draws nothing, which {rules.name} needs: take nano-gen, or another generator.")
    if not set(NATURAL) <= set(model.spec.bands):
        raise ModelError(f"{model.spec.name} draws {', '.join(model.spec.bands)}: {rules.name} looks at red, green and blue.")
    bands = [model.spec.bands.index(name) for name in NATURAL]
    side = max(scenes.size, int(getattr(model, "native", scenes.size)))
    gsd = None if scenes.gsd is None else scenes.gsd * scenes.size / side
    drawing = Drawing(scenes.steps, scenes.guidance)
    found = []
    with track(len(asked), "draw", "picture") as progress:
        for wish in asked:
            condition = Condition("" if wish.label else wish.text, label=wish.label, gsd=gsd)
            data = np.asarray(model.sample(condition, (side, side), wish.seed, drawing).data)[bands]
            if data.dtype != np.uint8:
                data = (np.clip(data, 0, 1) * 255).round().astype(np.uint8)
            image = Image.fromarray(np.ascontiguousarray(np.moveaxis(data, 0, -1)))
            found.append(kept(image.resize((scenes.size, scenes.size), FILTERS[rules.prepare.resample]), scenes))
            progress.advance()
    return np.stack(found)


def real(rules: Protocol, items: Sequence[Sample], label: str = "read") -> tuple[Pixels, list[int], list[Skipped]]:
    """Real pictures (N, S, S, 3) in the form of the drawn ones, their places among the items, and those that cannot be read.

    Raises InputError when not one can be read.
    """
    scenes = rules.scenes or Scenes()
    found, places, skipped = list[Pixels](), list[int](), list[Skipped]()
    with track(len(items), label, "picture") as progress:
        for place, one in enumerate(pictures(items, lambda sample: prepared(sample, rules.prepare, scenes.size))):
            progress.advance()
            if isinstance(one, Skipped):
                skipped.append(one)
                continue
            found.append(kept(Image.fromarray(one), scenes))
            places.append(place)
    if not found:
        raise InputError(
            f"Not one of {len(items)} pictures of {rules.source} can be read: {skipped[0].reason if skipped else ''}"
        )
    return np.stack(found), places, skipped


def kept(image: Image.Image, scenes: Scenes) -> Pixels:
    """A picture (S, S, 3) as it comes back from the protocol's file format."""
    if scenes.format == "png":  # without loss
        return np.asarray(image)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(held))
