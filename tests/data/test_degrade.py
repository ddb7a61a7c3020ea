"""Graded damage to pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoglot.core.errors import InputError
from geoglot.data.degrade import GRADES, coarse, held, spoil

PIXELS = np.random.default_rng(0).integers(20, 200, (24, 36, 3), dtype=np.uint8)


def test_larger_pixels_are_means() -> None:
    small = coarse(PIXELS, 2)
    assert small.shape == (12, 18, 3)
    assert np.abs(small[0, 0] - PIXELS[:2, :2].mean((0, 1))).max() <= 1
    assert np.array_equal(coarse(PIXELS, 1), PIXELS)
    with pytest.raises(InputError, match="at least 1"):
        coarse(PIXELS, 0.5)


@pytest.mark.parametrize("kind", sorted(GRADES))
def test_each_grade_goes_further(kind: str) -> None:
    far = [float(np.abs(spoil(PIXELS, kind, grade).astype(float) - PIXELS).mean()) for grade in range(5)]
    assert far[0] == 0
    assert far == sorted(far)
    assert np.array_equal(spoil(PIXELS, kind, 2, seed=3), spoil(PIXELS, kind, 2, seed=3))


def test_haze_lowers_contrast_and_keeps_the_order_of_bands() -> None:
    seen = spoil(PIXELS, "haze", 3).astype(float)
    assert seen.std() < 0.6 * PIXELS.std()
    assert seen[..., 2].mean() > seen[..., 0].mean()


def test_a_kind_or_grade_that_is_not_there_is_an_error() -> None:
    for kind, grade in (("rain", 1), ("haze", 5), ("noise", -1)):
        with pytest.raises(InputError, match="kinds are"):
            spoil(PIXELS, kind, grade)


def test_a_held_picture_gives_its_pixels_back() -> None:
    picture = held(PIXELS, "a/b.webp")
    assert picture.path == Path("a/b.png")
    assert np.array_equal(picture.read(), PIXELS)
