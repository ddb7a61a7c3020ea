"""Windows, mixtures, duplicates and views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from geoglot.core.errors import NotFoundError, RasterError
from geoglot.data.augment import AugmentConfig, augment, plain
from geoglot.data.build import duplicates, mixture
from geoglot.data.build.windows import cut, shares, squares
from geoglot.data.sample import Card, Picture, Sample, Thing

CARD = Card("made", "Made up", "none", "here", ("train",), {"Port": ("port", "harbour")})


def picture(path: Path, seed: int = 0, size: int = 64) -> Picture:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC).save(path)
    return Picture(path)


def test_squares_reach_the_edges() -> None:
    found = list(squares(100, 160, (64,)))
    assert {w[0] for w in found} == {0, 36}
    assert min(w[1] for w in found) == 0
    assert max(w[1] + w[3] for w in found) == 160
    assert next(squares(50, 160, (64,)))[2:] == (50, 50)


def test_cut_keeps_what_is_mostly_inside() -> None:
    things = (Thing("a", (0.0, 0.0, 0.1, 0.1)), Thing("b", (0.45, 0.4, 0.6, 0.5)), Thing("c", (0.9, 0.9, 1, 1)))
    part = cut(Sample("x", "made", (Picture(Path("x.png")),), things=things), (100, 200), (0, 0, 50, 110))
    assert [t.name for t in part.things] == ["a", "b"]
    assert part.things[0].box == pytest.approx((0, 0, 20 / 110, 0.2))
    assert part.things[1].box[2] == 1.0
    assert part.pictures[0].window == (0, 0, 50, 110)


def test_shares_leave_out_the_unlabelled() -> None:
    mask = np.array([[1, 1, 1, 2], [0, 0, 0, 0]])
    assert shares(mask, {1: "water", 2: "road"}) == {"water": 0.75, "road": 0.25}
    assert shares(np.zeros((2, 2), int), {1: "water"}) == {}


def test_pictures_are_read_by_window_and_size(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png").path
    assert Picture(file, (0, 10, 20, 30)).read().shape == (20, 30, 3)
    assert Picture(file).read(16).shape == (16, 16, 3)
    with pytest.raises(NotFoundError, match="root folder"):
        Picture(tmp_path / "none.png").read()
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    with pytest.raises(RasterError, match="cannot be decoded"):
        Picture(tmp_path / "bad.png").read()


def test_texts_are_true_of_a_turned_picture() -> None:
    sample = Sample(
        "x", "made", (), captions=("a port .", "a ship on the left ."), label="Port", things=(Thing("ship", (0, 0, 1, 1)),)
    )
    found = mixture.texts_of(sample, CARD.classes)
    assert found["caption"] == ["a port ."]
    assert "a satellite photo of harbour." in found["class"]
    assert "one ship at a port." in found["things"]
    assert "cover" not in found


def test_material_is_decoded_once_and_joined(tmp_path: Path) -> None:
    samples = [Sample(f"s{i}", "made", (picture(tmp_path / f"{i}.png", i),), captions=(f"text {i % 2}",)) for i in range(4)]
    samples.append(Sample("silent", "made", (Picture(tmp_path / "0.png"),)))
    one = mixture.build([(CARD, s) for s in samples], 32, tmp_path / "cache", "made")
    (tmp_path / "0.png").unlink()
    two = mixture.build([(CARD, s) for s in samples], 32, tmp_path / "cache", "made")
    assert len(one) == 4
    assert one.texts == ("text 0", "text 1")
    assert np.array_equal(one.pixels, two.pixels)
    both = mixture.join([one.take([1, 2]), two])
    assert len(both) == 6
    assert both.ids[:2] == ("s1", "s2")
    assert [both.texts[row["caption"][0]] for row in both.by_kind] == [f"text {i}" for i in (1, 0, 0, 1, 0, 1)]


def test_duplicates_are_found_under_turns_and_changes(tmp_path: Path) -> None:
    pixels = np.stack([picture(tmp_path / f"{i}.png", i).read() for i in range(6)])
    changed = np.clip(np.rot90(pixels, 1, axes=(1, 2))[:, :, ::-1] * 0.8 + 20, 0, 255).astype(np.uint8)
    found = duplicates.near(duplicates.hashes(np.ascontiguousarray(changed)), duplicates.turned(pixels))
    assert found == [(i, i) for i in range(6)]


def test_views_are_deterministic_and_in_range() -> None:
    pixels = torch.randint(0, 255, (32, 40, 40, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    config = AugmentConfig(size=24, coarse_side=(6, 12), radar=0.2, edge=0.5)
    one, two, three = (augment(pixels, config, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one.pixels, two.pixels)
    assert torch.equal(one.valid, two.valid)
    assert not torch.equal(one.pixels, three.pixels)
    assert one.pixels.shape == (32, 3, 24, 24)
    assert float(one.pixels.min()) >= 0
    assert float(one.pixels.max()) <= 1
    assert 0.5 < float(one.valid.float().mean()) < 1


def test_views_without_changes_only_turn() -> None:
    config = AugmentConfig(size=16, zoom=(1, 1), coarse=0, colour=0, haze=0, dim=0, grey=0, radar=0, false_colour=0, edge=0)
    pixels = torch.randint(0, 255, (8, 16, 16, 3), dtype=torch.uint8)
    found = augment(pixels, config, torch.Generator().manual_seed(0)).pixels
    still = plain(pixels, 16).pixels
    turns = [torch.rot90(v, k, (2, 3)) for v in (still, still.flip(3)) for k in range(4)]
    for i in range(8):
        assert min(float((found[i] - t[i]).abs().max()) for t in turns) < 1e-3
    assert plain(pixels, 8).pixels.shape == (8, 3, 8, 8)
