"""A small prefix language model: it reads what was seen of one or two pictures, then words, and says the next word.

A decoder after GPT-2's plan (norm before each part, tied words). The prefix - cells, whole, counts, concepts and circumstances
of each picture, and for two dates the differences of their cells - is read once, all of it at once, and kept as keys and values;
words see the prefix and the words before them. So a conversation's pictures are looked at once, and texts of one picture share
them in training. Padding stands on the left and is seen by nobody: answers are the same in a batch and alone.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import InputError

DATES = 2
KNOWN = 8  # numbers that say the circumstances of a picture


class TalkConfig(Config):
    """Sizes: ``words`` of the vocabulary, ``inner`` of the layers' second part, what is known of each picture - ``side`` squared
    cells of ``cells`` numbers, ``whole``, ``counts``, ``concepts`` - and the ``longest`` conversation in words."""

    words: int = 3000
    dim: int = 256
    layers: int = 5
    heads: int = 4
    inner: int = 768
    cells: int = 1024
    side: int = 5
    whole: int = 384
    counts: int = 112
    concepts: int = 180
    longest: int = 256
    dropout: float = 0.1


class Sight(NamedTuple):
    """What is seen of B times N pictures: cells (B, N, S * S, C), whole (B, N, D), counts (B, N, K), concepts (B, N, M),
    circumstances ``known`` (B, N, 8), and which of the N are ``there`` (B, N)."""

    cells: Tensor
    whole: Tensor
    counts: Tensor
    concepts: Tensor
    known: Tensor
    there: Tensor

    def rows(self, rows: Tensor) -> Sight:
        """Some of the B."""
        return Sight(*(part[rows] for part in self))


class Past(NamedTuple):
    """What was read: keys and values (L, B, H, P, d), which places (B, P) count, and how many words (B,) were ``read``."""

    keys: Tensor
    values: Tensor
    mask: Tensor
    read: Tensor

    def rows(self, rows: Tensor) -> Past:
        """Some of the B, in any order, also more than once."""
        return Past(self.keys[:, rows], self.values[:, rows], self.mask[rows], self.read[rows])


class Layer(nn.Module):
    """Attention to the past and to what is allowed of the present, then two linear maps; norms before both."""

    def __init__(self, config: TalkConfig) -> None:
        super().__init__()
        self.heads, self.drop = config.heads, config.dropout
        self.norm1, self.norm2 = nn.LayerNorm(config.dim), nn.LayerNorm(config.dim)
        self.mix, self.out = nn.Linear(config.dim, 3 * config.dim), nn.Linear(config.dim, config.dim)
        self.up, self.down = nn.Linear(config.dim, config.inner), nn.Linear(config.inner, config.dim)

    def forward(self, x: Tensor, allowed: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, T, D) where place t sees ``allowed`` (B, 1, T, P + T); gives keys and values of the past and the present."""
        b, t, d = x.shape
        q, k, v = self.mix(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        drop = self.drop if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, allowed, drop)
        x = x + F.dropout(self.out(y.transpose(1, 2).reshape(b, t, d)), self.drop, self.training)
        y = self.down(F.gelu(self.up(self.norm2(x))))
        return x + F.dropout(y, self.drop, self.training), k, v


