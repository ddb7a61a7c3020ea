"""`nano-gen`: scenes in windows of 64 pixels from words, a class, the pixel size, what covers the ground, the scene coarser."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import InputError, ModelMismatchError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.models import guides
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.dual import DualModel, open_native
from geoglot.models.generator import Generator
from geoglot.models.nano_gen import NATIVE, GenParts, guided, label_of, named, prompts, restore
from geoglot.models.probe import device_of, dtype_of
from geoglot.nn.draw import PATCH, Asked

SCHEDULE = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 1.0}
TOWER = "nano"
RENDERED = "rendered"
PLAIN = "aerial"  # the look where none is asked for: rendered places are for those who name them


@dataclass(frozen=True)
class Prepared:
    """A request as the network takes it: one row of what holds everywhere, the same ``without`` what guidance strengthens, and
    rasters that are cut to windows."""

    asked: Asked
    without: Asked
    guidance: float
    shape: tuple[int, int]
    controls: dict[str, Control] = field(default_factory=dict)
    keep: Raster | None = None


class NanoGen(Generator):
    """The generator of a file of the recipe `nano_gen`, with the text tower of the model that it was made for."""

    kinds = ("mask", "roads", "coarse")
    factor = 2
    batch = 16

    def __init__(self, parts: GenParts, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> None:
        card = parts.card
        defaults = Drawing(card.steps, card.guidance, "flow")
        super().__init__(spec, NATIVE, parts.denoiser.config.channels, dict(SCHEDULE), defaults, device, dtype, PATCH)
        self.parts = parts
        self.denoiser, self.latents = parts.denoiser.to(device), parts.latents.to(device)

    @cached_property
    def words(self) -> DualModel:
        """The model whose text tower reads. Raises ModelMismatchError where it is another than the one taught with."""
        model = open_native(TOWER, str(self.device), "float32")
        if model.spec.hash != self.parts.card.model:
            raise ModelMismatchError(
                f"{self.spec.id} reads with a {TOWER} of hash {self.parts.card.model[:12]}, and here is {model.spec.hash[:12]}: "
                "train it anew with geoglot recipe nano_gen."
            )
        return model

    @cached_property
    def prompted(self) -> Tensor:
        """Vectors (K, D) of the sentences of the classes."""
        found: Tensor = self.words.text(prompts(self.parts.card.classes))
        return found.float()

    def check(self, condition: Condition, where: Grid | tuple[int, int]) -> None:
        """Refuse, before anything is drawn, what cannot be. Raises InputError."""
        super().check(condition, where)
        if condition.label is not None:
            label_of(condition.label, self.parts.card.classes)
        looks = self.parts.card.looks
        if condition.sensor is not None and condition.sensor not in looks:
            raise InputError(f"{self.spec.id} knows no sensor {condition.sensor!r}: use one of {', '.join(looks)}.")
        for control in condition.controls:
            guides.channels_of(control.raster, self._channels(control.kind), f"The control {control.kind!r}")

    def prepare(self, condition: Condition, where: Grid | tuple[int, int], drawing: Drawing) -> Prepared:
        """What holds everywhere, read once."""
        card, config = self.parts.card, self.denoiser.config
        asked = Asked.nothing(config, 1, self.side, self.side)
        label = None if condition.label is None else label_of(condition.label, card.classes)
        text = condition.text or ("" if label is None else prompts(card.classes)[label])
        if text:  # words name a class, and a class has words: with both more comes out as it is asked for
            words = self._read(text)
            read = named(words, self.prompted, card.classes, condition.sensor == RENDERED)
            asked = replace(asked, words=words, has=torch.ones(1, dtype=torch.bool))
            asked = replace(asked, label=read if label is None else torch.tensor([label]))
        gsd = condition.gsd or (where.gsd if isinstance(where, Grid) else None)
        if gsd is not None:
            asked = replace(asked, gsd=torch.tensor([float(gsd)]))
        asked = replace(asked, look=torch.tensor([card.looks.index(condition.sensor or PLAIN)]))
        without = asked.unguided()
        if condition.avoid:
            without = replace(without, words=self._read(condition.avoid), has=torch.ones(1, dtype=torch.bool))
        shape = where.shape if isinstance(where, Grid) else where
        controls = {control.kind: control for control in condition.controls}
        return Prepared(
            _on(asked, self.device), _on(without, self.device), float(drawing.guidance or 1.0), shape, controls, condition.keep
        )

    def predict(self, latents: Tensor, time: Tensor, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        """The velocity (B, c, h, w), guided."""
        rows = len(latents)
        maps = {"cover": self._cover(windows, prepared), "coarse": self._coarse(windows, prepared)}
        maps["known"] = self._known(windows, prepared)
        asked = replace(_repeated(prepared.asked, rows), **maps)
        maps["cover"] = torch.zeros_like(maps["cover"])
        without = replace(_repeated(prepared.without, rows), **maps)
        at = (time.float() / 1000).to(self.device).expand(rows)
        with self._format():
            return guided(self.denoiser, latents, at, asked, without, prepared.guidance)

    def encode(self, pixels: Tensor) -> Tensor:
        """Latents of pixels (B, 3, H, W) in [-1, 1]."""
        return self.latents.encode((pixels + 1) / 2)

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) in [-1, 1] of latents."""
        with self._format():
            found: Tensor = self.latents(latents)
        return found.float() * 2 - 1

    def _format(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def _read(self, text: str) -> Tensor:
        found: Tensor = self.words.text([text])
        return found.float()

    def _channels(self, kind: str) -> int:
        return {"mask": len(self.parts.card.cover), "roads": 1, "coarse": 3}[kind]

    def _cut(self, kind: str, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        raster, channels = prepared.controls[kind].raster, self._channels(kind)
        return guides.stacked([guides.enlarged(raster, prepared.shape, window, channels) for window in windows], self.device)

    def _cover(self, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        """Shares of what covers the ground, by a mask of numbers or shares, or by a map of roads."""
        cover = self.parts.card.cover
        made = torch.zeros(len(windows), len(cover), self.side, self.side, device=self.device)
        if "mask" in prepared.controls:
            made = prepared.controls["mask"].weight * guides.shrunk(self._cut("mask", windows, prepared), self.side)
        elif "roads" in prepared.controls:
            roads = guides.shrunk((self._cut("roads", windows, prepared) > 0).float(), self.side)[:, 0]
            made[:, cover.index("roads")], made[:, cover.index("unknown")] = roads, 1 - roads
            made = prepared.controls["roads"].weight * made
        return made

    def _coarse(self, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        blank = torch.zeros(len(windows), self.channels + 1, self.side, self.side, device=self.device)
        if "coarse" not in prepared.controls:
            return blank
        found = self.latents.encode(self._cut("coarse", windows, prepared))
        return prepared.controls["coarse"].weight * torch.cat([found, torch.ones_like(found[:, :1])], 1)

    def _known(self, windows: Sequence[Window], prepared: Prepared) -> Tensor:
        """Latents of the pixels that stay, and where whole cells are of such."""
        if prepared.keep is None:
            return torch.zeros(len(windows), self.channels + 1, self.side, self.side, device=self.device)
        keep = prepared.keep
        whole = Raster(keep.valid[None].astype("uint8") * 255, keep.valid, None, keep.bands[:1])
        stays = guides.stacked([guides.cut(whole, window, 1) for window in windows], self.device)
        stays = (guides.shrunk(stays, self.side) > 1 - 1e-6).float()
        found = self.latents.encode(guides.stacked([guides.cut(keep, window, 3) for window in windows], self.device))
        return torch.cat([found * stays, stays], 1)


def _repeated(asked: Asked, rows: int) -> Asked:
    """The same for so many windows."""
    return Asked(*(getattr(asked, one.name).expand(rows, *getattr(asked, one.name).shape[1:]) for one in fields(asked)))


def _on(asked: Asked, device: torch.device) -> Asked:
    return Asked(*(getattr(asked, one.name).to(device) for one in fields(asked)))


def open_file(path: Path, device: str, dtype: str) -> NanoGen:
    """Open a file of the recipe `nano_gen`. Raises NotFoundError, ModelError."""
    parts, spec = restore(path)
    place = device_of(device)
    return NanoGen(parts, spec, place, dtype_of(dtype, place))
