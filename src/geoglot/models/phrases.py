"""A frozen text encoder of transformers with its tokenizer: texts to states that a denoiser attends to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Tokens = Callable[[Sequence[str]], tuple[NDArray[np.int64], NDArray[np.int64]]]


class Phrases:
    """``tokens`` gives ids (B, T) and which of them are text; ``masked`` encoders (T5) do not look at the others.

    ``more`` are words (1, M, D) that follow every text, ``folder`` is where encoder and tokenizer came from.
    """

    def __init__(self, tokens: Tokens, encoder: nn.Module, masked: bool = False, more: Tensor | None = None) -> None:
        self.tokens, self.encoder, self.masked, self.more = tokens, encoder.eval().requires_grad_(False), masked, more
        self.folder: Path | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the encoder."""
        self.encoder.to(device, dtype)
        self.more = None if self.more is None else self.more.to(device, dtype)

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """States (B, T, D) of texts, cut at the encoder's length, and which are text (B, T) where that matters."""
        ids, real = (torch.from_numpy(found).to(next(self.encoder.parameters()).device) for found in self.tokens(texts))
        if self.masked:
            return self.encoder(ids, attention_mask=real)[0], real
        states = self.encoder(ids)[0]
        return states if self.more is None else torch.cat([states, self.more.expand(len(states), -1, -1)], 1), None


def of_tokenizer(tokenizer: Any) -> Tokens:
    """Tokens of a tokenizer of transformers, filled up to its length as Stable Diffusion does."""

    def tokens(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        made = tokenizer(
            list(texts), padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="np"
        )
        return made["input_ids"].astype(np.int64), made["attention_mask"].astype(np.int64)

    return tokens
