"""A tiny `nano-chat` with random weights, and pictures to show it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from geoglot.geo.raster import Raster
from geoglot.geo.sensors import band
from geoglot.models import chat_parts
from geoglot.models.chat_parts import ChatCard, Parts
from geoglot.models.detector import HeadCard
from geoglot.models.dual import DualModel
from geoglot.models.nano_chat import NanoChat
from geoglot.nn.detection import DetectionConfig, DetectionHead
from geoglot.nn.pointer import Pointer, PointerConfig
from geoglot.nn.talk import Talk, TalkConfig
from geoglot.text.pieces import Pieces, learn
from nano_kit import tiny_nano

CLASSES = ("ship", "house")
CONCEPTS = ("water", "forest", "harbour")
TEXTS = (
    "Locate the leftmost ship.",
    "There are no ships here.",
    "Describe this image.",
    "a harbour by the water",
    "How many ships?",
    "2",
)
HASH = "0" * 32


def tiny_parts(seed: int = 0) -> Parts:
    """All that the file holds, at the smallest sizes that make sense."""
    torch.manual_seed(seed)
    pieces = Pieces(learn([text for text in TEXTS for _ in range(3)], 120))
    talk = Talk(
        TalkConfig(
            words=len(pieces), dim=32, layers=2, heads=2, inner=48, cells=32, side=3, whole=16, counts=8, concepts=6, longest=96
        )
    )
    pointer = Pointer(PointerConfig(features=8 + len(CLASSES) + 3, words=32, dim=16, layers=1, heads=2))
    head = DetectionHead(DetectionConfig(channels=(16, 32, 32), inner=8, fine=8, deep=1, middle=1, dim=16))
    head.bias.data.fill_(0.0)
    for part in (talk, pointer):
        for parameter in part.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        part.eval().requires_grad_(False)
    return Parts(talk, pointer, head.eval().requires_grad_(False), HeadCard(HASH, CLASSES), pieces, ChatCard(HASH, CONCEPTS))


def tiny_tower() -> DualModel:
    """The frozen tower of it, in float32."""
    model = tiny_nano()
    return DualModel(model, model.spec(HASH, "none"), torch.device("cpu"), torch.float32)


def tiny_chat(folder: Path, seed: int = 0) -> NanoChat:
    """The model, written to a file and read again."""
    tower = tiny_tower()
    chat_parts.save(tiny_parts(seed), folder / "tiny.safetensors", tower.spec)
    from geoglot.models.nano_chat import open_chat

    return open_chat(folder / "tiny.safetensors", tower=tower)


def picture(seed: int = 0, height: int = 48, width: int = 48) -> Raster:
    """Coloured squares."""
    rng = np.random.default_rng(seed)
    cells = rng.random((3, height // 8, width // 8), np.float32).repeat(8, 1).repeat(8, 2)
    bands = tuple(band(name) for name in ("red", "green", "blue"))
    return Raster(cells, np.ones(cells.shape[1:], bool), None, bands)
