"""A sample as the members of a shard: one JSON record, and beside it the bytes of its pictures and masks."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from geoglot.core.errors import RasterError
from geoglot.data import records
from geoglot.data.sample import Mask, Picture, Sample
from geoglot.geo.grid import Grid
from geoglot.geo.scene import Scene
from geoglot.geo.write import write_geotiff

Format = Literal["keep", "webp", "jpeg", "png", "tiff"]
SUFFIX = {"webp": "webp", "jpeg": "jpg", "png": "png", "tiff": "tif"}
KEPT = {".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".tif": "tif", ".tiff": "tif"}
PLACELESS = {".webp", ".jpg", ".jpeg", ".png", ".gif"}  # formats that name no place of their own


@dataclass(frozen=True)
class Encoding:
    """How pictures are stored: ``keep`` takes a file's own bytes, and writes a window of it without a loss.

    ``size`` is the longest side in pixels that is stored (8-bit pictures only; none is enlarged).
    """

    format: Format = "keep"
    quality: int = 90
    size: int | None = None


@dataclass(frozen=True)
class Packed:
    """The members of one sample: ``record`` as JSON, ``pictures`` and ``masks`` as (name, bytes), the first caption."""

    key: str
    sample: Sample
    record: str
    pictures: tuple[tuple[str, bytes], ...]
    masks: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return len(self.record) + sum(len(data) for _, data in (*self.pictures, *self.masks))


def pack(sample: Sample, key: str, encoding: Encoding) -> Packed:
    """Encode a sample's pictures and masks; raises NotFoundError or RasterError when one cannot be read."""
    pictures, stored = [], []
    for number, picture in enumerate(sample.pictures):
        data, suffix, grid = encode(picture, encoding)
        name = f"{key}.{suffix}" if len(sample.pictures) == 1 else f"{key}.{number}.{suffix}"
        pictures.append((name, data))
        stored.append(Picture(Path(name), None, picture.time, None, grid))
    masks, drawn = [], {}
    for what, mask in sample.masks.items():
        name = f"{key}.mask.{what}.png"
        masks.append((name, _png(mask)))
        drawn[what] = Mask(Path(name), dict(enumerate(mask.names)))
    kept = replace(sample, pictures=tuple(stored), masks=drawn)
    return Packed(key, kept, records.dumps(kept), tuple(pictures), tuple(masks))


def encode(picture: Picture, encoding: Encoding) -> tuple[bytes, str, Grid | None]:
    """Give the bytes of a picture, the suffix of their format, and its grid (none for GeoTIFF, which holds it itself)."""
    suffix = KEPT.get(picture.path.suffix.lower())
    if encoding.format == "keep" and picture.window is None and encoding.size is None and suffix is not None:
        whole = picture.data if picture.data is not None else _bytes(picture)
        return whole, suffix, picture.grid
    if encoding.format == "tiff" or (
        encoding.format == "keep" and encoding.size is None and suffix not in ("webp", "jpg", "png")
    ):
        return _tiff(picture), "tif", None
    image, grid = picture.image(), _grid(picture)
    if encoding.size is not None and max(image.size) > encoding.size:
        image.thumbnail((encoding.size, encoding.size), Image.Resampling.BICUBIC)
        grid = None if grid is None else grid.scaled(image.height, image.width)
    out = io.BytesIO()
    if encoding.format == "jpeg":
        image.save(out, "JPEG", quality=encoding.quality)
    elif encoding.format == "png":
        image.save(out, "PNG")
    else:
        image.save(out, "WEBP", quality=encoding.quality, lossless=encoding.format == "keep")
    return out.getvalue(), SUFFIX.get(encoding.format, "webp"), grid


def _bytes(picture: Picture) -> bytes:
    picture.size  # noqa: B018 - a file that is no picture is told now, not when the shard is read
    return picture.path.read_bytes()


def _grid(picture: Picture) -> Grid | None:
    if picture.grid is not None or picture.path.suffix.lower() in PLACELESS or picture.data is not None:
        return picture.grid
    try:
        with Scene.open(picture.path) as scene:
            grid = scene.grid
    except RasterError:  # a picture that GDAL does not know has no place
        return None
    return grid if grid is None or picture.window is None else grid.window(*picture.window)


def _tiff(picture: Picture) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_geotiff(Path(folder) / "picture.tif", picture.raster(), cog=False).read_bytes()


def _png(mask: Mask) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(mask.read())).save(out, "PNG")
    return out.getvalue()
