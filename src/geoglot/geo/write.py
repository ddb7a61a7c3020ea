"""Writing files so that a partial one never looks whole, and rasters as cloud-optimised GeoTIFFs."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.shutil import copy as rio_copy
from rasterio.windows import Window

from geoglot.core.errors import InputError, NotFoundError, ResourceError
from geoglot.geo.raster import Raster

TIME_TAG = "ACQUISITION_DATETIME"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed when it does not."""
    target = Path(path)
    if not target.parent.is_dir():
        raise NotFoundError(f"There is no folder {target.parent}; make it first.")
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise ResourceError(f"The disk is full: {target} was not written.") from None
        raise
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8")


def write_geotiff(
    path: str | Path,
    raster: Raster,
    nodata: float | None = None,
    tags: Mapping[str, str] | None = None,
    cog: bool = True,
    colours: Mapping[int, tuple[int, int, int, int]] | None = None,
) -> Path:
    """Write a raster as a GeoTIFF, with overviews and internal tiles (COG) unless told otherwise.

    Invalid pixels become `nodata`, or an internal mask where it is None. Band names, time and `tags` are kept. `colours` are
    red, green, blue and opacity (0 to 255) of the values of a single band of bytes.
    """
    target = Path(path)
    if raster.data.dtype == np.bool_:
        raise InputError("A GeoTIFF has no boolean type: convert the data to uint8 first.")
    if nodata is not None and not _holds(raster.data.dtype, nodata):
        raise InputError(f"{raster.data.dtype} cannot hold the nodata value {nodata}: choose another, or none for a mask.")
    count, height, width = raster.data.shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": raster.data.dtype.name,
        "compress": "deflate",
        "nodata": nodata,
    }
    if raster.grid is not None:
        profile |= {"crs": raster.grid.crs, "transform": raster.grid.transform}
    if min(height, width) >= 256:
        profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256}
    data = raster.data if nodata is None else np.where(raster.valid, raster.data, np.asarray(nodata, raster.data.dtype))
    masked = nodata is None and not raster.valid.all()
    with atomic(target) as part, rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        plain = part.with_name(f"{part.stem}-plain.tif")
        try:
            with rasterio.open(plain if cog else part, "w", **profile) as file:
                _fill(file, raster, data, masked, tags)
                if colours is not None:
                    file.write_colormap(1, dict(colours))
            if not cog:
                _check(part)
            else:
                how = "nearest" if np.issubdtype(data.dtype, np.integer) and count == 1 else "average"
                better = "no" if np.issubdtype(data.dtype, np.complexfloating) else "yes"
                rio_copy(plain, part, driver="COG", compress="deflate", predictor=better, overview_resampling=how, blocksize=512)
                _check(part)
        except (RasterioError, CPLE_BaseError) as error:
            raise ResourceError(f"{target} could not be written: {error}. Is the disk full?") from None
        finally:
            plain.unlink(missing_ok=True)
    return target


def _holds(kind: np.dtype[Any], nodata: float) -> bool:
    if not np.issubdtype(kind, np.integer):
        return True
    limits = np.iinfo(kind)
    return bool(limits.min <= nodata <= limits.max and nodata == int(nodata))


def _check(path: Path) -> None:
    """Read the last block: a full disk is not always told when a file is closed."""
    with rasterio.open(path) as file:
        file.read(file.count, window=Window(file.width - 1, file.height - 1, 1, 1))


def _fill(file: Any, raster: Raster, data: np.ndarray[Any, Any], masked: bool, tags: Mapping[str, str] | None) -> None:
    file.write(data)
    if masked:
        file.write_mask(raster.valid)
    common = [band.common for band in raster.bands]
    if data.dtype == np.uint8 and common[:3] == ["red", "green", "blue"]:
        colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, *[ColorInterp.undefined] * (len(common) - 3)]
        file.colorinterp = colours
    for index, band in enumerate(raster.bands, 1):
        file.set_band_description(index, band.name)
    file.scales = tuple(band.scale for band in raster.bands)
    file.offsets = tuple(band.offset for band in raster.bands)
    found = dict(tags or {})
    if raster.time is not None:
        found.setdefault(TIME_TAG, raster.time.isoformat())
    file.update_tags(**found)
