"""Tiles of rendered places and cloudy copies as training material."""

from pathlib import Path

import numpy as np
import pytest

from geoglot.data.build import clouds, rendered
from geoglot.data.build.mixture import Material


def test_rendered_tiles_have_true_sentences_and_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered, "GSDS", ((4.0, 2), (8.0, 1)))
    one = rendered.material(2, 32, tmp_path)
    assert one.pixels.shape == (6, 32, 32, 3)
    assert one.source == ("rendered",) * 6
    assert all("class" in row for row in one.by_kind)
    monkeypatch.setattr(rendered, "tiles", None)
    two = rendered.material(2, 32, tmp_path)
    assert two.texts == one.texts
    assert np.array_equal(two.pixels, one.pixels)


def test_clouds_cover_and_are_said() -> None:
    pixels = np.full((3, 48, 48, 3), 60, np.uint8)
    teach = Material(pixels, ("x",), ({"caption": (0,)},) * 3, ("a", "b", "c"), ("s",) * 3, ("Port", "Port", "Other"))
    found = clouds.material(teach, 12, {"Port": "a port"})
    assert len(found) == 12
    assert found.pixels.mean() > 100
    said = [found.texts[row["caption"][0]] for row in found.by_kind]
    assert "clouds over a port" in said
    assert "thick clouds" in said
    bright = [p.mean() for p, text in zip(found.pixels, said, strict=True) if text == "thick clouds"]
    assert min(bright) > 170
    assert clouds.cover(32, 1.5, np.random.default_rng(0)).mean() > clouds.cover(32, 0.0, np.random.default_rng(0)).mean()
