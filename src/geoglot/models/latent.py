"""Generators of diffusers' parts: an autoencoder or none, a U-Net or a transformer, a text encoder, a schedule, and what steers.

Words steer through attention, metadata through the vector of time, images through ControlNets (Zhang et al. 2023, arXiv
2302.05543; several are added up), through channels beside the latents, or through one encoder of several maps (`nn.fusion_maps`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from geoglot.core.errors import ModelMismatchError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid, Window
from geoglot.models import guides
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.generator import Generator
from geoglot.models.phrases import Phrases
from geoglot.nn.conditions import Metadata, level, numbers
from geoglot.nn.denoiser import Denoiser, Heard

FACTOR = 4
KEPT = "keep"  # the name of channels that tell what stays: where to draw, and the rest of the picture


class Beside(NamedTuple):
    """Channels beside the latents: of a kind of control, as latents of a picture or as means of its pixels."""

    kind: str
    channels: int
    encoded: bool


@dataclass(frozen=True)
class Parts:
    """What a generator is made of.

    ``network`` with all that steers it; ``vae`` where it works on latents; ``phrases`` where it reads; ``levels`` where the pixel
    size is a class of Text2Earth's; ``frees`` says that guidance compares with unknown metadata, and not only with other words.
    """

    network: Denoiser
    schedule: Mapping[str, Any]
    vae: nn.Module | None = None
    phrases: Phrases | None = None
    beside: tuple[Beside, ...] = ()
    levels: bool = False
    frees: bool = True
    nothing: str = ""  # what guidance compares with where nothing is to be avoided
    maps: tuple[str, ...] = ()  # kinds of control in the order of the fusion's maps, three channels each


@dataclass(frozen=True)
class Prepared:
    """A request as the network takes it: one row, or two where it is guided - the first without what is asked."""

    condition: Condition
    shape: tuple[int, int]
    guidance: float
    words: Tensor | None
    mask: Tensor | None
    numbers: Tensor | None
    sensors: Tensor | None
    labels: Tensor | None
    controls: Mapping[str, Control] = field(default_factory=dict)


class Latent(Generator):
    """A generator of parts."""

    def __init__(
        self, parts: Parts, spec: ModelSpec, native: int, defaults: Drawing, device: torch.device, dtype: torch.dtype
    ) -> None:
        cell = 1 if parts.vae is None else 2 ** (len(parts.vae.config.block_out_channels) - 1)  # type: ignore[union-attr, arg-type]
        channels = len(spec.bands) if parts.vae is None else int(parts.vae.config.latent_channels)  # type: ignore[union-attr, arg-type]
        super().__init__(spec, native, channels, dict(parts.schedule), defaults, device, dtype, cell)
        beside = sum(part.channels for part in parts.beside)
        if parts.network.channels != channels + beside:
            raise ModelMismatchError(
                f"{spec.id}: the denoiser takes {parts.network.channels} channels, and there are {channels} of latents"
                + (f" and {beside} beside them" if beside else "")
                + ": are all parts of one model?"
            )
        self.parts = parts
        parts.network.to(device, dtype).eval().requires_grad_(False)
        self._exact = torch.float32 if dtype == torch.float16 else dtype  # Stable Diffusion's autoencoder overflows in float16
        if parts.vae is not None:
            parts.vae.to(device, self._exact).eval().requires_grad_(False)
        if parts.phrases is not None:
            parts.phrases.to(device, dtype)
        taken = [*parts.network.nets, *parts.maps, *(part.kind for part in parts.beside if part.kind != KEPT)]
        self.kinds = tuple(dict.fromkeys(taken))
        self.factor = FACTOR if "coarse" in self.kinds else None

    def check(self, condition: Condition, where: Grid | tuple[int, int]) -> None:
        """Refuse, before anything is drawn, what cannot be. Raises InputError."""
        super().check(condition, where)
        for control in condition.controls:
            guides.channels_of(control.raster, self._channels(control.kind), f"The control {control.kind!r}")

    def prepare(self, condition: Condition, where: Grid | tuple[int, int], drawing: Drawing) -> Prepared:
        """Vectors of the words and numbers of a request."""
        parts, guidance = self.parts, 1.0 if drawing.guidance is None else drawing.guidance
        guided = guidance != 1.0
        text = condition.text or (f"a satellite image of {condition.label}" if condition.label else "")
        words = mask = None
        if parts.phrases is not None:
            said = [condition.avoid or parts.nothing, text] if guided else [text]
            words, mask = parts.phrases(said)
        at, gsd = condition.at, condition.gsd
        if isinstance(where, Grid):
            at, gsd = at or where.lonlat(), gsd or where.gsd
        known = told = labels = None
        if parts.network.metadata is not None:
            known, told = _numbers(parts.network.metadata, condition, at, gsd, guided, parts.frees)
        if parts.levels:
            labels = torch.full((2 if guided else 1,), level(gsd), device=self.device)
        shape = where.shape if isinstance(where, Grid) else where
        controls = {control.kind: control for control in condition.controls}
        to = [None if value is None else value.to(self.device) for value in (known, told)]
        return Prepared(condition, shape, guidance, words, mask, to[0], to[1], labels, controls)

    def predict(self, latents: Tensor, time: Tensor, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        """What the network says (B, c, h, w), guided."""
        count = len(latents)
        x = torch.cat([latents.to(self.dtype), *self._beside(windows, prepared)], 1)
        hints = {
            kind: (self._cut(prepared, kind, windows, self._channels(kind)), prepared.controls[kind].weight)
            for kind in self.parts.network.nets
            if kind in prepared.controls
        }
        maps = self._maps(windows, prepared)
        guided = prepared.guidance != 1.0
        rows = 2 if guided else 1
        if guided:
            x, hints = torch.cat([x, x]), {kind: (torch.cat([hint, hint]), weight) for kind, (hint, weight) in hints.items()}
            maps = None if maps is None else torch.cat([maps, maps])
        heard = Heard(*(_spread(value, count) for value in (prepared.words, prepared.mask)))
        vectors = [_spread(value, count) for value in (prepared.numbers, prepared.sensors, prepared.labels)]
        said: Tensor = self.parts.network(x, time.expand(rows * count), heard, *vectors, hints, maps)[:, : self.channels].float()
        if not guided:
            return said
        without, asked = said.chunk(2)
        made: Tensor = without + prepared.guidance * (asked - without)
        return made

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents of pixels (B, C, H, W) in [-1, 1]: the middle of what the autoencoder takes them for."""
        vae: Any = self.parts.vae
        if vae is None:
            return pixels
        made = vae.encode(pixels.to(self._exact)).latent_dist.mode()
        latents: Tensor = (made - (vae.config.get("shift_factor") or 0.0)) * vae.config.scaling_factor
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, C, H, W) in [-1, 1] of latents."""
        vae: Any = self.parts.vae
        if vae is None:
            return latents
        plain = latents / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0.0)
        made: Tensor = vae.decode(plain.to(self._exact), return_dict=False)[0]
        return made

    def _channels(self, kind: str) -> int:
        """Channels that a kind of control has."""
        if kind in self.parts.network.nets:
            return int(self.parts.network.nets[kind].config.conditioning_channels)  # type: ignore[union-attr, arg-type]
        if kind in self.parts.maps:
            return 3
        beside = next(part for part in self.parts.beside if part.kind == kind)
        return len(self.spec.bands) if beside.encoded else beside.channels - 1

    def _cut(self, prepared: Prepared, kind: str, windows: Sequence[Window], channels: int) -> Tensor:
        raster = prepared.controls[kind].raster
        parts = [guides.enlarged(raster, prepared.shape, window, channels) for window in windows]
        return guides.stacked(parts, self.device).to(self.dtype)

    def _beside(self, windows: Sequence[Window], prepared: Prepared) -> list[Tensor]:
        """Channels beside the latents: a channel that says whether there is a control, and the control."""
        made = []
        for part in self.parts.beside:
            if part.kind == KEPT:
                made.append(self._stays(windows, prepared))
                continue
            side = self.side
            blank = torch.zeros(len(windows), part.channels, side, side, device=self.device, dtype=self.dtype)
            if part.kind in prepared.controls:
                control = prepared.controls[part.kind]
                pixels = self._cut(prepared, part.kind, windows, self._channels(part.kind))
                found = self.encode(pixels * 2 - 1) if part.encoded else guides.shrunk(pixels, side)
                blank = torch.cat([torch.ones_like(blank[:, :1]), control.weight * found.to(self.dtype)], 1)
            made.append(blank)
        return made

    def _stays(self, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        """As Stable Diffusion's inpainting models take it: where to draw, and latents of the rest."""
        keep, bands = prepared.condition.keep, len(self.spec.bands)
        side = (len(windows), 1, self.native, self.native)
        if keep is None:
            known, draw = torch.zeros(side[0], bands, *side[2:], device=self.device), torch.ones(side, device=self.device)
        else:
            known = guides.stacked([guides.cut(keep, window, bands) for window in windows], self.device)
            stays = keep.valid[None].astype("uint8") * 255
            marks = type(keep)(stays, keep.valid, None, keep.bands[:1])
            draw = 1 - guides.stacked([guides.cut(marks, window, 1) for window in windows], self.device)
        seen = torch.where(draw > 0.5, 0.0, known * 2 - 1)  # what is drawn is grey, which is 0
        small = torch.nn.functional.interpolate(draw, size=(self.side, self.side))
        return torch.cat([small.to(self.dtype), self.encode(seen).to(self.dtype)], 1)

    def _maps(self, windows: Sequence[Window], prepared: Prepared) -> Tensor | None:
        """Maps of all kinds, three channels each, nothing where there is none."""
        if not self.parts.maps:
            return None
        made = []
        for kind in self.parts.maps:
            if kind in prepared.controls:
                made.append(prepared.controls[kind].weight * self._cut(prepared, kind, windows, 3))
            else:
                made.append(torch.zeros(len(windows), 3, self.native, self.native, device=self.device, dtype=self.dtype))
        return torch.cat(made, 1)


def _numbers(
    metadata: Metadata,
    condition: Condition,
    at: tuple[float, float] | None,
    gsd: float | None,
    guided: bool,
    frees: bool,
) -> tuple[Tensor, Tensor]:
    asked = numbers(at, gsd, condition.cloud, condition.time, metadata.config.fields)
    sensor = metadata.sensor(condition.sensor)
    rows = [asked]
    told = [sensor]
    if guided:
        rows.insert(0, torch.full_like(asked, torch.nan) if frees else asked)
        told.insert(0, 0 if frees else sensor)
    return torch.stack(rows), torch.tensor(told)


def _spread(rows: Tensor | None, count: int) -> Tensor | None:
    """Each row for so many windows."""
    return None if rows is None else rows.repeat_interleave(count, 0)
