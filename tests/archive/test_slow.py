"""The full numbers of kills and of damaged rasters; `make slow` runs them, `make test` its smaller sisters."""

from __future__ import annotations

import damage
import kills
import pytest

pytestmark = pytest.mark.slow


def test_thirty_kills(tmp_path):
    done, seed = 0, 0
    while done < 30:  # on a fast machine some runs end before they are killed
        assert seed < 10, f"only {done} kills in {seed} rounds"
        done += kills.rounds(tmp_path / str(seed), 30 - done, seed)
        seed += 1


def test_two_hundred_damaged_files_among_good_ones(tmp_path):
    good = damage.make(tmp_path / "scenes", 200, 20, seed=0)
    figures = damage.run(tmp_path / "scenes", tmp_path / "archive", good, timeout=900)
    assert figures["skipped"] >= 100
    assert figures["peak_mib"] - figures["before_mib"] < 500
