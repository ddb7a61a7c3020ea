"""Published image and text towers behind one face: pixels to a pooled vector and cells, token ids to vectors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from geoglot.encoders.clip_resnet import ClipResNet
from geoglot.nn.batch import Features


class Towers(nn.Module, ABC):
    """Both towers of a model; `image_parts` are the modules that may run in a smaller number format."""

    @abstractmethod
    def image(self, pixels: Tensor) -> Features:
        """Map normalised pixels (B, 3, S, S) to the pooled vector and the cells in the same space; none is unit."""

    @abstractmethod
    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D); none is unit."""

    @abstractmethod
    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""


class ClipTowers(Towers):
    """A transformers `CLIPModel`; a cell is a patch token taken through the last norm and the projection."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def image(self, pixels: Tensor) -> Features:
        """Map normalised pixels (B, 3, S, S) to the pooled vector and the patches."""
        vision = self.model.vision_model
        out = vision(pixel_values=pixels)
        project = self.model.visual_projection
        tokens = project(vision.post_layernorm(out.last_hidden_state[:, 1:]))
        return Features(project(out.pooler_output), tokens, _square(tokens))

    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D); the vector is read at the first end token."""
        out: Tensor = self.model.text_projection(self.model.text_model(input_ids=ids).pooler_output)
        return out

    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""
        return [self.model.vision_model, self.model.visual_projection]


class ResNetTowers(Towers):
    """CLIP's modified ResNet beside a transformers text tower; a cell is what it adds to the attention pool."""

    def __init__(self, visual: ClipResNet, text: Any) -> None:
        super().__init__()
        self.visual = visual
        self.words = text

    def image(self, pixels: Tensor) -> Features:
        """Map normalised pixels (B, 3, S, S) to the pooled vector and the cells."""
        features: Features = self.visual(pixels)
        return features

    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D); the vector is read at the first end token."""
        out: Tensor = self.words(input_ids=ids).text_embeds
        return out

    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""
        return [self.visual]


class SiglipTowers(Towers):
    """A transformers SigLIP model; a cell is its token pooled alone, by the head that pools them all."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def image(self, pixels: Tensor) -> Features:
        """Map normalised pixels (B, 3, S, S) to the pooled vector and the patches."""
        vision = self.model.vision_model
        out = vision(pixel_values=pixels)
        patches = out.last_hidden_state
        alone = vision.head(patches.reshape(-1, 1, patches.shape[-1]))
        tokens = alone.reshape(*patches.shape[:2], -1)
        return Features(out.pooler_output, tokens, _square(tokens))

    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D)."""
        out: Tensor = self.model.text_model(input_ids=ids).pooler_output
        return out

    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""
        return [self.model.vision_model]


def _square(tokens: Tensor) -> tuple[int, int]:
    side = math.isqrt(tokens.shape[1])
    return side, tokens.shape[1] // side
