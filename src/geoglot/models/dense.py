"""Cells of vision transformers: what the last block is replaced with, so that a patch tells what is there and nowhere else.

A transformer that was trained to pool puts into its last tokens what is useful for the whole picture. Of its last block
only the attention is kept here, without residual and feed-forward part, and the output goes on through the last norm and the
projection.

- `segearth`: each token attends to tokens like itself, weights softmax(qq') + softmax(kk') + softmax(vv') (SegEarth-OV, Li
  et al. 2024, arXiv 2410.01768).
- `maskclip`: each token keeps its own value (Zhou et al. 2022, arXiv 2112.01071).
- `tokens`: the tokens as they leave the whole last block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from geoglot.core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

BIAS = 0.3  # SegEarth-OV's


@dataclass(frozen=True)
class Cells:
    """How a model's cells are had: pixels along the side of one, and in what windows to look at what is larger than a picture.

    `window` is the side of a window and `margin` what of it feels the edge, in pixels, `overlap` the part of the rest that
    neighbours share; `bias` is the share of the cosines of a whole window that its cells have too much.
    """

    side: int
    window: int
    margin: int = 0
    overlap: float = 0.5
    bias: float = 0.0


Variant = Literal["segearth", "maskclip", "tokens"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


def variant_of(name: str) -> Variant:
    """The variant of a name. Raises InputError."""
    for known in VARIANTS:
        if name == known:
            return known
    raise InputError(f"Dense features are {', '.join(VARIANTS)}, got {name!r}.")


def before_last(encoder: Any, tokens: Tensor) -> Tensor:
    """Tokens (B, N, C) through all blocks of a transformers encoder but the last."""
    for layer in encoder.layers[:-1]:
        tokens = layer(tokens, attention_mask=None)
    return tokens


def cells(layer: Any, tokens: Tensor, variant: Variant) -> Tensor:
    """What a last block makes of its input (B, N, C) by one of the variants: (B, N, C), before the last norm."""
    if variant == "tokens":
        whole: Tensor = layer(tokens, attention_mask=None)
        return whole
    attention = layer.self_attn
    seen = layer.layer_norm1(tokens)
    value: Tensor = attention.v_proj(seen)
    if variant == "segearth":
        heads = [_heads(part, attention.num_heads) for part in (attention.q_proj(seen), attention.k_proj(seen), value)]
        weights = sum(((part @ part.mT) * attention.head_dim**-0.5).softmax(-1) for part in heads)
        value = (weights @ heads[2]).transpose(1, 2).flatten(2)
    out: Tensor = attention.out_proj(value)
    return out


def _heads(tokens: Tensor, count: int) -> Tensor:
    """(B, N, C) to (B, heads, N, C / heads)."""
    batch, length, _ = tokens.shape
    return tokens.reshape(batch, length, count, -1).transpose(1, 2)
