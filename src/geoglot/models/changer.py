"""The file of a module of change, and the module with its frozen model: logits of change for two dates of a place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.core.parts import find
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.dense import Variant
from geoglot.models.files import beside
from geoglot.models.ready import Ready
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.dates import Changer, Date, Looks, standardised
from geoglot.nn.decoder import Depths

ROOM = "nn.change"
SUFFIX = ".change.safetensors"
STEP = 32  # sides of pictures are whole multiples, where no model asks for others


@dataclass(frozen=True)
class ChangerCard:
    """What a file says beside the weights.

    ``of`` and ``model`` are the name and hash of the frozen model that it belongs to, empty for a host alone; ``levels`` the
    depths of its tower that it takes; ``calibration`` how it is used (``least``: the probability at which change begins;
    ``scale``: how many times larger pictures of pixels of more than ``coarse`` metres are shown); ``figures`` what was measured.
    """

    module: str
    of: str = ""
    model: str = ""
    levels: tuple[int, ...] = ()
    calibration: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)


def save(module: Changer, options: Mapping[str, Any], card: ChangerCard, path: Path, spec: ModelSpec) -> str:
    """Write a module of change for the model of ``spec``; gives its hash."""
    tensors = {name: value.detach().float().cpu().numpy() for name, value in module.state_dict().items()}
    told = {**vars(card), "calibration": dict(card.calibration), "figures": dict(card.figures)}
    mine = replace(spec, id=f"{card.of}-change" if card.of else card.module, hash="")
    return weights.write(path, tensors, mine, {"changer": dict(options), "card": told})


def restore(path: Path) -> tuple[Changer, ChangerCard, str]:
    """Read a module that `save` wrote, in float32, its card and its hash.

    Raises as `weights.header` does, and ModelError for another kind of file.
    """
    spec, config = weights.header(path)
    if "changer" not in config or "card" not in config:
        raise ModelError(f"{path} holds no module of change: give the file that `geoglot train` wrote with the recipe change.")
    card = ChangerCard(**(config["card"] | {"levels": tuple(config["card"]["levels"])}))
    part = find(ROOM, card.module)
    module: Changer = part.KIND(part.Options.build(config["changer"]))
    module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.read(path).items()})
    return module.eval().requires_grad_(False), card, spec.hash


def file_of(name: str | Path) -> Path | None:
    """The file of a module of change: a path to one, or what comes with a model of a name; None where there is none."""
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file() and weights.is_format(path) and "changer" in weights.header(path)[1]:
        return path
    return beside(name, SUFFIX)


def dates(model: Ready | None, looks: Looks, batch: ImageBatch, levels: tuple[int, ...], variant: Variant | None = None) -> Date:
    """What a module that ``looks`` so takes of pictures (B, 3, H, W) of one date, whose sides are whole cells of the model."""
    if model is None:
        return Date(standardised(batch))
    if looks == "model":
        batch, whole = _resized(batch, model.spec.size), batch
    else:
        whole = batch
    found = [model.depths(part, levels, variant) for part in model.parts(batch)]
    maps = tuple(torch.cat(level) for level in zip(*(part.maps for part in found), strict=True))
    seen = Depths(torch.cat([part.pooled for part in found]), torch.cat([part.cells for part in found]), maps)
    return Date(standardised(whole), seen)


def _resized(batch: ImageBatch, side: int) -> ImageBatch:
    """Pictures of another size; what is not valid leaves no trace in what is."""
    seen = batch.valid[:, None].float()
    share = F.interpolate(seen, (side, side), mode="bilinear", antialias=True, align_corners=False)
    pixels = torch.where(batch.valid[:, None], batch.pixels.float(), torch.zeros((), device=seen.device))
    pixels = F.interpolate(pixels, (side, side), mode="bilinear", antialias=True, align_corners=False)
    return ImageBatch.of(pixels / share.clamp(min=1e-3), share[:, 0] > 0.5)


class ChangeModel:
    """A module of change with its frozen model, on the model's device."""

    def __init__(self, module: Changer, card: ChangerCard, model: Ready | None, digest: str = "") -> None:
        own = "" if model is None else model.spec.hash
        if card.model != own:
            told = (
                f"no model, not {own[:12]} of {model.spec.name}"
                if model is not None and not card.model
                else (
                    f"a model of hash {card.model[:12]}, not "
                    + (f"{own[:12]} of {model.spec.name}" if model is not None else "for none")
                )
            )
            raise ModelError(f"The module of change was made for {told}: train one with geoglot recipe change.")
        self.model, self.card, self.hash = model, card, digest
        self.device = torch.device("cpu") if model is None else model.device
        self.module = module.to(self.device).eval().requires_grad_(False)
        channels_last(self.module)

    @property
    def cell(self) -> int:
        """What sides of pictures are multiples of."""
        if self.model is None or self.module.looks != "picture":
            return STEP
        return self.model.cells.side

    @torch.inference_mode()
    def logits(self, before: ImageBatch, after: ImageBatch) -> Tensor:
        """Logits (B, H, W) of change of every pixel of pictures (B, 3, H, W) in [0, 1]; pixels count that are valid in both."""
        height, width = before.pixels.shape[-2:]
        fill = (0, -width % self.cell, 0, -height % self.cell)
        seen = F.pad(before.valid & after.valid, fill)
        one, other = (
            dates(self.model, self.module.looks, ImageBatch.of(F.pad(x.pixels, fill), seen).to(self.device), self.card.levels)
            for x in (before, after)
        )
        fast = self.model is not None and self.model.dtype != torch.float32
        with torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            found = self.module(one, other)
        large = F.interpolate(found[:, None].float(), seen.shape[-2:], mode="bilinear", align_corners=False)
        return large[:, 0, :height, :width].cpu()


def open_changer(path: Path, model: Ready | None) -> ChangeModel:
    """Put the module of a file on its model. Raises ModelError for another model's or another kind of file."""
    module, card, digest = restore(path)
    return ChangeModel(module, card, model, digest)
