"""Killed at random moments and resumed, an archive equals one that was never interrupted."""

from __future__ import annotations

import random

import kills


def test_three_kills_while_scenes_are_added_and_replaced(tmp_path):
    rng = random.Random(1)
    folder, out = tmp_path / "scenes", tmp_path / "archive"
    kills.make_scenes(folder)
    kills.run_with_kills(folder, out, 2, rng)
    kills.compare(folder, tmp_path, out)
    kills.change(folder)
    kills.run_with_kills(folder, out, 1, rng)
    kills.compare(folder, tmp_path, out)
