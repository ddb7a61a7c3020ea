"""Published image and text towers behind one face: pixels to a pooled vector and cells, token ids to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from geoglot.encoders.clip_resnet import ClipResNet
from geoglot.models import dense
from geoglot.models.dense import Variant
from geoglot.nn.batch import Features


class Towers(nn.Module, ABC):
    """Both towers of a model; `image_parts` are the modules that may run in a smaller number format.

    `cell` is the side of a cell in pixels, `transformer` says of what kind the image tower is.
    """

    cell: int
    transformer = True

    @abstractmethod
    def image(self, pixels: Tensor, variant: Variant | None = None) -> Features:
        """Map normalised pixels (B, 3, H, W) to the pooled vector and the cells in the same space; none is unit.

        `variant` says how a transformer makes its cells; without one the tokens leave the whole last block.
        """

    @abstractmethod
    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D); none is unit."""

    @property
    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """The blocks or stages of the image tower, in their order."""

    @abstractmethod
    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""


class ClipTowers(Towers):
    """A transformers `CLIPModel`; a cell is a patch token taken through the last norm and the projection."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.cell = model.config.vision_config.patch_size

    def image(self, pixels: Tensor, variant: Variant | None = None) -> Features:
        """Map normalised pixels (B, 3, H, W) to the pooled vector and the patches; positions are interpolated where needed."""
        vision, project = self.model.vision_model, self.model.visual_projection
        tokens = vision.pre_layrnorm(vision.embeddings(pixels, interpolate_pos_encoding=_other(vision, pixels)))
        tokens = dense.before_last(vision.encoder, tokens)
        last = vision.encoder.layers[-1]
        whole = dense.cells(last, tokens, "tokens")
        patches = whole if variant in (None, "tokens") else dense.cells(last, tokens, variant)
        cells = project(vision.post_layernorm(patches[:, 1:]))
        return Features(project(vision.post_layernorm(whole[:, 0])), cells, _hw(pixels, self.cell))

    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D); the vector is read at the first end token."""
        out: Tensor = self.model.text_projection(self.model.text_model(input_ids=ids).pooler_output)
        return out

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The transformer's blocks."""
        return list(self.model.vision_model.encoder.layers)

    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""
        return [self.model.vision_model, self.model.visual_projection]


class ResNetTowers(Towers):
    """CLIP's modified ResNet beside a transformers text tower; a cell is what it adds to the attention pool."""

    def __init__(self, visual: ClipResNet, text: Any) -> None:
        super().__init__()
        self.visual = visual
        self.words = text
        self.cell, self.transformer = 32, False

    def image(self, pixels: Tensor, variant: Variant | None = None) -> Features:
        """Map normalised pixels (B, 3, H, W) to the pooled vector and the cells: there is one way, whatever the variant."""
        features: Features = self.visual(pixels)
        return features

    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D); the vector is read at the first end token."""
        out: Tensor = self.words(input_ids=ids).text_embeds
        return out

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The stages."""
        return [self.visual.get_submodule(f"layer{number}") for number in range(1, 5)]

    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""
        return [self.visual]


class SiglipTowers(Towers):
    """A transformers SigLIP model; a cell is its token pooled alone, by the head that pools them all."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.cell = model.config.vision_config.patch_size

    def image(self, pixels: Tensor, variant: Variant | None = None) -> Features:
        """Map normalised pixels (B, 3, H, W) to the pooled vector and the patches; positions are interpolated where needed."""
        vision = self.model.vision_model
        tokens = dense.before_last(vision.encoder, vision.embeddings(pixels, interpolate_pos_encoding=_other(vision, pixels)))
        last = vision.encoder.layers[-1]
        whole = vision.post_layernorm(dense.cells(last, tokens, "tokens"))
        patches = whole if variant in (None, "tokens") else vision.post_layernorm(dense.cells(last, tokens, variant))
        alone = vision.head(patches.reshape(-1, 1, patches.shape[-1]))
        return Features(vision.head(whole), alone.reshape(*patches.shape[:2], -1), _hw(pixels, self.cell))

    def text(self, ids: Tensor) -> Tensor:
        """Map token ids (B, T) to vectors (B, D)."""
        out: Tensor = self.model.text_model(input_ids=ids).pooler_output
        return out

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The transformer's blocks."""
        return list(self.model.vision_model.encoder.layers)

    def image_parts(self) -> list[nn.Module]:
        """Modules of the image side."""
        return [self.model.vision_model]


def _hw(pixels: Tensor, cell: int) -> tuple[int, int]:
    """Rows and columns of cells."""
    return pixels.shape[-2] // cell, pixels.shape[-1] // cell


def _other(vision: Any, pixels: Tensor) -> bool:
    """Whether pictures have another size than the tower's own."""
    return tuple(pixels.shape[-2:]) != (vision.config.image_size,) * 2


@contextmanager
def kept(blocks: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Keep what some blocks give while the tower looks, in the order given."""
    found: dict[int, Tensor] = {}
    outputs: list[Tensor] = []

    def keep(number: int) -> Any:
        return lambda _module, _given, made: found.__setitem__(number, made[0] if isinstance(made, tuple) else made)

    handles = [block.register_forward_hook(keep(number)) for number, block in enumerate(blocks)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
        outputs += [found[number] for number in sorted(found)]


def spread(made: Tensor, hw: tuple[int, int]) -> Tensor:
    """A map (B, C, h, w) of what a block gives: maps as they are, tokens (B, N, C) without those before the patches."""
    if made.ndim == 4:
        return made
    patches = made[:, -hw[0] * hw[1] :]
    return patches.transpose(1, 2).reshape(len(made), -1, *hw)
