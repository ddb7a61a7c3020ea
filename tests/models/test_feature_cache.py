"""Features on disk: kept, dropped when broken, bounded, and whole after a kill."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from geoglot.models.cache import STALE, FeatureCache, folder, key_of


def filled(root: Path, model: str = "m", count: int = 4, limit: int = 10**9) -> list[bytes]:
    cache = FeatureCache(model, root=root, limit=limit)
    keys = [key_of(np.full((2, 2, 3), i, np.uint8)) for i in range(count)]
    for i, key in enumerate(keys):
        cache.put(key, np.full(8, i, np.float32))
    cache.save()
    return keys


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    keys = filled(tmp_path)
    again = FeatureCache("m", root=tmp_path)
    assert [float(again.known[key][0]) for key in keys] == [0, 1, 2, 3]
    assert FeatureCache("other", root=tmp_path).get(keys[0]) is None
    again.save()
    assert len(list(tmp_path.glob("*/*.npz"))) == 1


def test_keys_are_of_pixels_and_shape() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert key_of(pixels) == key_of(pixels.copy()) != key_of(pixels.reshape(4, 2, 3))
    assert len(key_of(pixels)) == 16


def test_a_broken_shard_is_dropped(tmp_path: Path) -> None:
    keys = filled(tmp_path)
    (shard,) = tmp_path.glob("*/*.npz")
    shard.write_bytes(shard.read_bytes()[:-60])
    assert FeatureCache("m", root=tmp_path).get(keys[0]) is None
    assert not shard.exists()


def test_a_kill_before_the_rename_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path)
    monkeypatch.undo()
    (part,) = tmp_path.glob("*/*.part")
    assert FeatureCache("m", root=tmp_path).known == {}
    filled(tmp_path)
    assert part.exists()
    os.utime(part, (time.time() - 2 * STALE,) * 2)
    filled(tmp_path)
    assert not part.exists()


def test_the_folder_stays_below_its_limit(tmp_path: Path) -> None:
    filled(tmp_path, "old")
    (old,) = tmp_path.glob("*/*.npz")
    os.utime(old, (1, 1))
    size = old.stat().st_size
    filled(tmp_path, "new", limit=size + size // 2)
    assert not old.exists()
    assert len(list(tmp_path.glob("*/*.npz"))) == 1


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    filled(tmp_path)
    assert "GEOGLOT_CACHE" in capsys.readouterr().err
    assert list(tmp_path.glob("*/*")) == []


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOGLOT_CACHE", str(tmp_path))
    assert folder() == tmp_path
