"""Pictures with a class for every pixel: what masks and outlines become, and views in which pixels and numbers go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoglot.data.build import masks
from geoglot.data.build.masks import Masked, MaskViewConfig
from geoglot.data.sample import Mask, Picture, Sample, Thing

CLASSES = {"dark": frozenset({0}), "light": frozenset({1, 2}), "bright": frozenset({2})}


def picture(seed: int = 0, shape: tuple[int, int] = (90, 120)) -> Masked:
    """Numbers in blocks, and the same as brightness."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 3, (-(-shape[0] // 15), -(-shape[1] // 15)))
    index = np.kron(small, np.ones((15, 15), int))[: shape[0], : shape[1]].astype(np.uint8)
    return Masked(f"drawn/{seed}", "drawn", np.repeat((index * 100)[..., None], 3, 2).astype(np.uint8), index, CLASSES)


def test_a_view_keeps_pixels_and_numbers_together() -> None:
    config = MaskViewConfig(size=64, zoom=(0.8, 2.0))
    for seed in range(20):
        pixels, index = masks.view(picture(seed), config, np.random.default_rng(seed))
        assert pixels.shape == (64, 64, 3)
        assert index.shape == (64, 64)
        same = np.abs(pixels[..., 0].astype(int) - 100 * index) < 50
        assert same.mean() > 0.9  # but at the edges of blocks, where pixels are mixed


def test_a_view_holds_what_it_is_about() -> None:
    rare = picture()
    rare.index[:] = 0
    rare.index[70:74, 100:104] = 2
    config = MaskViewConfig(size=64, zoom=(1.5, 2.0))
    for seed in range(20):
        _, index = masks.view(rare, config, np.random.default_rng(seed), "light")
        assert (index == 2).any()


def test_classes_may_hold_one_another() -> None:
    found = picture()
    found.index[:] = 2
    assert found.present() == ("light", "bright")
    assert masks.without(found, ["light"]).present() == ("bright",)
    assert "light" not in masks.without(found, ["light"]).classes


def test_masks_and_outlines_become_numbers(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "p.png")
    drawn = np.zeros((20, 30), np.uint8)
    drawn[:5], drawn[5:8], drawn[8:9] = 1, 2, 9
    Image.fromarray(drawn).save(tmp_path / "m.png")
    cover = Mask(tmp_path / "m.png", {0: "other", 1: "roads", 2: "unlabelled"})
    found = masks.masked(Sample("a", "s", (Picture(tmp_path / "p.png"),), masks={"cover": cover}), {"roads": ("roads",)})
    assert (np.isin(found.index, list(found.classes["roads"])) == (drawn == 1)).all()
    assert ((found.index == 255) == (drawn == 2) | (drawn == 9)).all()
    things = (Thing.outlined("ship", ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))),)
    found = masks.masked(Sample("a", "s", (Picture(tmp_path / "p.png"),), things=things), {"car": ("car",), "ship": ("ship",)})
    assert found.present() == ("ship",)
    assert np.isin(found.index, list(found.classes["ship"])).sum() == 10 * 15
    assert not (found.index == 255).any()


@pytest.mark.slow
def test_rendered_places_are_kept(tmp_path: Path) -> None:
    first = masks.rendered(1, 2, 96, tmp_path)
    again = masks.rendered(1, 2, 96, tmp_path)
    assert [one.id for one in first] == [one.id for one in again]
    assert all((a.pixels == b.pixels).all() and (a.index == b.index).all() for a, b in zip(first, again, strict=True))
    assert set(first[0].classes) == set(masks.NAMES[masks.RENDERED])
