"""A head that picks, among the objects that were found in a picture, the one that words mean.

Boxes that a detector gave, not digits that a language model writes: which of them is meant is decided by attention among the
objects, with how they lie to one another (left of, larger than) added to the scores of attention, and to the words. Its place
in eleven orders (second from the left, largest) is counted softly for each object among those of the kind that the words name.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config

PAIR = 9  # numbers that say how two boxes lie to one another
POINTS = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))  # the middle and the corners
ORDERS = 6 + len(POINTS)  # from the left, right, top, bottom, by size either way, by nearness to points
SHARP, WIDE = 80.0, 8.0  # how sharply places in the unit square, and logarithms of areas, come one before another
FIRST = 3  # ranks that are told apart


class PointerConfig(Config):
    """Sizes: numbers of an object, of a word, inside."""

    features: int = 95
    words: int = 256
    dim: int = 112
    layers: int = 3
    heads: int = 4
    longest: int = 24
    dropout: float = 0.1


class Objects(NamedTuple):
    """Objects of B pictures: boxes (B, K, 4) left, top, right, bottom in the unit square, features (B, K, F), which are there
    (B, K)."""

    boxes: Tensor
    features: Tensor
    there: Tensor


class Step(nn.Module):
    """Objects look at each other, then at the words."""

    def __init__(self, config: PointerConfig) -> None:
        super().__init__()
        dim = config.dim
        self.heads = config.heads
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.mix, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.ask, self.told, self.heard = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.turn = nn.Linear(dim, config.heads)
        self.up, self.down = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, lie: Tensor, there: Tensor, words: Tensor, real: Tensor) -> Tensor:
        """Map objects (B, K, D), with how pairs of them ``lie`` (B, heads, K, K) and words (B, T, D), to objects (B, K, D)."""
        b, k, d = x.shape
        q, key, v = self.mix(self.norms[0](x)).view(b, k, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # how much each way of lying counts depends on what the object has heard so far
        bias = lie * (1 + self.turn(x)).permute(0, 2, 1)[..., None]
        bias = bias.masked_fill(~there[:, None, None, :], -1e4)
        x = x + self.drop(self.out(F.scaled_dot_product_attention(q, key, v, bias).transpose(1, 2).reshape(b, k, d)))
        q = self.ask(self.norms[1](x)).view(b, k, self.heads, -1).transpose(1, 2)
        key, v = self.told(words).view(b, words.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, key, v, real[:, None, None, :])
        x = x + self.drop(self.heard(y.transpose(1, 2).reshape(b, k, d)))
        made: Tensor = x + self.drop(self.down(F.gelu(self.up(self.norms[2](x)))))
        return made


class Pointer(nn.Module):
    """From objects and words to a logit for each object, and one for none of them."""

    def __init__(self, config: PointerConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.objects = nn.Sequential(nn.Linear(config.features + 8, dim), nn.GELU(), nn.Linear(dim, dim))
        self.none = nn.Parameter(torch.zeros(dim))
        # vectors of words come small, and would be lost beside those of their places
        self.words = nn.Sequential(nn.LayerNorm(config.words), nn.Linear(config.words, dim))
        self.places = nn.Parameter(torch.zeros(config.longest, dim))
        nn.init.normal_(self.places, std=0.1)
        self.reader = nn.TransformerEncoderLayer(dim, config.heads, 2 * dim, config.dropout, "gelu", batch_first=True)
        self.steps = nn.ModuleList(Step(config) for _ in range(config.layers))
        self.lie = nn.Sequential(nn.Linear(PAIR, 16), nn.GELU(), nn.Linear(16, config.heads * config.layers))
        self.kind, self.ranks = nn.Linear(dim, 1), nn.Linear(ORDERS * (FIRST + 1) + 1, dim)
        self.last = nn.LayerNorm(dim)
        self.score, self.nobody, self.move = nn.Linear(dim, 1), nn.Linear(2 * dim, 1), nn.Linear(dim, 4)
        nn.init.zeros_(self.move.weight)
        nn.init.zeros_(self.move.bias)
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("std", torch.ones(config.features))
        self.mean: Tensor
        self.std: Tensor

    @torch.no_grad()
    def prepare(self, features: Tensor) -> None:
        """Measure how features (N, F) of ordinary objects spread."""
        self.mean.copy_(features.float().mean(0))
        self.std.copy_(features.float().std(0).clamp(min=1e-3))

    def forward(self, found: Objects, words: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K + 1) of objects and, last, of none of them, and by how much (B, K, 4) boxes are to be moved (see `moved`).

        Of the words (B, T, W) those count that are ``real`` (B, T).
        """
        x, there = self._told(found), found.there
        x = torch.cat([x, self.none.expand(len(x), 1, -1)], 1)
        there = torch.cat([there, there.new_ones(len(x), 1)], 1)
        boxes = torch.cat([found.boxes, found.boxes.new_tensor((0.0, 0.0, 1.0, 1.0)).expand(len(x), 1, -1)], 1)
        lie = self.lie(pairs(boxes)).permute(0, 3, 1, 2).chunk(len(self.steps), 1)
        t = words.shape[1]
        words = self.reader(self.words(words) + self.places[:t], src_key_padding_mask=~real)
        for number, step in enumerate(self.steps):
            x = step(x, lie[number], there, words, real)
            if number == 0:
                kind = self.kind(x)[..., 0].sigmoid() * there
                kind = torch.cat([kind[:, :-1], torch.zeros_like(kind[:, -1:])], 1)  # nothing is of no kind
                x = x + self.ranks(torch.cat([places(boxes, kind), kind[..., None]], -1))
        x = self.last(x)
        logits = self.score(x[:, :-1])[..., 0].masked_fill(~found.there, -1e4)
        best = torch.where(found.there[..., None], x[:, :-1], x.new_full((), -1e4)).amax(1) if x.shape[1] > 1 else x[:, -1]
        best = torch.where(found.there.any(1, keepdim=True), best, torch.zeros_like(best))
        return torch.cat([logits, self.nobody(torch.cat([x[:, -1], best], 1))], 1), self.move(x[:, :-1])

    def _told(self, found: Objects) -> Tensor:
        x0, y0, x1, y1 = found.boxes.unbind(-1)
        w, h = (x1 - x0).clamp(min=1e-4), (y1 - y0).clamp(min=1e-4)
        form = torch.stack([(x0 + x1) / 2, (y0 + y1) / 2, w, h, w.log(), h.log(), (w * h).log(), (w / h).log()], -1)
        made: Tensor = self.objects(torch.cat([(found.features - self.mean) / self.std, form], -1))
        return made