class Talk(nn.Module):
    """The prefix's maps, the words, and the layers that both go through."""

    def __init__(self, config: TalkConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.words = nn.Embedding(config.words, dim)
        self.places = nn.Embedding(config.longest, dim)
        self.spots = nn.Parameter(torch.zeros(config.side**2, dim))
        self.kinds = nn.Parameter(torch.zeros(5, dim))
        self.dates = nn.Parameter(torch.zeros(DATES + 1, dim))
        self.cell = nn.Linear(config.cells, dim)
        self.whole = nn.Linear(config.whole, dim)
        self.counts, self.concepts, self.known = (_two(n, dim) for n in (config.counts, config.concepts, KNOWN))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.last = nn.LayerNorm(dim)
        for name, size in (("counts", config.counts), ("concepts", config.concepts)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        for weight in (self.words.weight, self.places.weight, self.spots, self.kinds, self.dates):
            nn.init.normal_(weight, std=0.02)

    @torch.no_grad()
    def prepare(self, counts: Tensor, concepts: Tensor) -> None:
        """Measure how counts (N, K) and concepts (N, M) of ordinary pictures spread."""
        for name, x in (("counts", counts), ("concepts", concepts)):
            getattr(self, f"{name}_mean").copy_(x.float().mean(0))
            getattr(self, f"{name}_std").copy_(x.float().std(0).clamp(min=1e-2))

    def prefix(self, sight: Sight) -> Past:
        """Read what was seen. Raises InputError for more pictures than two."""
        b, n = sight.there.shape
        if n > DATES:
            raise InputError(f"nano-chat compares at most {DATES} pictures, got {n}: ask about two dates at a time.")
        cells = self.cell(sight.cells.to(self.cell.weight.dtype))
        spots = self.spots + self.kinds[0]
        parts = [cells + spots + self.dates[:n, None]]
        parts.append((self.whole(sight.whole) + self.kinds[1] + self.dates[:n])[:, :, None])
        for k, name in enumerate(("counts", "concepts"), 2):
            mean, std = getattr(self, f"{name}_mean"), getattr(self, f"{name}_std")
            told = ((getattr(sight, name) - mean) / std).clamp(-6, 6)
            parts.append((getattr(self, name)(told) + self.kinds[k] + self.dates[:n])[:, :, None])
        parts.append((self.known(sight.known) + self.kinds[4] + self.dates[:n])[:, :, None])
        x = torch.cat(parts, 2)
        mask = sight.there[..., None].expand(x.shape[:3])
        x, mask = x.flatten(1, 2), mask.flatten(1)
        if n == DATES:
            x = torch.cat([x, cells[:, 1] - cells[:, 0] + spots + self.dates[2]], 1)
            mask = torch.cat([mask, sight.there.all(1, keepdim=True).expand(-1, cells.shape[2])], 1)
        count = torch.zeros(b, dtype=torch.long, device=x.device)
        # a row without any picture sees its first place, which then says nothing but that
        mask = mask | (~mask.any(1, keepdim=True) & (torch.arange(mask.shape[1], device=x.device) == 0))
        _, past = self._through(x, mask[:, None, None, :].expand(-1, 1, x.shape[1], -1), None, mask, count)
        return past

    def read(self, ids: Tensor, real: Tensor, past: Past, shift: Tensor | int = 0) -> tuple[Tensor, Past]:
        """Read words (B, T) of which some on the left are not ``real``; gives states (B, T, D) and all that was read.

        ``shift`` (B,) moves the words' places, for training. Raises InputError for a conversation that is too long.
        """
        t = ids.shape[1]
        place = past.read[:, None] + real.long().cumsum(1) - 1
        if int(place.max()) >= self.config.longest:
            raise InputError(
                f"The conversation is longer than the {self.config.longest} word pieces that nano-chat can hold: ask more "
                "shortly, or begin a new conversation."
            )
        at = (place + (shift[:, None] if isinstance(shift, Tensor) else shift)).clamp(0, self.config.longest - 1)
        x = F.dropout(self.words(ids) + self.places(at), self.config.dropout, self.training)
        order = torch.ones(t, t, dtype=torch.bool, device=ids.device).tril()
        own = order & real[:, None, :]
        allowed = torch.cat([past.mask[:, None, :].expand(-1, t, -1), own], 2)[:, None]
        mask = torch.cat([past.mask, real], 1)
        return self._through(x, allowed, past, mask, past.read + real.sum(1))

    def logits(self, states: Tensor) -> Tensor:
        """Logits (..., W) of the next word."""
        return F.linear(states, self.words.weight)

    def _through(self, x: Tensor, allowed: Tensor, past: Past | None, mask: Tensor, count: Tensor) -> tuple[Tensor, Past]:
        keys, values = [], []
        for number, layer in enumerate(self.layers):
            x, k, v = layer(x, allowed, None if past is None else (past.keys[number], past.values[number]))
            keys.append(k)
            values.append(v)
        return self.last(x), Past(torch.stack(keys), torch.stack(values), mask, count)

    def forward(self, sight: Sight, of: Tensor, ids: Tensor, real: Tensor, asked: Tensor, shift: Tensor) -> Tensor:
        """Logits (A, W) at the ``asked`` places (R, T) of texts (R, T), the r-th about the pictures in row ``of[r]``."""
        past = self.prefix(sight).rows(of)
        states, _ = self.read(ids, real, past, shift)
        return self.logits(states[asked])


def _two(size: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, dim), nn.GELU(), nn.Linear(dim, dim))
