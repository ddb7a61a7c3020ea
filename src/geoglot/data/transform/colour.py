"""Grey and false colours: words of colour go with the colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.data.transform.shown import Shown, reworded
from geoglot.text.claims import without_colours

Kind = Literal["grey", "swapped", "inverted"]
KINDS: tuple[Kind, ...] = ("grey", "swapped", "inverted")
WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # of ITU-R BT.601


@dataclass(frozen=True)
class Recolour:
    """Shows pictures in grey, with red, green and blue in another order, or as their negative, and takes colours out of words."""

    kind: Kind

    def __call__(self, shown: Shown) -> Shown:
        """Give the sample in other colours."""
        return replace(shown, pixels=tuple(map(self._pixels, shown.pixels)), sample=reworded(shown.sample, without_colours))

    def _pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.kind == "swapped":
            return np.ascontiguousarray(pixels[..., [1, 2, 0]])
        if self.kind == "inverted":
            return 255 - pixels
        grey = (pixels.astype(np.float32) @ WEIGHTS + 0.5).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
