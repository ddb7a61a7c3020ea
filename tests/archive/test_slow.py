"""The full numbers of kills and of damaged rasters; `make slow` runs them, `make test` its smaller sisters."""

from __future__ import annotations

import damage
import kills
import pytest

pytestmark = pytest.mark.slow


def test_thirty_kills(tmp_path):
    assert kills.rounds(tmp_path, 30, seed=0) == 30


def test_two_hundred_damaged_files_among_good_ones(tmp_path):
    good = damage.make(tmp_path / "scenes", 200, 20, seed=0)
    figures = damage.run(tmp_path / "scenes", tmp_path / "archive", good, timeout=900)
    assert figures["skipped"] >= 100
    assert figures["peak_mib"] - figures["before_mib"] < 500
