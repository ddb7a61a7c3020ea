"""Published models that were trained further, written as transformers folders that load as the published ones do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec
from geoglot.models.towers import ClipTowers, SiglipTowers, Towers

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "merges.txt", "vocab.json", "spiece.model")


def check(towers: Towers, name: str) -> None:
    """Raise InputError, before any work, for towers that have no transformers form."""
    if not isinstance(towers, ClipTowers | SiglipTowers):
        raise InputError(f"{name} has CLIP's ResNet tower, which no transformers class can hold: choose a ViT or SigLIP")


def save(towers: Towers, spec: ModelSpec, folder: Path, source: Path | None = None) -> None:
    """Write weights, configuration and normalisation into a folder that `geoglot.models.load` opens.

    ``source`` is where the model came from: a tokenizer found there goes along. Raises as `check` does.
    """
    check(towers, spec.name)
    assert isinstance(towers, ClipTowers | SiglipTowers)
    folder.mkdir(parents=True, exist_ok=True)
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # one file is written; our own progress is enough
    towers.model.save_pretrained(str(folder))
    seen = {"image_mean": list(spec.mean), "image_std": list(spec.std), "size": spec.size}
    (folder / "preprocessor_config.json").write_text(json.dumps(seen, indent=2) + "\n", encoding="utf-8")
    if source is not None:
        place = source if source.is_dir() else source.parent
        for name in TOKENIZER:
            if (place / name).exists():
                shutil.copyfile(place / name, folder / name)
