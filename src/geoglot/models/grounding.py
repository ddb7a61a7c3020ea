"""Grounding DINO (Liu et al. 2023, arXiv 2303.05499) through transformers: boxes of phrases, without CUDA operators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import InputError
from geoglot.models.probe import device_of
from geoglot.models.sam import MEAN, STD, folder_of, open_transformers

SHORT, LONG = 800, 1333  # pixels of the sides that it was trained at
BOX, TEXT = 0.35, 0.25  # least scores of a box and of a word, as in Text2Seg


class Grounding:
    """A model of transformers' Grounding DINO with its tokenizer, on one device."""

    def __init__(self, model: Any, tokenizer: Any, device: torch.device, sides: tuple[int, int] = (SHORT, LONG)) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.tokenizer, self.device, self.sides = tokenizer, device, sides

    @classmethod
    def open(cls, source: str | Path, device: str = "auto", sides: tuple[int, int] = (SHORT, LONG)) -> Grounding:
        """Load a folder or a hub id. Raises ModelError where it holds no Grounding DINO, or transformers is not installed."""
        model = open_transformers("GroundingDinoForObjectDetection", source)
        from transformers import AutoTokenizer

        return cls(model, AutoTokenizer.from_pretrained(str(folder_of(source))), device_of(device), sides)

    def find(self, picture: Tensor, phrases: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Phrase (N,), score (N,) and upright box (N, 4) in pixels of a picture (3, H, W) in [0, 1], the best first."""
        ids, owner = self._words(phrases)
        height, width = picture.shape[-2:]
        scale = min(self.sides[0] / min(height, width), self.sides[1] / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        x = F.interpolate(picture[None].float(), size=size, mode="bilinear", antialias=True, align_corners=False)
        x = (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
        with torch.inference_mode():
            made = self.model(pixel_values=x.to(self.device), input_ids=ids[None].to(self.device))
        words = made.logits[0, :, : len(ids)].sigmoid().float().cpu().numpy()
        of = np.stack([np.where(owner == k, words, 0.0).max(axis=1) for k in range(len(phrases))], axis=1)
        label, score = of.argmax(axis=1), of.max(axis=1).astype(np.float64)
        x0, y0, w, h = made.pred_boxes[0].double().cpu().numpy().T * np.array([width, height, width, height])[:, None]
        boxes = np.stack([x0 - w / 2, y0 - h / 2, x0 + w / 2, y0 + h / 2], axis=1)
        order = np.argsort(-score, kind="stable")
        order = order[score[order] >= min(BOX, TEXT)]
        return label[order], score[order], boxes[order]

    def _words(self, phrases: Sequence[str]) -> tuple[Tensor, NDArray[np.int64]]:
        """Token ids (T,) of "a . b ." and the phrase of each, -1 for marks. Raises InputError for too many words."""
        first, last = (self.tokenizer.cls_token_id, self.tokenizer.sep_token_id)
        ids, owner = [first], [-1]
        for k, phrase in enumerate(phrases):
            own = self.tokenizer(phrase.lower(), add_special_tokens=False)["input_ids"]
            stop = self.tokenizer(".", add_special_tokens=False)["input_ids"]
            ids += [*own, *stop]
            owner += [k] * len(own) + [-1] * len(stop)
        if len(ids) >= self.model.config.max_text_len:
            raise InputError(f"{len(phrases)} labels are too many words for Grounding DINO: ask for some of them at a time.")
        return torch.tensor([*ids, last]), np.array([*owner, -1])
