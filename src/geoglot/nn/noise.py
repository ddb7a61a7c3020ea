"""Noise as a function of the seed and of the place: any window has the values that it has in the whole scene.

Shared noise is what lets overlapping windows become one scene (Yu et al. 2024, "MetaEarth", arXiv 2405.13570). Blocks are drawn
by a counter-based generator (Philox) whose counter is the block's place, so a scene has no border and no order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 64


def noise(seed: int, channels: int, row: int, col: int, height: int, width: int, stage: int = 0) -> NDArray[np.float32]:
    """Standard normal values (channels, height, width) of a window; rows and columns may be negative.

    ``stage`` tells scenes of one seed apart that are drawn one after the other.
    """
    made = np.empty((channels, height, width), np.float32)
    for down in range(row // BLOCK, -(-(row + height) // BLOCK)):
        for right in range(col // BLOCK, -(-(col + width) // BLOCK)):
            block = _block(seed, channels, down, right, stage)
            top, left = down * BLOCK, right * BLOCK
            rows = slice(max(row, top), min(row + height, top + BLOCK))
            cols = slice(max(col, left), min(col + width, left + BLOCK))
            part = block[:, rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
            made[:, rows.start - row : rows.stop - row, cols.start - col : cols.stop - col] = part
    return made


def _block(seed: int, channels: int, down: int, right: int, stage: int) -> NDArray[np.float32]:
    counter = np.array([0, stage, down, right], np.int64).astype(np.uint64)
    made = np.random.Generator(np.random.Philox(key=seed % 2**64, counter=counter))
    # each channel has a block of its own size, so that more channels leave the first as they are
    return made.standard_normal((channels, BLOCK, BLOCK), np.float32)
