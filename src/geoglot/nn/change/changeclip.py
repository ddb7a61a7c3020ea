"""ChangeCLIP: what a frozen image-text model calls the foreground of each date guides the comparison of its maps.

After Dong et al. 2024, "ChangeCLIP: Remote sensing change detection with multimodal vision-language representation learning"
(ISPRS Journal), from a description, without its code. The tags of each date are that date's own, in training and in use (the
released test path takes those of the first for both). Departures: a `Dual` shows no embeddings of tokens, so that the learned
context is two vectors added in the joint space, and a date's foreground is the mean of its tags' vectors, weighted by their
probability, not one sentence of them all: no text tower runs when pictures are compared.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.nn.dates import Changer, Date, depths, enlarged, measured
from geoglot.nn.decoder import Depths
from geoglot.nn.detection import Convolution, Lateral
from geoglot.text.tags import BACKGROUND, FOREGROUND, TAGS

START = 1e-4  # weight of what texts learn from the picture
CONTRAST = 10.0  # of cosines


class Options(Config):
    """Channels of the tower's maps, inside at each, the finest first, and how many times each is enlarged first (maps of
    transformers are all of one size); width of the pyramid; length of vectors; how many tags of a date, and how sharply."""

    channels: tuple[int, ...] = (256, 512, 1024)
    inner: tuple[int, ...] = (32, 48, 64)
    enlarge: tuple[int, ...] = (1, 1, 1)
    width: int = 48
    dim: int = 384
    tags: int = 9
    temperature: float = 0.01


class Fusion(nn.Module):
    """[x * sigmoid(1 - cos), conv |A - B|, x] of both dates x = [A, B], channels weighed by squeeze and excitation, narrowed."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        whole = 5 * inner
        self.gap = Convolution(inner)
        self.squeeze = nn.Sequential(nn.Linear(whole, max(whole // 8, 4)), nn.ReLU(), nn.Linear(max(whole // 8, 4), whole))
        self.narrow = nn.Conv2d(whole, width, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare maps (B, inner, h, w): (B, width, h, w)."""
        x = torch.cat([a, b], 1)
        weight = (1 - F.cosine_similarity(a.float(), b.float(), dim=1)).sigmoid()[:, None].to(x.dtype)
        found = torch.cat([x * weight, self.gap((a - b).abs()), x], 1)
        share = self.squeeze(found.mean((2, 3))).sigmoid()
        made: Tensor = self.narrow(found * share[..., None, None])
        return made


class Refine(nn.Module):
    """t + gamma * cross-attention of texts t on the cells of a picture."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.text, self.cells, self.back = nn.Linear(dim, width), nn.Linear(dim, width), nn.Linear(width, dim)
        self.attend = nn.MultiheadAttention(width, 4 if width % 4 == 0 else 1, batch_first=True)
        self.gamma = nn.Parameter(torch.full((dim,), START))

    def forward(self, texts: Tensor, seen: Depths) -> Tensor:
        """Map texts (B, 2, D) to the same."""
        cells = self.cells(torch.cat([seen.pooled[:, None], seen.cells.flatten(1, 2)], 1).to(self.cells.weight.dtype))
        found = self.attend(self.text(texts), cells, cells, need_weights=False)[0]
        made: Tensor = texts + self.gamma * self.back(found)
        return made


class ChangeCLIP(Changer):
    """Logits at the size of the finest map, enlarged."""

    texts: ClassVar[tuple[str, ...]] = (*(FOREGROUND.format(tag) for tag in TAGS), BACKGROUND)

    def __init__(self, options: Options) -> None:
        super().__init__()
        if not len(options.channels) == len(options.inner) == len(options.enlarge):
            raise ConfigError(f"channels, inner and enlarge of changeclip are of one length, got {options.model_dump()}.")
        self.options, width = options, options.width
        self.laterals = nn.ModuleList(Lateral(*pair) for pair in zip(options.channels, options.inner, strict=True))
        self.larger = nn.ModuleList(
            nn.ConvTranspose2d(inner, inner, times, times) if times > 1 else nn.Identity()
            for inner, times in zip(options.inner, options.enlarge, strict=True)
        )
        deep = [0] * (len(options.inner) - 1) + [2]  # the scores of both texts go in beside the deepest map
        self.fusions = nn.ModuleList(Fusion(inner + more, width) for inner, more in zip(options.inner, deep, strict=True))
        self.levels = nn.ModuleList(Convolution(width) for _ in options.inner)
        self.join = nn.Sequential(nn.Conv2d(width * len(options.inner), width, 1), nn.ReLU(), Convolution(width))
        self.mask = nn.Conv2d(width, 1, 1)
        nn.init.constant_(self.mask.bias, -2.0)  # type: ignore[arg-type]
        self.context = nn.Parameter(torch.zeros(2, options.dim))
        self.refine = Refine(options.dim, options.inner[-1])
        self.register_buffer("known", F.normalize(torch.ones(len(self.texts), options.dim), dim=-1))
        self.known: Tensor

    @torch.no_grad()
    def prepare(self, seen: Date, vectors: Tensor) -> None:
        """Measure the channels of maps of ordinary pictures, and take up the vectors of tags and background."""
        measured(list(self.laterals), depths(seen).maps)
        self.known.copy_(vectors)

    def tags(self, seen: Depths) -> Tensor:
        """Probabilities (B, tags) of the likeliest tags of a date and zeros for all others."""
        logits = seen.pooled.float() @ self.known[:-1].float().T / self.options.temperature
        least = logits.topk(min(self.options.tags, logits.shape[1]), dim=1).values[:, -1:]
        return torch.where(logits >= least, logits, -torch.inf).softmax(1)

    def prompts(self, seen: Depths) -> Tensor:
        """Unit vectors (B, 2, D) of a date's foreground and background, refined by what is seen."""
        front = F.normalize(self.tags(seen) @ self.known[:-1].float(), dim=-1)
        texts = torch.stack([front, self.known[-1].float().expand_as(front)], 1) + self.context
        return F.normalize(self.refine(F.normalize(texts, dim=-1), seen).float(), dim=-1)

    def scores(self, seen: Depths) -> Tensor:
        """How much each cell is of foreground and background (B, 2, h, w)."""
        return CONTRAST * torch.einsum("bhwd,bkd->bkhw", seen.cells.float(), self.prompts(seen))

    def maps(self, date: Date) -> list[Tensor]:
        """Maps of a date, the finest first, the deepest with the scores in it."""
        seen = depths(date)
        found = [larger(lateral(x)) for larger, lateral, x in zip(self.larger, self.laterals, seen.maps, strict=True)]
        found[-1] = torch.cat([found[-1], enlarged(self.scores(seen), found[-1]).to(found[-1].dtype)], 1)
        return found

    def forward(self, before: Date, after: Date) -> Tensor:
        """Give logits (B, h, w)."""
        fused = [fusion(a, b) for fusion, a, b in zip(self.fusions, self.maps(before), self.maps(after), strict=True)]
        x, found = fused[-1], []
        for number in reversed(range(len(fused))):
            x = fused[number] if number == len(fused) - 1 else enlarged(x, fused[number]) + fused[number]
            found.append(self.levels[number](x))
        logits: Tensor = self.mask(self.join(torch.cat([enlarged(level, found[-1]) for level in found], 1))).float()[:, 0]
        return logits


KIND = ChangeCLIP
