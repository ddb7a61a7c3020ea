"""Pixel heads from data sets with masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from geoglot.core.errors import InputError
from geoglot.evals import mask_heads, protocol, runner
from segment_kit import Painter, fields, truth

COLOURS = {1: 0x8429F6, 2: 0xE2A929, 3: 0x3C1098}  # red fields are land, green ones water, blue ones buildings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three groups of tiles to train on and one to test, in Dubai's layout."""
    for folder in ("images", "masks"):
        (tmp_path / "dubai" / folder).mkdir(parents=True)
    for group in (1, 2, 3, 6):
        picture = fields(160, 160, seed=group)
        mask = np.zeros((160, 160, 3), np.uint8)
        for value, colour in COLOURS.items():
            mask[truth(picture) == value] = [colour >> 16, colour >> 8 & 255, colour & 255]
        Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / "dubai/images" / f"tile{group}_001.webp", lossless=True)
        Image.fromarray(mask).save(tmp_path / "dubai/masks" / f"tile{group}_001.png")
    return tmp_path


def test_a_head_is_chosen_by_groups_and_measured_by_its_protocol(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_heads.models, "load", lambda name: Painter())
    told: dict[str, Any] = mask_heads.run("painter", "dubai-segments", root, tmp_path / "head.safetensors", 5)
    assert (told["groups"], told["places"]) == (3 * 16, 3 * 1600)
    assert told["head"]["mIoU"] > 80 > told["commonest class"]["mIoU"]
    assert set(told["head"]["IoU"]) == {"land", "water", "building"}
    assert len(told["settings"]) == len(mask_heads.L2) * len(mask_heads.SHARES)
    rules = protocol.load("dubai-segments")
    found = runner.evaluate(Painter(), rules, root, None, tmp_path / "cache", how={"head": str(tmp_path / "head.safetensors")})
    assert found.n == 1
    assert found.figure > 75
    assert found.term == "segmentation by a trained head"


def test_requests_that_make_no_sense(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_heads.models, "load", lambda name: Painter())
    with pytest.raises(InputError, match="no protocol of pixels"):
        mask_heads.run("painter", "vhr10-boxes", root, tmp_path / "head.safetensors", 5)