def moved(boxes: Tensor, by: Tensor) -> Tensor:
    """Boxes (..., 4) with centres moved by parts of the sides, and sides stretched by the exponential of ``by`` (..., 4)."""
    by = by.clamp(-1, 1)
    low, high = boxes[..., :2], boxes[..., 2:]
    side = (high - low).clamp(min=1e-4)
    centre, half = (low + high) / 2 + by[..., :2] * side, side * by[..., 2:].exp() / 2
    return torch.cat([centre - half, centre + half], -1).clamp(0, 1)


def move_to(boxes: Tensor, wanted: Tensor) -> Tensor:
    """By how much (..., 4) boxes have to be `moved` to become the wanted ones."""
    side, other = ((b[..., 2:] - b[..., :2]).clamp(min=1e-4) for b in (boxes, wanted))
    way = (wanted[..., :2] + wanted[..., 2:] - boxes[..., :2] - boxes[..., 2:]) / 2 / side
    return torch.cat([way, (other / side).log()], -1)


def orders(boxes: Tensor) -> Tensor:
    """By what boxes (B, K, 4) are put in order (B, K, 11), each the smaller the nearer to the first."""
    x, y = (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2
    area = ((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])).clamp(min=1e-8).log() * (WIDE / SHARP)
    near = [((x - a).square() + (y - b).square() + 1e-8).sqrt() for a, b in POINTS]
    return torch.stack([x, -x, y, -y, area, -area, *near], -1)


def places(boxes: Tensor, kind: Tensor) -> Tensor:
    """The place (B, K, 11 * 4) of each box (B, K, 4) in the orders among those whose share of a ``kind`` (B, K) counts.

    Of each order: how near the place is to the first, second and third, and the logarithm of one more than it.
    """
    value = orders(boxes)
    before = (SHARP * (value[:, :, None] - value[:, None])).sigmoid()  # (B, i, j, order): j before i
    rank = torch.einsum("bijo,bj->bio", before, kind) - 0.5 * kind[..., None]
    steps = torch.arange(FIRST, device=boxes.device, dtype=rank.dtype)
    near = (-((rank[..., None] - steps).square()) / 0.3).exp()
    return torch.cat([near, rank.clamp(min=0).log1p()[..., None]], -1).flatten(2)


def pairs(boxes: Tensor) -> Tensor:
    """How boxes (B, K, 4) lie to one another (B, K, K, 9): ways and their signs, distance, sizes; i as seen from j."""
    x, y = (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2
    area = ((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])).clamp(min=1e-8).log()
    dx, dy = x[:, :, None] - x[:, None, :], y[:, :, None] - y[:, None, :]
    larger = area[:, :, None] - area[:, None, :]
    return torch.stack(
        [
            dx,
            dy,
            (20 * dx).tanh(),
            (20 * dy).tanh(),
            (dx.square() + dy.square() + 1e-8).sqrt(),
            dx.abs(),
            dy.abs(),
            larger.clamp(-4, 4) / 2,
            (5 * larger).tanh(),
        ],
        -1,
    )
