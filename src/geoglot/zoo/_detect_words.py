"""What detectors are taught to call things: other words for the classes of the sets, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from geoglot.models.nano import Nano
from geoglot.text.sentences import PROMPTS

WORDS = {
    "airplane": ("plane", "aircraft", "airplanes", "jet"),
    "ship": ("boat", "ships", "vessel"),
    "storage tank": ("oil tank", "storage tanks", "round tank"),
    "baseball diamond": ("baseball field", "baseball diamonds"),
    "tennis court": ("tennis courts", "tennis field"),
    "basketball court": ("basketball courts", "basketball field"),
    "ground track field": ("running track", "athletics field", "sports field with a track"),
    "harbor": ("harbour", "port", "dock"),
    "bridge": ("bridges", "road bridge"),
    "vehicle": ("car", "cars", "vehicles"),
    "tree": ("trees", "tree crown"),
    "house": ("houses", "home"),
    "industrial building": ("warehouse", "factory", "large building"),
    "commercial building": ("shop", "office building"),
}


class Vocabulary:
    """Vectors of every phrase of some classes in every prompt, looked up once: the text tower does not learn."""

    def __init__(self, model: Nano, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        with torch.inference_mode():
            self.vectors = [self._of(model, (name, *WORDS.get(name, ()))) for name in self.classes]

    @staticmethod
    def _of(model: Nano, phrases: Sequence[str]) -> Tensor:
        sentences = [prompt.format(phrase) for phrase in phrases for prompt in PROMPTS]
        found = model.texts(*model.tokens(sentences)).reshape(len(phrases), len(PROMPTS), -1)
        # last among the prompts their mean, which is what texts are compared by when a model is asked
        mean = torch.nn.functional.normalize(found.mean(1, keepdim=True), dim=-1)
        return torch.cat([found, mean], 1)

    def draw(self, rng: torch.Generator) -> Tensor:
        """One vector (K, D) a class, of any phrase in any prompt; half of them the mean of the prompts."""
        return torch.stack(
            [one[_below(len(one), rng), -1 if _below(2, rng) else _below(len(PROMPTS), rng)] for one in self.vectors]
        )

    def usual(self) -> Tensor:
        """One vector (K, D) a class: its own name, the mean of the prompts."""
        return torch.stack([one[0, -1] for one in self.vectors])


def _below(count: int, rng: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=rng))
