"""Damaged rasters neither crash nor stall ingest, and the good ones among them all get in."""

from __future__ import annotations

import damage


def test_thirty_damaged_files_among_good_ones(tmp_path):
    good = damage.make(tmp_path / "scenes", 30, 4, seed=1)
    figures = damage.run(tmp_path / "scenes", tmp_path / "archive", good, timeout=120)
    assert figures["skipped"] >= 15
    assert figures["peak_mib"] - figures["before_mib"] < 500
