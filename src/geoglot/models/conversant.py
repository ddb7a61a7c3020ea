"""A conversation model of parts as one trainable module: eyes, a connector, a causal language model of transformers."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core import parts
from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.models.eyes import Eye, EyeConfig
from geoglot.models.lora import LoraConfig, wrap
from geoglot.nn.connectors._maps import Connector
from geoglot.nn.packing import positions, sight

Trained = Literal["connector", "language", "language alone", "lora", "all"]


class ConversantConfig(Config):
    """The eyes, and the connector by name with its own ``options``; the language model brings its own configuration."""

    eyes: tuple[EyeConfig, ...] = Field(min_length=1)
    connector: str = "mlp"
    options: dict[str, Any] = Field(default_factory=dict)


class Talk(NamedTuple):
    """Conversations to learn from, a row each, or several packed into a row.

    ``ids`` (B, T) tokens, 0 where there is none; ``holes`` (B, T) the cells of pictures; ``answers`` (B, T) what is to be told;
    ``of`` (B, T) numbers the conversations of a row from 1, 0 is padding. ``pixels`` (B, K, 3, S, S) in [0, 1] and ``valid``
    (B, K, S, S) are the pictures of a row in their order, of which ``shown`` (B, K) are there; ``words`` and ``heard`` (B, K, W)
    are the text of the turn in which each stands.
    """

    ids: Tensor
    holes: Tensor
    answers: Tensor
    of: Tensor
    pixels: Tensor
    valid: Tensor
    shown: Tensor
    words: Tensor
    heard: Tensor


class Conversant(nn.Module):
    """Pictures through the eyes and the connector become vectors among those of the words."""

    def __init__(self, config: ConversantConfig, language: Any, eyes: Sequence[Eye] | None = None) -> None:
        super().__init__()
        self.config = config
        looking = list(eyes) if eyes is not None else [Eye(one) for one in config.eyes]
        self.eyes = nn.ModuleList(looking)
        self.channels = tuple(count for eye in looking for count in eye.channels)  # of the maps of all eyes
        self.side = max(eye.side for eye in looking)  # pixels of the pictures that it takes: what the sharpest eye looks at
        self.language: Any = language
        part = parts.find("nn.connectors", config.connector)
        self.width = int(self.language.get_input_embeddings().embedding_dim)
        self.connector: Connector = part.KIND(self.channels, self.width, part.Options.build(config.options))
        with torch.no_grad():
            blank = torch.zeros(1, 3, self.side, self.side)
            maps = self.maps(blank, blank[:, 0] == 0)
        self.count: int = self.connector.count([(found.shape[1], found.shape[2]) for found in maps])

    def maps(self, pixels: Tensor, valid: Tensor) -> list[Tensor]:
        """Maps (B, h, w, C) of all eyes, of pixels (B, 3, S, S) in [0, 1] and validity (B, S, S)."""
        where = next(self.eyes.parameters()).device
        return [found for eye in self.eyes for found in eye(pixels.to(where), valid.to(where))]

    def look(self, pixels: Tensor, valid: Tensor, words: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """Tokens (B, N, width) of pictures, which may depend on ``words`` (B, W) of which ``heard`` (B, W) are real."""
        said = None
        if self.connector.reads_words and words is not None and words.shape[1]:
            said = self.language.get_input_embeddings()(words)
        number = next(self.connector.parameters()).dtype
        maps = [found.to(number) for found in self.maps(pixels, valid)]
        made: Tensor = self.connector(maps, said, heard if said is not None else None)
        return made

    def forward(self, talk: Talk) -> Tensor:
        """Logits (B, T, V) of conversations; `losses.caption` with ``answers`` as its mask is the loss on answers alone."""
        x = self.language.get_input_embeddings()(talk.ids)
        if bool(talk.shown.any()):
            seen = talk.shown
            tokens = self.look(talk.pixels[seen], talk.valid[seen], talk.words[seen], talk.heard[seen])
            x = x.masked_scatter(talk.holes[..., None], tokens.flatten(0, 1).to(x))
        packed = bool((talk.of > 1).any())
        mask = sight(talk.of, x.dtype) if packed else talk.of > 0
        return self.told(x, attention_mask=mask, position_ids=positions(talk.of), use_cache=False)

    def told(self, x: Tensor, **more: Any) -> Tensor:
        """Logits of the language model after vectors (B, T, width); it is told of the rest what its kind knows."""
        known = inspect.signature(self.language.forward).parameters
        logits: Tensor = self.language(inputs_embeds=x, **{name: value for name, value in more.items() if name in known}).logits
        return logits


def tune(module: Conversant, what: Trained, lora: LoraConfig | None = None) -> Any:
    """Say what of a module is trained: the connector, it and the language model, that alone, it and adapters in that, or all.

    Gives peft's handle where there are adapters (`models.lora`), else None. Raises ConfigError for anything else.
    """
    if what not in get_args(Trained):
        raise ConfigError(f"{what!r} cannot be trained: choose {', '.join(get_args(Trained))}")
    module.requires_grad_(what == "all")
    module.connector.requires_grad_(what != "language alone")
    if what in ("language", "language alone"):
        module.language.requires_grad_(True)
    return wrap(module.language, lora or LoraConfig()) if what == "lora" else None
