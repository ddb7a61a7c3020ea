"""A model of ours with its detection head: boxes of what texts say, in pictures of any size that memory holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import ModelError, NotFoundError
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.dual import DualModel
from geoglot.models.files import beside
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.detection import STRIDE, DetectionConfig, DetectionHead, Found, Peaks, peaks

SUFFIX = ".detect.safetensors"
FLOOR = 0.05  # score below which no place is looked at: what lies below is as good as never right
MOST = 400  # objects of one picture

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class HeadCard:
    """What a head's file says beside its weights.

    ``model`` is the hash of the model that it belongs to, ``classes`` the phrases that it was taught, ``calibration`` what turns
    scores into chances (see `geoglot.tasks.detect.counts`), ``figures`` what was measured.
    """

    model: str
    classes: tuple[str, ...] = ()
    calibration: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)


def save(head: DetectionHead, card: HeadCard, path: Path, spec: ModelSpec) -> str:
    """Write a head as a native file beside the model of ``spec``; gives its hash."""
    tensors = {name: value.detach().float().cpu().numpy() for name, value in head.state_dict().items()}
    told = {"model": card.model, "classes": card.classes, "calibration": dict(card.calibration), "figures": dict(card.figures)}
    mine = replace(spec, id=f"{spec.id}-detect", hash="")
    return weights.write(path, tensors, mine, {"head": head.config.model_dump(mode="json"), "card": told})


def restore(path: Path) -> tuple[DetectionHead, HeadCard]:
    """Read a head that `save` wrote, in float32. Raises as `weights.header` does, and ModelError for another kind of file."""
    _, config = weights.header(path)
    if "head" not in config or "card" not in config:
        raise ModelError(f"{path} holds no detection head: give the file that `geoglot train` wrote with the recipe detect.")
    head = DetectionHead(DetectionConfig.build(config["head"]))
    head.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.read(path).items()})
    card = config["card"] | {"classes": tuple(config["card"]["classes"])}
    return head.eval().requires_grad_(False), HeadCard(**card)


def head_of(spec: ModelSpec) -> Path | None:
    """The file of the head that comes with a model of ours, None where there is none."""
    return beside(spec.id, SUFFIX)


def file_of(name: str | Path) -> Path:
    """The head's file of a path, or of the name of a model that one comes with. Raises NotFoundError."""
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file():
        return path
    found = beside(name, SUFFIX)
    if found is None:
        raise NotFoundError(f"There is no detection head {name}: give a file that `geoglot train` wrote with the recipe detect.")
    return found


class Detector:
    """The model's tower, the head, and what texts point to; on the model's device and in its number format."""

    def __init__(self, model: DualModel, head: DetectionHead, card: HeadCard) -> None:
        if card.model != model.spec.hash:
            raise ModelError(
                f"The detection head was made for a model of hash {card.model[:12]}, not {model.spec.hash[:12]} of "
                f"{model.spec.name}: train it anew with geoglot recipe detect."
            )
        self.model, self.card = model, card
        self.head = head.to(model.device).eval().requires_grad_(False)
        for name, part in self.head.named_children():
            if name not in ("words", "laterals"):  # small, and fine differences count in them
                part.to(model.dtype)
            channels_last(part)

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        return self.model.spec

    def directions(self, vectors: Floats) -> Floats:
        """What unit vectors (K, D) of texts point to in the head's space, unit vectors (K, D)."""
        with torch.inference_mode():
            found: Floats = self.head.directions(torch.from_numpy(vectors).to(self.model.device)).cpu().numpy()
        return found

    def look(self, batch: ImageBatch) -> Found:
        """What the head says of every place of pictures (B, 3, H, W) in [0, 1]."""
        with torch.inference_mode():
            here = batch.to(self.model.device)
            return self.head(self.model.model.image.maps(here.pixels, here.valid))  # type: ignore[no-any-return]

    def find(self, batch: ImageBatch, directions: Floats, least: float = FLOOR, most: int = MOST) -> list[Peaks]:
        """Objects of each picture by `directions` (K, D), the best first, with tensors on the CPU."""
        found = self.look(batch)
        with torch.inference_mode():
            logits = self.head.logits(found.features, torch.from_numpy(directions).to(self.model.device))
            return [one.plain() for one in peaks(logits, found, least, most)]

    def at(self, found: Found, rows: Sequence[tuple[int, float, float]]) -> Tensor:
        """Unit vectors (N, D) of places, each given as the number of its picture and x, y in pixels."""
        _, _, h, w = found.edges.shape
        with torch.inference_mode():
            parts = [
                found.features[b, :, min(max(int(y / STRIDE), 0), h - 1), min(max(int(x / STRIDE), 0), w - 1)] for b, x, y in rows
            ]
            return self.head.vectors(torch.stack(parts)).cpu()


def open_detector(model: DualModel, path: Path | None = None) -> Detector:
    """Put the head of a file, or the one that comes with the model, on a model. Raises ModelError where there is none."""
    file = path or head_of(model.spec)
    if file is None:
        raise ModelError(
            f"{model.spec.name} has no detection head: use --route dense, or train one with geoglot recipe detect and pass it "
            "with --head."
        )
    return Detector(model, *restore(file))
