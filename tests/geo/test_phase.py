"""Shifts of pictures to a tenth of a pixel, on real and made-up ground, and refused where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoglot.geo.phase import agreed, correlate, edges, moved


def ground(size: int = 512, seed: int = 0) -> np.ndarray:
    """Landscape-like: amplitudes fall with frequency."""
    rng = np.random.default_rng(seed)
    freq = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij"))
    freq[0, 0] = 1
    spectrum = (rng.normal(size=freq.shape) + 1j * rng.normal(size=freq.shape)) / freq**1.5
    return np.fft.irfft2(spectrum, s=(size, size))


def seen(fine: np.ndarray, down: int, across: int, side: int, step: int = 4) -> np.ndarray:
    """A sensor's picture of fine ground: means of squares, from a corner in fine pixels."""
    part = fine[down : down + side * step, across : across + side * step]
    return part.reshape(side, step, side, step).mean(axis=(1, 3))


@pytest.mark.parametrize(("down", "across"), [(0, 0), (1, -2), (-3, 3), (2, 13), (-22, 6)])
def test_a_part_of_a_pixel_is_found(down: int, across: int) -> None:
    fine = ground()
    one, other = seen(fine, 64, 64, 96), seen(fine, 64 - down, 64 - across, 96)
    noisy = 1.7 * other + 0.05 * one.std() * np.random.default_rng(1).normal(size=one.shape) + 3
    found = correlate(one, noisy)
    assert found[:2] == pytest.approx((down / 4, across / 4), abs=0.1)
    assert found[2] > 0.3
    assert correlate(edges(one), edges(noisy))[:2] == pytest.approx((down / 4, across / 4), abs=0.15)


def test_a_part_of_a_pixel_is_found_in_real_scenes(real_data: Path) -> None:
    files = sorted((real_data / "scenes" / "sentinel2").glob("*.tif"))[:4]
    if not files:
        pytest.skip("no real scenes here")
    for file in files:
        with rasterio.open(file) as scene:
            fine = scene.read(8).astype(float)
        # the 10 m pixels seen as 20 m ones from corners that lie one fine pixel apart: half a coarse one
        one, other = seen(fine, 2, 2, 124, 2), seen(fine, 1, 4, 124, 2)
        assert correlate(one, other)[:2] == pytest.approx((0.5, -1.0), abs=0.1), file.name


def test_pictures_without_anything_in_common_have_no_peak() -> None:
    found = [correlate(ground(128, 2 * k), ground(128, 2 * k + 1)) for k in range(6)]
    assert not agreed(found).reliable


def test_windows_are_outvoted() -> None:
    right = [(0.4, -0.2, 0.5), (0.42, -0.22, 0.4), (0.38, -0.18, 0.6)]
    made = agreed([*right, (20.0, 3.0, 0.3)])
    assert (made.down, made.across, made.windows, made.reliable) == (0.4, -0.2, 4, True)
    assert made.quality == pytest.approx(0.75 * 0.5)
    assert not agreed([(0.4, -0.2, 0.1)]).reliable  # alone, and weak
    assert not agreed([]).reliable
    assert not agreed([*right, *[(5.0 * k, 9.0, 0.5) for k in range(1, 7)]]).reliable


def test_moving_is_the_inverse_of_a_shift() -> None:
    fine = ground()
    one = seen(fine, 64, 64, 96)[None].astype(np.float32)
    other = seen(fine, 65, 62, 96)[None].astype(np.float32)
    made = moved(one, 0.25, -0.5)
    inner = (slice(None), slice(4, -4), slice(4, -4))
    assert np.abs(made - other)[inner].mean() < 0.5 * np.abs(one - other)[inner].mean()
    assert np.array_equal(moved(one, 0.0, 0.0), one)
