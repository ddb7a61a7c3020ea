"""A made-up set in AID's layout, and a model that sees nothing but colour."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from geoglot.core.protocols import ModelSpec
from geoglot.nn.batch import ImageBatch

COLOURS = {"Beach": 0, "Forest": 1, "Port": 2}


def write(root: Path, each: int = 4, wrong: int = 1) -> None:
    """Pictures of three classes in three splits; in each held-out class some have the next class's colour."""
    rng, lines = np.random.default_rng(0), []
    for split in ("train", "val", "test"):
        for label, channel in COLOURS.items():
            for i in range(each):
                name = f"aid/{label}/{label.lower()}_{split}{i}.png"
                shown = (channel + 1) % 3 if split != "train" and i < wrong else channel
                pixels = rng.integers(0, 120, (12, 12, 3), np.uint8).repeat(4, 0).repeat(4, 1)
                pixels[..., shown] += 130
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(root / name)
                said = [f"a {label.lower()} seen from above .", f"number {i} is a {label.lower()} to the left ."]
                lines.append({"image": name, "class": label, "split": split, "captions": said, "captions_all": 5})
    (root / "aid_rsicd.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


class Seer:
    """A picture is its strongest channel, a text the class that it names; ``looks`` counts the pictures it has seen."""

    def __init__(self, name: str = "seer", hash: str = "0123456789abcdef") -> None:
        self.spec = ModelSpec(name, "1", hash, 8, ("red", "green", "blue"), 24, (0.1, 90), (0.5,) * 3, (0.5,) * 3, "gelu", "none")
        self.dtype = torch.float32
        self.looks = 0

    def image(self, batch: ImageBatch) -> torch.Tensor:
        self.looks += len(batch)
        found = torch.zeros(len(batch), 8)
        mean = batch.pixels.mean((2, 3))
        found[:, :3] = torch.where(mean == mean.amax(1, keepdim=True), 1.0, 0.1 * mean)
        return torch.nn.functional.normalize(found, dim=-1)

    def text(self, texts: list[str]) -> torch.Tensor:
        found = torch.zeros(len(texts), 8)
        for row, text in enumerate(texts):
            words = text.lower().replace(".", " ").split()
            place = next((channel for label, channel in COLOURS.items() if label.lower() in words), 7)
            found[row, place] = 1
            found[row, 6] = 0.01 * (len(text) % 7)
        return torch.nn.functional.normalize(found, dim=-1)


class Blind(Seer):
    """The same without a text tower."""

    text = None  # type: ignore[assignment]
