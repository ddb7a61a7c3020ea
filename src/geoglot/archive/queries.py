"""From what a user shows or says to query vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.encoding import tile_encoder
from geoglot.core.errors import InputError
from geoglot.core.protocols import ModelSpec, TextEncoder, TileEncoder
from geoglot.geo.display import RGB
from geoglot.geo.raster import Raster
from geoglot.geo.render import stretched
from geoglot.geo.scene import Scene

Floats = NDArray[np.float32]


def text_encoder(spec: ModelSpec) -> TextEncoder:
    """The text tower of an archive's model; imports no torch for the embedded models."""
    from geoglot import models

    return models.text_encoder(spec)


def image_encoder(model: Any) -> TileEncoder:
    """An encoder of tiles from a model, or loaded by the specification of an archive's."""
    from geoglot import models

    return tile_encoder(models.load(model) if isinstance(model, ModelSpec) else model)


def unit(vector: NDArray[Any]) -> Floats:
    """A vector scaled to length one; `InputError` where it has none."""
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length < 1e-12:
        raise InputError("The query gives no direction to look in: its vector is zero or not a number.")
    result: Floats = (np.asarray(vector) / length).astype(np.float32)
    return result


def title(text: str | None, image: Any, like: Sequence[str]) -> str:
    """The query in a line, for contact sheets."""
    parts = [] if text is None else [text]
    if image is not None:
        parts.append(f"like {Path(image).name}" if isinstance(image, str | Path) else "like an image")
    if like:
        parts.append(f"like {len(like)} example{'s' if len(like) > 1 else ''}")
    return " + ".join(parts)


def encode(encoder: TileEncoder, image: str | Path | Raster | NDArray[Any]) -> Floats:
    """The unit vector of one image: its central square, resampled to the model's size.

    A path is shown as its scene is; a raster that is no display picture is stretched by its own percentiles; an array is
    (H, W, 3) or (3, H, W), bytes or numbers in [0, 1].
    """
    size = encoder.spec.size
    if isinstance(image, str | Path):
        with Scene.open(image) as scene:
            height, width = scene.shape
            side = min(height, width)
            place = (height - side) // 2, (width - side) // 2, side, side
            seen = scene.display(window=place, shape=(size, size))
    else:
        seen = _resampled(_central(image if isinstance(image, Raster) else _raster(np.asarray(image))), size)
    if not seen.valid.any():
        raise InputError("The image to search with holds no valid pixels.")
    gsd = np.array([np.nan if seen.grid is None else seen.grid.gsd], dtype=np.float32)
    return unit(encoder.encode(np.array(seen.data[None], dtype=np.float32), seen.valid[None].copy(), gsd)[0])


def _raster(array: NDArray[Any]) -> Raster:
    if array.ndim == 3 and array.shape[2] == 3:
        array = array.transpose(2, 0, 1)
    if array.ndim != 3 or array.shape[0] != 3 or 0 in array.shape:
        raise InputError(f"An image is an array (height, width, 3) or (3, height, width), got {array.shape}.")
    if array.dtype == np.uint8:
        data = array.astype(np.float32) / 255
    else:
        data = array.astype(np.float32)
        if not np.isfinite(data).all() or data.min() < 0 or data.max() > 1:
            raise InputError("An image that is not of bytes must have finite values in [0, 1].")
    return Raster(data, np.ones(data.shape[1:], dtype=np.bool_), None, RGB)


def _central(raster: Raster) -> Raster:
    height, width = raster.shape
    side = min(height, width)
    return stretched(raster.window((height - side) // 2, (width - side) // 2, side, side))


def _resampled(raster: Raster, size: int) -> Raster:
    """Resample by Pillow (antialiased when shrinking); validity by nearest neighbour."""
    from PIL import Image

    def fit(band: NDArray[Any], how: Image.Resampling) -> NDArray[Any]:
        return np.asarray(Image.fromarray(band).resize((size, size), how))

    data = np.stack(
        [np.clip(fit(np.ascontiguousarray(band, dtype=np.float32), Image.Resampling.BILINEAR), 0, 1) for band in raster.data]
    )
    valid = fit(raster.valid.astype(np.uint8), Image.Resampling.NEAREST) > 0
    grid = None if raster.grid is None else raster.grid.scaled(size, size)
    return Raster(data, valid, grid, RGB, raster.time)
