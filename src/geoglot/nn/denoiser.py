"""A denoiser of diffusers with all that steers it as one module: what is trained, and what a generator asks at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from geoglot.nn.conditions import Metadata


class Heard(NamedTuple):
    """States (B, T, D) of words, and which are words (B, T) where that matters."""

    words: Tensor | None = None
    mask: Tensor | None = None


class Timed(nn.Module):
    """The time of a transformer of diffusers as a vector, to which another is added that is passed along."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(
        self,
        timestep: Tensor,
        resolution: Tensor | None = None,
        aspect_ratio: Tensor | None = None,
        batch_size: int | None = None,
        hidden_dtype: torch.dtype | None = None,
        vector: Tensor | None = None,
    ) -> Tensor:
        """Vectors (B, D)."""
        made: Tensor = self.inner(
            timestep, resolution=resolution, aspect_ratio=aspect_ratio, batch_size=batch_size, hidden_dtype=hidden_dtype
        )
        return made if vector is None else made + vector


class Denoiser(nn.Module):
    """``core`` is a `UNet2DConditionModel` or a `PixArtTransformer2DModel`; ``nets`` are ControlNets by kind of control."""

    def __init__(
        self,
        core: nn.Module,
        metadata: Metadata | None = None,
        nets: Mapping[str, nn.Module] | None = None,
        fusion: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.core: Any = core
        self.metadata, self.nets, self.fusion = metadata, nn.ModuleDict(dict(nets or {})), fusion
        self.flat = hasattr(core, "adaln_single")
        if metadata is not None:
            if self.flat:
                timing: Any = self.core.adaln_single
                timing.emb = Timed(timing.emb)
            else:
                self.core.class_embedding = nn.Identity()  # the vector comes as the class

    @property
    def channels(self) -> int:
        """Channels that go in."""
        return int(self.core.config.in_channels)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        heard: Heard,
        numbers: Tensor | None = None,
        sensors: Tensor | None = None,
        labels: Tensor | None = None,
        hints: Mapping[str, tuple[Tensor, float]] | None = None,
        maps: Tensor | None = None,
    ) -> Tensor:
        """Say (B, c, h, w) of noisy latents (B, c', h, w) at times (B,).

        ``numbers`` and ``sensors`` as in `nn.conditions.Metadata`, ``labels`` (B,) classes of the U-Net's own, ``hints`` pixels
        (B, C, H, W) in [0, 1] and their weight by kind of control, ``maps`` (B, 18, H, W) those of the fusion.
        """
        vector = None
        if self.metadata is not None and numbers is not None:
            vector = self.metadata(numbers, sensors).to(x.dtype)
        empty = "caption_channels" if self.flat else "cross_attention_dim"
        words = heard.words if heard.words is not None else x.new_zeros(len(x), 1, self.core.config[empty])
        if self.flat:
            added = {"resolution": None, "aspect_ratio": None} | ({} if vector is None else {"vector": vector})
            mask = None if heard.mask is None else heard.mask.to(x.dtype)
            said: Tensor = self.core(x, words, time, added_cond_kwargs=added, encoder_attention_mask=mask, return_dict=False)[0]
            return said
        label = vector if vector is not None else labels
        down, mid = self._steered(x, time, words, label, hints or {}, maps, vector)
        said = self.core(
            x,
            time,
            encoder_hidden_states=words,
            class_labels=label,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            return_dict=False,
        )[0]
        return said

    def _steered(
        self,
        x: Tensor,
        time: Tensor,
        words: Tensor,
        label: Tensor | None,
        hints: Mapping[str, tuple[Tensor, float]],
        maps: Tensor | None,
        vector: Tensor | None,
    ) -> tuple[list[Tensor] | None, Tensor | None]:
        """What ControlNets and the fusion add to the U-Net's maps, summed."""
        down: list[Tensor] | None = None
        mid: Tensor | None = None
        found = []
        for kind, (hint, weight) in hints.items():
            net: Any = self.nets[kind]
            own = label if net.class_embedding is not None else None
            latents = x[:, : net.config.in_channels]
            found.append(net(latents, time, words, hint, conditioning_scale=weight, class_labels=own, return_dict=False))
        if self.fusion is not None and maps is not None:
            found.append(self.fusion(x, time, words, maps))
        for more, middle in found:
            down = list(more) if down is None else [a + b for a, b in zip(down, more, strict=True)]
            mid = middle if mid is None else mid + middle
        return down, mid
