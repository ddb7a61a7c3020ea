"""Both towers of a model as ONNX files, which run without torch: pictures and token ids in, unit vectors out."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from geoglot.core.errors import ModelError
from geoglot.models.dual import DualModel
from geoglot.models.nano import Nano
from geoglot.models.published import PublishedModel, prepared
from geoglot.models.ready import Ready
from geoglot.models.towers import Towers
from geoglot.nn.batch import ImageBatch
from geoglot.text import wordpiece

OPSET = 18


class _Picture(nn.Module):
    """Pixels (B, 3, S, S) in [0, 1], all valid, to unit vectors (B, D)."""

    def __init__(self, model: DualModel | PublishedModel) -> None:
        super().__init__()
        self.part: nn.Module = model.model if isinstance(model, DualModel) else model.towers
        self.side = model.spec.size
        self.mean, self.std = (torch.tensor(v)[:, None, None] for v in (model.spec.mean, model.spec.std))

    def forward(self, pixels: Tensor) -> Tensor:
        batch = ImageBatch.of(pixels)
        if isinstance(self.part, Nano):
            return self.part.features(batch).pooled
        assert isinstance(self.part, Towers)
        return F.normalize(self.part.image(prepared(batch, self.mean, self.std, (self.side, self.side))).pooled.float(), dim=-1)


class _NanoText(nn.Module):
    """Token ids (B, T) and mask of the real ones (B, T) to unit vectors (B, D)."""

    def __init__(self, model: Nano) -> None:
        super().__init__()
        self.part = model.text

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self.part(ids, mask)
        return found


class _TowersText(nn.Module):
    """Token ids (B, T) of the model's length to unit vectors (B, D)."""

    def __init__(self, towers: Towers) -> None:
        super().__init__()
        self.part = towers

    def forward(self, ids: Tensor) -> Tensor:
        return F.normalize(self.part.text(ids).float(), dim=-1)


def export(model: Ready, folder: Path) -> list[Path]:
    """Write ``image.onnx``, ``text.onnx`` and ``model.json`` (what goes in) into a folder, for any number of rows at a time.

    The model must be loaded in float32 on the CPU. Each file is run once and compared with torch; raises ModelError where the
    libraries are missing, the model cannot be exported, or the two differ by more than 1e-4.
    """
    if not isinstance(model, DualModel | PublishedModel):
        raise ModelError(f"{model.spec.name} is no image-text model of ours or of CLIP's or SigLIP's kind")
    folder.mkdir(parents=True, exist_ok=True)
    side = model.spec.size
    pictures = torch.linspace(0, 1, 3 * 3 * side * side).reshape(3, 3, side, side).sin().abs()
    words = tokens(model, ["a harbour with boats", "forest", "farmland by a river"])
    if isinstance(model, DualModel):
        text: nn.Module = _NanoText(model.model)
        free: dict[str, Any] = {"ids": {0: "rows", 1: "words"}, "mask": {0: "rows", 1: "words"}}
    else:
        text, free = _TowersText(model.towers), {"ids": {0: "rows"}}
    made = [
        _write(_Picture(model), {"pixels": pictures}, {"pixels": {0: "rows"}}, folder / "image.onnx"),
        _write(text, {name: torch.from_numpy(value) for name, value in words.items()}, free, folder / "text.onnx"),
    ]
    if isinstance(model, DualModel):
        (folder / "tokenizer.json").write_text(model.model.tokenizer_json, encoding="utf-8")
    told = {
        "model": asdict(model.spec),
        "image.onnx": {"pixels": f"float32 (rows, 3, {side}, {side}), red, green, blue in [0, 1]"},
        "text.onnx": {
            name: f"{value.dtype} (rows, {'words' if len(free) > 1 else value.shape[1]})" for name, value in words.items()
        },
        "output": f"float32 (rows, {model.spec.dim}), unit vectors",
    }
    (folder / "model.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return [*made, folder / "model.json"]


def tokens(model: Ready, texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Give what ``text.onnx`` of a model takes for some texts."""
    if isinstance(model, DualModel):
        ids, mask = wordpiece.encode(model.model.tokenizer, list(texts))
        return {"ids": ids, "mask": mask}
    assert isinstance(model, PublishedModel)
    return {"ids": model.tokens(texts)}


def _write(module: nn.Module, inputs: dict[str, Tensor], free: dict[str, dict[int, str]], file: Path) -> Path:
    try:
        import onnxruntime
        import onnxscript
    except ModuleNotFoundError as error:
        raise ModelError(f"Writing ONNX needs more libraries ({error.name} is missing): pip install 'geoglot[onnx]'.") from None
    assert onnxscript  # torch's exporter uses it
    module.eval()
    args = tuple(inputs.values())
    shapes = tuple(dict.fromkeys(free[name], torch.export.Dim.DYNAMIC) for name in inputs)
    with warnings.catch_warnings(), torch.no_grad(), _quiet():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            args,
            str(file),
            input_names=list(inputs),
            output_names=["vectors"],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        for rows in (len(args[0]), 1):
            part = {name: value[:rows].numpy() for name, value in inputs.items()}
            found = session.run(None, part)[0]
            wanted = module(*(value[:rows] for value in args)).numpy()
            gap = float(np.abs(found - wanted).max())
            if not gap < 1e-4:
                raise ModelError(f"{file} differs from the model by {gap:.2g}, more than 0.0001: do not use it, and report this")
    return file


class _quiet:
    """Keep the exporter's own log from the terminal inside a block."""

    def __enter__(self) -> None:
        self.loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir", "torch.onnx")]
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)
