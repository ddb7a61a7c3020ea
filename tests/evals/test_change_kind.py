"""Protocols of change: a detector that is right or wrong, cells of a model, published layouts, real sets where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from published_layouts import levir_cd, oscd, pairs
from stub_kit import Seer

from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import ChangeDetector
from geoglot.evals import gallery, protocol, report, runner
from geoglot.evals.kinds.change import PLAIN, compared
from geoglot.geo.scene import Scene

SETS = ("levir-cd", "whu-cd", "s2looking", "oscd", "sysu-cd", "clcd", "landsat-taizhou", "sar-ottawa")


class Knowing(Seer):
    """Says that the upper rows changed."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def change(self, before: Scene, after: Scene) -> np.ndarray:
        made = np.zeros(before.shape, np.uint8)
        made[: self.rows] = 1
        return made


def differ(root: Path, name: str, parts: tuple[str, str, str]) -> None:
    """Pairs whose upper quarter is brighter at the second date, on ground of its own."""
    pairs(root, name, parts)
    rng = np.random.default_rng(0)
    for file in sorted((root / name).glob(f"*/{parts[0]}/*.png")):
        ground = rng.integers(40, 120, (64, 64, 3))
        Image.fromarray(ground.astype(np.uint8)).save(file)
        ground[:16] += 100
        Image.fromarray(ground.astype(np.uint8)).save(file.parent.parent / parts[1] / file.name)


def test_every_set_has_its_protocol() -> None:
    rules = [protocol.load(f"{name}-change") for name in SETS]
    assert len({one.hash for one in rules}) == len(SETS)
    assert all(one.card().layout or one.source in ("oscd", "landsat_taizhou", "sar_ottawa") for one in rules)


def test_a_detector_that_is_right_or_finds_too_much(tmp_path: Path) -> None:
    differ(tmp_path, "LEVIR-CD", ("A", "B", "label"))
    rules = protocol.load("levir-cd-change")
    assert isinstance(Knowing(16), ChangeDetector)
    right = runner.evaluate(Knowing(16), rules, tmp_path, None, tmp_path / "cache", False)
    assert right.figures == dict.fromkeys(right.figures, 100)
    assert right.baselines["preset of the sensor"] > 80
    assert "plain differencing" in report.text(right)
    more = runner.evaluate(Knowing(32), rules, tmp_path, None, tmp_path / "cache", False)
    assert (more.figures["precision"], more.figures["recall"]) == (50, 100)
    page = gallery.write([more], tmp_path / "page.html").read_text()
    assert "precision 50 %" in page


def test_a_pair_that_cannot_be_compared_is_skipped(tmp_path: Path) -> None:
    differ(tmp_path, "CLCD", ("time1", "time2", "label"))
    first = next((tmp_path / "CLCD/test/time1").iterdir())
    (tmp_path / "CLCD/test/time1/copy.png").write_bytes(first.read_bytes())
    (tmp_path / "CLCD/test/time2/copy.png").write_bytes(first.read_bytes())
    (tmp_path / "CLCD/test/label/copy.png").write_bytes((tmp_path / "CLCD/test/label" / first.name).read_bytes())
    found = runner.evaluate(Knowing(16), protocol.load("clcd-change"), tmp_path, None, tmp_path / "cache", False)
    assert found.n == 1
    assert "same pixels" in found.skipped[0].reason


def test_what_does_not_fit_is_answered(tmp_path: Path) -> None:
    levir_cd(tmp_path)
    with pytest.raises(ModelError, match="dense features"):
        runner.evaluate(Seer(), protocol.load("levir-cd-change"), tmp_path, None, tmp_path / "cache", False)
    for file in (tmp_path / "LEVIR-CD/test/B").iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(InputError, match="is labelled"):
        runner.evaluate(Knowing(1), protocol.load("levir-cd-change"), tmp_path, None, tmp_path / "cache", False)


def test_a_city_as_published(tmp_path: Path) -> None:
    oscd(tmp_path)
    found = compared(protocol.load("oscd-change"), tmp_path, {**PLAIN, "threshold": 10.0})
    assert found.table().sum() == 64 * 64


@pytest.mark.parametrize("name", ["landsat-taizhou-change", "sar-ottawa-change", "oscd-change"])
def test_the_preset_beats_plain_differencing_on_real_change(real_data: Path, name: str) -> None:
    if not (real_data / "change").is_dir():
        pytest.skip("no labelled pairs here")
    rules = protocol.load(name)
    plain, preset = (compared(rules, real_data, how).result() for how in (PLAIN, dict[str, Any]()))
    assert preset["f1"] > plain["f1"]
    assert preset["kappa"] > plain["kappa"]
