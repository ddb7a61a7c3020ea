"""What decoders are taught to call classes, and their vectors: of words, and of cut-outs that show an example."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.data.build.masks import Masked, MaskViewConfig, view
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.text.sentences import PROMPTS
from geoglot.zoo._detect_words import WORDS as OBJECTS

WORDS = OBJECTS | {
    "roads": ("road", "street", "asphalt road"),
    "buildings": ("building", "house", "roof", "houses"),
    "water": ("lake", "sea", "river", "water surface"),
    "vegetation": ("trees and grass", "plants", "park", "green space"),
    "bare land": ("sand", "bare soil", "desert", "bare ground"),
    "grass": ("lawn", "meadow", "grassland"),
    "farmland": ("fields", "crops", "cropland"),
    "trees": ("tree", "forest", "woods"),
    "orchard": ("orchards", "fruit trees"),
    "pavement": ("paved area", "concrete", "parking lot"),
    "runway": ("runways", "airport runway"),
    "sand": ("beach", "sandy beach"),
    "pier": ("piers", "jetty", "wharf"),
    "railway": ("railway tracks", "rails"),
    "solar panels": ("solar farm", "photovoltaic panels"),
    "swimming pool": ("swimming pools", "pool"),
}
TRIES = 4  # cut-outs of which the one that shows most of the class is an example


class Vocabulary:
    """Vectors of every phrase of some classes in every prompt, and of their examples, looked up once: no tower learns."""

    def __init__(self, model: Ready, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.vectors = [self._of(model, (name, *WORDS.get(name, ()))) for name in self.classes]
        self.examples: list[Tensor] = []

    @staticmethod
    def _of(model: Ready, phrases: Sequence[str]) -> Tensor:
        sentences = [prompt.format(phrase) for phrase in phrases for prompt in PROMPTS]
        found = model.text(sentences).clone().cpu().reshape(len(phrases), len(PROMPTS), -1)
        # last the mean of the prompts, which is what texts are compared by when a model is asked
        return torch.cat([found, F.normalize(found.mean(1, keepdim=True), dim=-1)], 1)

    def show(self, model: Ready, pictures: Sequence[Masked], count: int, seed: int) -> None:
        """Look at ``count`` examples of each class."""
        rng = np.random.default_rng(seed)
        config = MaskViewConfig(size=model.spec.size, zoom=(0.8, 2.0))
        self.examples = []
        for name in self.classes:
            held = [picture for picture in pictures if name in picture.classes and name in picture.present(64)]
            cuts = [_example(held[int(rng.integers(len(held)))], name, config, rng) for _ in range(count if held else 0)]
            pixels = torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).float() / 255 if cuts else None
            none = torch.zeros(0, model.spec.dim)
            self.examples.append(none if pixels is None else model.image(ImageBatch.of(pixels)).clone().cpu())

    def text(self, number: int, rng: np.random.Generator) -> Tensor:
        """A vector (D,) of a class: any phrase in any prompt; half of them the mean of the prompts."""
        own = self.vectors[number]
        prompt = -1 if rng.random() < 0.5 else int(rng.integers(len(PROMPTS)))
        return own[int(rng.integers(len(own))), prompt]

    def example(self, number: int, rng: np.random.Generator) -> Tensor | None:
        """A vector (D,) of a cut-out that shows a class, None where there is none."""
        own = self.examples[number]
        return own[int(rng.integers(len(own)))] if len(own) else None

    def usual(self, names: Sequence[str]) -> Tensor:
        """One vector (K, D) a class: its own name, the mean of the prompts."""
        return torch.stack([self.vectors[self.classes.index(name)][0, -1] for name in names])


def _example(picture: Masked, name: str, config: MaskViewConfig, rng: np.random.Generator) -> np.ndarray:
    cuts = [view(picture, config, rng, name) for _ in range(TRIES)]
    return max(cuts, key=lambda cut: np.isin(cut[1], list(picture.classes[name])).mean())[0]
