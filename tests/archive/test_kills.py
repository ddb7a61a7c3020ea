"""Killed at random moments and resumed, an archive equals one that was never interrupted."""

from __future__ import annotations

import random

import kills
from archive_kit import patchwork, write_scene


def test_three_kills_while_scenes_are_added_and_replaced(tmp_path):
    rng = random.Random(1)
    folder, out = tmp_path / "scenes", tmp_path / "archive"
    kills.make_scenes(folder)
    kills.run_with_kills(folder, out, 2, rng)
    kills.compare(folder, tmp_path, out)
    kills.change(folder)
    kills.run_with_kills(folder, out, 1, rng)
    kills.compare(folder, tmp_path, out)


def test_two_kills_while_the_index_over_the_vectors_is_made(tmp_path):
    rng = random.Random(2)
    folder, out = tmp_path / "scenes", tmp_path / "archive"
    folder.mkdir()
    write_scene(folder / "middle.tif", patchwork(256, 320, 16, 1))
    kills.run_with_kills(folder, out, 1, rng, building=True)
    kills.compare(folder, tmp_path, out)
    kills.change_little(folder, 0)
    kills.run_with_kills(folder, out, 1, rng, building=True)
    kills.compare(folder, tmp_path, out)
    assert kills.check_index(kills.Archive.open(out))
