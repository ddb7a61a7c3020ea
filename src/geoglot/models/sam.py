"""Segment Anything (Kirillov et al. 2023, arXiv 2304.02643) through transformers: masks of boxes, of points, of everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import ModelError
from geoglot.models.probe import device_of

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PROMPTS = 64  # boxes or points at a time
Masks = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """A picture that the image tower has looked at: its size (height, width), the size that it had then, what came out."""

    size: tuple[int, int]
    shown: tuple[int, int]
    features: Tensor


class Sam:
    """A model of transformers' SAM on one device."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.device = device
        self.side = int(model.config.vision_config.image_size)

    @classmethod
    def open(cls, source: str | Path, device: str = "auto") -> Sam:
        """Load a folder or a hub id. Raises ModelError where it holds no SAM, or transformers is not installed."""
        return cls(open_transformers("SamModel", source), device_of(device))

    def look(self, picture: Tensor) -> Seen:
        """Look at a picture (3, H, W) in [0, 1]; the longer side becomes the model's."""
        height, width = picture.shape[-2:]
        scale = self.side / max(height, width)
        shown = max(1, round(height * scale)), max(1, round(width * scale))
        x = F.interpolate(picture[None].float(), size=shown, mode="bilinear", antialias=True, align_corners=False)
        x = (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
        x = F.pad(x, (0, self.side - shown[1], 0, self.side - shown[0]))
        with torch.inference_mode():
            return Seen((height, width), shown, self.model.get_image_embeddings(x.to(self.device)))

    def boxes(self, seen: Seen, boxes: NDArray[np.floating]) -> tuple[Masks, Floats]:
        """The mask (N, H, W) of each upright box (N, 4) in pixels, and how good the model thinks it is (N,)."""
        parts = [self._ask(seen, input_boxes=self._scaled(seen, part.reshape(-1, 2, 2)).flatten(-2)) for part in _parts(boxes)]
        return _joined(parts, seen.size)

    def points(self, seen: Seen, points: NDArray[np.floating], wanted: NDArray[np.bool_]) -> tuple[Masks, Floats]:
        """The mask (N, H, W) of each set of points (N, P, 2) in pixels, of which `wanted` (N, P) lie in the object."""
        parts = []
        for part, signs in zip(_parts(points), _parts(wanted), strict=True):
            labels = torch.from_numpy(np.asarray(signs, dtype=np.int64))[None].to(self.device)
            parts.append(self._ask(seen, input_points=self._scaled(seen, part), input_labels=labels))
        return _joined(parts, seen.size)

    def everything(self, seen: Seen, across: int = 16, least: float = 0.8) -> tuple[Masks, Floats]:
        """Masks of the points of a grid of ``across`` by ``across``, those that the model thinks good."""
        height, width = seen.size
        spots = (np.arange(across) + 0.5) / across
        x, y = np.meshgrid(spots * width, spots * height)
        points = np.stack([x.ravel(), y.ravel()], axis=1)[:, None]
        masks, scores = self.points(seen, points, np.ones(points.shape[:2], np.bool_))
        good = (scores >= least) & masks.any(axis=(1, 2))
        return masks[good], scores[good]

    def _scaled(self, seen: Seen, points: NDArray[np.floating]) -> Tensor:
        scale = np.array((seen.shown[1] / seen.size[1], seen.shown[0] / seen.size[0]))
        return torch.from_numpy(np.asarray(points * scale, dtype=np.float32))[None].to(self.device)

    def _ask(self, seen: Seen, **prompt: Tensor) -> tuple[Masks, Floats]:
        with torch.inference_mode():
            made = self.model(image_embeddings=seen.features, multimask_output=True, **prompt)
            best = made.iou_scores[0].argmax(-1)
            low = torch.take_along_dim(made.pred_masks[0], best[:, None, None, None], 1)
            full = F.interpolate(low.float(), size=(self.side, self.side), mode="bilinear", align_corners=False)
            full = full[..., : seen.shown[0], : seen.shown[1]]
            full = F.interpolate(full, size=seen.size, mode="bilinear", align_corners=False)[:, 0]
            score = torch.take_along_dim(made.iou_scores[0], best[:, None], 1)[:, 0]
        return (full > 0).cpu().numpy(), score.float().cpu().numpy()


def open_transformers(kind: str, source: str | Path) -> Any:
    """Load a model of a class of transformers from a folder or by hub id. Raises ModelError."""
    try:
        import transformers
    except ModuleNotFoundError:
        raise ModelError(f"{source} needs transformers: pip install 'geoglot[hub]'.") from None
    made = getattr(transformers, kind)
    config = transformers.AutoConfig.from_pretrained(str(folder_of(source)))
    if not isinstance(config, made.config_class):
        raise ModelError(f"{source} is a {config.model_type}, not a {made.config_class.model_type}: give another model.")
    return made.from_pretrained(str(folder_of(source)), dtype=torch.float32)


def folder_of(source: str | Path) -> Path:
    """The folder of a model, fetched from the hub where it is not on this machine. Raises NotFoundError, NetworkError."""
    from geoglot.models import hub

    path = Path(source)
    return path if path.is_dir() else hub.fetch_repo(str(source), None)


def _parts(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[at : at + PROMPTS] for at in range(0, len(values), PROMPTS)]


def _joined(parts: list[tuple[Masks, Floats]], size: tuple[int, int]) -> tuple[Masks, Floats]:
    if not parts:
        return np.zeros((0, *size), np.bool_), np.zeros(0, np.float32)
    return np.concatenate([masks for masks, _ in parts]), np.concatenate([scores for _, scores in parts])
