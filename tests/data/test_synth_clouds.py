"""Clouds over rendered places: their share, their shadows by the sun, and the same pixels however they are cut."""

import math

import numpy as np
import pytest

from geoglot.core.errors import InputError
from geoglot.data.synth.clouds import KINDS, hazed, sky, veil
from geoglot.data.synth.paint import Sun
from geoglot.data.synth.stack import Frame

BOUNDS = (500000.0, 5700000.0, 505120.0, 5705120.0)
FRAME = Frame(BOUNDS[0], BOUNDS[3], (10.0, 10.0), (512, 512))
SUN = Sun(160.0, 40.0)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("amount", [0.0, 0.1, 0.4, 0.8, 1.0])
def test_clouds_have_the_share_that_was_asked_for(kind, amount):
    found = sky(BOUNDS, amount, SUN, 3, kind).over(FRAME)
    assert found.cloud.mean() == pytest.approx(amount, abs=0.02)
    assert found.opacity.min() >= 0
    assert found.opacity.max() <= KINDS[kind].most
    assert not (found.cloud & found.shaded).any()


def test_shadows_lie_where_the_sun_puts_them():
    made = sky(BOUNDS, 0.2, SUN, 5, "cumulus")
    found = made.over(FRAME)
    east, north = (v * made.height for v in SUN.cast())
    assert north > 0, "the sun stands in the south: shadows fall to the north"
    assert math.hypot(east, north) == pytest.approx(made.height / math.tan(math.radians(40)))
    moved = made.over(Frame(FRAME.x0 - east, FRAME.y1 - north, FRAME.gsd, FRAME.shape))
    assert np.allclose(moved.opacity, found.shadow, atol=1e-4)


def test_blocks_are_parts_of_the_whole():
    made = sky(BOUNDS, 0.4, SUN, 8)
    whole = made.over(FRAME)
    for row, col in ((0, 0), (100, 300), (381, 381)):
        part = made.over(Frame(FRAME.x0 + col * 10, FRAME.y1 - row * 10, FRAME.gsd, (131, 131)))
        cut = (slice(row, row + 131), slice(col, col + 131))
        assert np.array_equal(part.opacity, whole.opacity[cut])
        assert np.array_equal(part.shadow, whole.shadow[cut])
        assert np.array_equal(part.light, whole.light[cut])


def test_edges_are_soft_and_skies_differ():
    found = sky(BOUNDS, 0.4, SUN, 1, "cumulus").over(FRAME)
    assert ((found.opacity > 0.05) & (found.opacity < 0.95)).mean() > 0.05
    other = sky(BOUNDS, 0.4, SUN, 2, "cumulus").over(FRAME)
    assert (found.cloud != other.cloud).mean() > 0.2
    again = sky(BOUNDS, 0.4, SUN, 1, "cumulus").over(FRAME)
    assert np.array_equal(again.opacity, found.opacity)


def test_veil_whitens_clouds_and_darkens_shadows():
    found = sky(BOUNDS, 0.3, SUN, 5, "cumulus").over(FRAME)
    ground = np.full((2, 512, 512), 80, np.float32)
    seen = veil(ground, found, np.full(2, 245, np.float32), np.full(2, 0.6, np.float32))
    assert seen[0][found.opacity > 0.95].min() > 160
    deep = (found.shadow > 0.9) & (found.opacity < 0.02)
    assert deep.any()
    assert seen[0][deep].max() < 60
    clear = (found.shadow < 1e-6) & (found.opacity < 1e-6)
    assert np.array_equal(seen[:, clear], ground[:, clear])
    assert np.allclose(hazed(ground, 0.25, np.array([160, 200], np.float32))[:, 0, 0], [100, 110])


def test_bad_skies_are_refused():
    with pytest.raises(InputError, match="0 to 1"):
        sky(BOUNDS, 1.2, SUN)
    with pytest.raises(InputError, match="cirrus"):
        sky(BOUNDS, 0.2, SUN, kind="mist")
