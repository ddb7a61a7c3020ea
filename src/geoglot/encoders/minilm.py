"""A small BERT-like text tower with mean pooling and a linear map: the shape of all-MiniLM-L6-v2.

Wang et al. 2020, "MiniLM" (arXiv 2002.10957); Reimers and Gurevych 2019, "Sentence-BERT" (arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config


class MiniLMConfig(Config):
    """Sizes of the tower; the defaults are those of all-MiniLM-L6-v2 with a pruned vocabulary."""

    vocabulary: int = 16000
    dim: int = 384
    layers: int = 6
    heads: int = 12
    hidden: int = 1536
    positions: int = 128


class Layer(nn.Module):
    """Self-attention and a two-layer perceptron, each followed by its layer norm."""

    def __init__(self, config: MiniLMConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.query, self.key, self.value, self.out = (nn.Linear(config.dim, config.dim) for _ in range(4))
        self.norm1, self.norm2 = (nn.LayerNorm(config.dim, eps=1e-12) for _ in range(2))
        self.up, self.down = nn.Linear(config.dim, config.hidden), nn.Linear(config.hidden, config.dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D); ``mask`` (B, T) says which tokens are real."""
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = self.norm1(x + self.out(a.transpose(1, 2).flatten(2)))
        y: Tensor = self.norm2(x + self.down(F.gelu(self.up(x))))
        return y


class MiniLM(nn.Module):
    """Token ids to one vector a text: `sentence` is the published embedding, `forward` maps it into the joint space."""

    def __init__(self, config: MiniLMConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocabulary, config.dim)
        self.places = nn.Embedding(config.positions, config.dim)
        self.norm = nn.LayerNorm(config.dim, eps=1e-12)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.map = nn.Linear(config.dim, config.dim)
        nn.init.eye_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def sentence(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Give the unit mean of the token vectors (B, D) for ids (B, T) and a mask of the real ones (B, T)."""
        return self.pooled(self.words(ids), mask)

    def pooled(self, words: Tensor, mask: Tensor) -> Tensor:
        """As `sentence`, from word vectors (B, T, D), which need not be those of the table."""
        x = self.norm(words + self.places.weight[: words.shape[1]])
        for layer in self.layers:
            x = layer(x, mask)
        weight = mask[..., None].to(x.dtype)
        return F.normalize((x * weight).sum(1) / weight.sum(1), dim=-1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Give unit vectors (B, D) in the joint space."""
        return F.normalize(self.map(self.sentence(ids, mask)), dim=-1)


def convert(published: Mapping[str, Tensor], rows: Tensor, positions: int) -> dict[str, Tensor]:
    """Turn the published layer names (BertModel) into those of `MiniLM`, keeping ``rows`` of the vocabulary.

    The one token type that is ever used is added to the position table. `map` is left at the identity.
    """
    e = "embeddings."
    out = {
        "words.weight": published[e + "word_embeddings.weight"][rows],
        "places.weight": published[e + "position_embeddings.weight"][:positions]
        + published[e + "token_type_embeddings.weight"][0],
        "norm.weight": published[e + "LayerNorm.weight"],
        "norm.bias": published[e + "LayerNorm.bias"],
    }
    names = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "out": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm2": "output.LayerNorm",
    }
    count = 1 + max(int(k.split(".")[2]) for k in published if k.startswith("encoder.layer."))
    for i in range(count):
        for ours, theirs in names.items():
            for kind in ("weight", "bias"):
                out[f"layers.{i}.{ours}.{kind}"] = published[f"encoder.layer.{i}.{theirs}.{kind}"]
    dim = out["norm.weight"].shape[0]
    return out | {"map.weight": torch.eye(dim), "map.bias": torch.zeros(dim)}
