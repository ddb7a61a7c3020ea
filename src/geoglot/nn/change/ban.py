"""BAN: a host of change detection that a frozen image-text tower helps by bridges at each of its stages.

Li, Cao & Meng 2024, "A new learning paradigm for foundation model-based remote sensing change detection" (arXiv 2312.01163),
without its code. The frozen tower sees each date at its own input size; a bridge after each stage of the host lets its cells ask
the tower's by cross-attention, and adds the tower's map, enlarged.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.core.parts import find
from geoglot.nn.dates import Changer, Date, Host, Looks, depths, enlarged, measured
from geoglot.nn.detection import Lateral


class Options(Config):
    """Channels of the tower's maps; the host's name and its own options; heads of the bridges; length of vectors (not used)."""

    channels: tuple[int, ...] = (256, 512, 1024)
    dim: int = 384
    host: str = "changeformer"
    told: dict[str, Any] = Field(default_factory=dict)
    heads: int = 4


class Bridge(nn.Module):
    """x + MHA(norm x, projected f), then a feed-forward part, then + f, projected and enlarged to x."""

    def __init__(self, channels: int, width: int, heads: int) -> None:
        super().__init__()
        while width % heads:
            heads -= 1
        self.project = Lateral(channels, width)
        self.first, self.second, self.other = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, f: Tensor) -> Tensor:
        """Map x (B, C, h, w) and a frozen map f (B, channels, h', w') to the shape of x."""
        known = self.project(f)
        keys = self.other(known.flatten(2).transpose(1, 2))
        cells = x.flatten(2).transpose(1, 2)
        cells = cells + self.attend(self.first(cells), keys, keys, need_weights=False)[0]
        cells = cells + self.feed(self.second(cells))
        made: Tensor = cells.transpose(1, 2).reshape(x.shape) + enlarged(known, x)
        return made


class BAN(Changer):
    """Logits as the host gives them; the order of dates is all one where it is to the host."""

    looks: ClassVar[Looks] = "model"

    def __init__(self, options: Options) -> None:
        super().__init__()
        part = find("nn.change", options.host)
        if not issubclass(part.KIND, Host):
            raise ConfigError(f"{options.host} is no host of BAN, which has stages: take bit or changeformer.")
        host: Host = part.KIND(part.Options.build(options.told))
        self.host, self.symmetric = host, host.symmetric
        count, last = len(host.widths), len(options.channels) - 1
        self.of = [round(number * last / max(count - 1, 1)) for number in range(count)]  # the finer maps go to the finer stages
        self.bridges = nn.ModuleList(
            Bridge(options.channels[at], width, options.heads) for at, width in zip(self.of, host.widths, strict=True)
        )

    @torch.no_grad()
    def prepare(self, seen: Date, vectors: Tensor) -> None:
        """Measure the channels of maps of ordinary pictures."""
        maps = depths(seen).maps
        measured([bridge.get_submodule("project") for bridge in self.bridges], [maps[at] for at in self.of])

    def forward(self, before: Date, after: Date) -> Tensor:
        """Give logits (B, h, w)."""
        maps = [torch.cat(pair) for pair in zip(depths(before).maps, depths(after).maps, strict=True)]

        def bridge(number: int, x: Tensor) -> Tensor:
            made: Tensor = self.bridges[number](x, maps[self.of[number]])
            return made

        found: Tensor = self.host(before, after, bridge)
        return found


KIND = BAN
