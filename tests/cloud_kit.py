"""A tiny model with a cloud head that goes by brightness alone, and scenes of white, black and grey fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import nano_kit
from geoglot.models import cloud, nano
from geoglot.models.cloud import CloudCard, CloudParts
from geoglot.models.dual import DualModel
from geoglot.nn.cloud import CloudConfig, CloudHead
from geoglot.nn.heads import LinearHead
from segment_kit import write

SIZES = CloudConfig(channels=(16, 32, 32), inner=(6, 6, 6), blocks=(0, 0, 0))
SHAPE = (176, 208)


def by_brightness() -> CloudHead:
    """White is cloud, black is shadow, whatever the tower says."""
    head = CloudHead(SIZES)
    with torch.no_grad():
        for weight in head.parameters():
            weight.zero_()
        head.colour.weight[0], head.colour.weight[1] = 1.0, -1.0
        head.colour.bias[:2] = -1.5  # grey is neither
        head.last[0].weight[0, 0, 1, 1] = head.last[0].weight[1, 1, 1, 1] = 1.0
        head.last[1].weight.fill_(1.0)
        head.kinds.weight[0, 0] = head.kinds.weight[1, 1] = 4.0
        head.kinds.bias[:2] = -4.0
    return head.eval()


def model(folder: Path) -> DualModel:
    """The tiny model, its file and its head beside it."""
    nano.save(nano_kit.tiny_nano(), folder / "tiny.safetensors", "none")
    made, spec = nano.restore(folder / "tiny.safetensors")
    tile = LinearHead(np.full((1, 16), 2.0, np.float32), np.zeros(1, np.float32))
    cloud.save(CloudParts(by_brightness(), tile, CloudCard(spec.hash)), folder / "head.safetensors", spec)
    return DualModel(made, spec, torch.device("cpu"), torch.float32)


def picture() -> np.ndarray:
    """Grey ground (3, H, W) with a white field on the left of the top and a black one beside it."""
    made = np.full((3, *SHAPE), 127, np.uint8)
    made[:, 16:80, 16:80] = 255
    made[:, 16:80, 112:176] = 1
    return made


def scene(folder: Path, name: str = "a.tif", nodata: int | None = None) -> Path:
    """The picture as a file; a corner was not observed where there is a value for that."""
    pixels = picture()
    if nodata is not None:
        pixels[:, -32:, -32:] = nodata
    return write(folder / name, pixels, nodata=nodata)
