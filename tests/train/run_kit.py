"""A tiny data set in UC Merced's layout and a run of the fine-tuning recipe on it, for tests of whole runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

GOLDENS = Path(__file__).resolve().parent.parent / "goldens"
KINDS = {"forest": (30, 120, 40), "beach": (220, 200, 140), "river": (40, 70, 160), "runway": (120, 120, 120)}


def tiny_ucm(root: Path, each: int = 8) -> Path:
    """Pictures of one colour a class with noise, each with captions; train, val and test."""
    rng = np.random.default_rng(0)
    rows = []
    for name, colour in KINDS.items():
        for number in range(each):
            file = root / "ucm" / name / f"{name}{number:02d}.webp"
            file.parent.mkdir(parents=True, exist_ok=True)
            cells = rng.integers(-25, 25, (8, 8, 3)).repeat(8, 0).repeat(8, 1)
            Image.fromarray(np.clip(np.array(colour) + cells, 0, 255).astype(np.uint8)).save(file, lossless=True)
            split = "val" if number == 0 else "test" if number == 1 else "train"
            captions = [f"a {name} from above .", f"this is {name} number {number} ."]
            rows.append({"image": str(file.relative_to(root)), "class": name, "split": split, "captions": captions, "qa": []})
    (root / "ucm_captions_qa.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "ucm_multilabels.txt").write_text("IMAGE\\LABEL\ttrees\n")
    return root


def settings(root: Path, steps: int = 6, **more: object) -> list[str]:
    """Overrides that make the recipe `finetune` tiny, as `--set` takes them."""
    values: dict[str, object] = {
        "model": f'"{GOLDENS / "open_clip_vit.pt"}"',
        "activation": '"gelu"',
        "root": f'"{root}"',
        "cache": f'"{root / "cache"}"',
        "sources": '["ucm"]',
        "measures": '["ucm"]',
        "side": 64,
        "batch": 8,
        "unit": 4,
        "lr": 1e-4,
        "augment.size": 64,
        "train.steps": steps,
        "train.warmup": 1,
        "train.log_every": 1,
        "train.save_every": 2,
        "train.validate_every": 3,
        "train.precision": '"no"',
    }
    return [part for key, value in (values | more).items() for part in ("--set", f"{key}={value}")]
