"""The test for seams: it finds those that are put into a picture, and none in a picture without."""

from __future__ import annotations

import numpy as np
import pytest

from geoglot.metrics.seams import Seams

BORDERS = [48, 64, 96, 112, 144, 160, 192, 208]


def picture(seed: int, side: int = 256) -> np.ndarray:
    """A landscape's spectrum, and no border."""
    rng = np.random.default_rng(seed)
    freq = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    freq[0, 0] = 1.0
    plane = np.fft.irfft2((rng.normal(size=freq.shape) + 1j * rng.normal(size=freq.shape)) / freq**1.5, s=(side, side))
    grey = 110 + 45 * plane / plane.std() + rng.normal(0, 2, (side, side))
    return np.clip(np.stack([grey] * 3), 0, 255).astype(np.uint8)


def looked(image: np.ndarray, strip: int = 50) -> dict[str, float]:
    found = Seams(image.shape[1:], BORDERS, BORDERS)
    for top in range(0, image.shape[1], strip):
        found.add(image[:, top : top + strip])
    return found.result()


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_without_seams_has_none(seed: int) -> None:
    told = looked(picture(seed))
    assert told["cols_ratio"] == pytest.approx(1, abs=0.1)
    assert told["cols_chance"] > 0.01
    assert told["rows_chance"] > 0.01


@pytest.mark.parametrize("step", [4, 12])
def test_steps_at_borders_are_found_on_their_axis(step: int) -> None:
    image = picture(1).astype(int)
    for k, col in enumerate(BORDERS):
        image[:, :, col:] += step * (-1) ** k
    told = looked(np.clip(image, 0, 255).astype(np.uint8))
    assert told["cols_ratio"] > told["cols_high"]
    assert told["cols_chance"] < 0.01
    assert told["rows_chance"] > 0.01


def test_strips_and_merging_change_nothing() -> None:
    one, other = picture(2), picture(3)
    assert looked(one, 256) == looked(one, 37)
    both, first, second = (Seams((256, 256), BORDERS, BORDERS) for _ in range(3))
    both.add(one)
    both.add(other)
    first.add(one)
    second.add(other)
    first.merge(second)
    assert both.result() == first.result()


def test_lines_are_compared_with_those_of_the_same_phase() -> None:
    image = np.zeros((1, 64, 64), np.uint8)
    image[:, :, ::8] = 100  # what a decoder of 8 pixels a cell may leave
    plain, phased = Seams((64, 64), [], [16, 32, 48]), Seams((64, 64), [], [16, 32, 48], cell=8)
    for one in (plain, phased):
        one.add(image)
    assert plain.result()["cols_ratio"] > 2
    assert phased.result()["cols_ratio"] == 1
    assert np.isnan(phased.result()["rows_ratio"])
