"""Writing files so that a partial one never looks whole, and rasters as cloud-optimised GeoTIFFs."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.shutil import copy as rio_copy
from rasterio.windows import Window

from geoglot.core.errors import InputError, NotFoundError, ResourceError
from geoglot.geo.files import is_remote
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band

TIME_TAG = "ACQUISITION_DATETIME"
_ROWS = 512  # of a large raster that are written at once


@dataclass(frozen=True)
class Layer:
    """A band of bytes: what it is, what its values are called and how they are coloured, by what to multiply them."""

    name: str
    values: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    scale: float = 1.0


@dataclass(frozen=True)
class Outline:
    """What a raster is apart from its pixels. What is missing is marked by the value `nodata`, by a mask, or not at all."""

    shape: tuple[int, int]
    grid: Grid | None
    bands: tuple[Band, ...]
    dtype: str
    nodata: float | None = None
    masked: bool = False
    time: datetime | None = None


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed when it does not."""
    target = Path(path)
    check_folder(target)
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


def check_folder(path: str | Path) -> None:
    """Raise `NotFoundError` for an output in a folder that is not there."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}; make it first.")


def check_apart(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise `InputError` for an output that would take the place of a file that is read, by whatever name."""
    read = {Path(path).resolve(): path for path in inputs if not is_remote(str(path))}
    for output in outputs:
        if (path := read.get(Path(output).resolve())) is not None:
            raise InputError(f"{output} would be written over {path}, which is read: give another name or folder after -o.")


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
    profile = _profile(count, (height, width), raster.data.dtype.name, raster.grid, nodata)
    data = raster.data if nodata is None else np.where(raster.valid, raster.data, np.asarray(nodata, raster.data.dtype))
    masked = nodata is None and not raster.valid.all()

    def fill(file: Any) -> None:
        _fill(file, raster, data, masked, tags)
        if colours is not None:
            file.write_colormap(1, dict(colours))

    how = "nearest" if np.issubdtype(data.dtype, np.integer) and count == 1 else "average"
    better = not np.issubdtype(data.dtype, np.complexfloating)
    _write(target, profile, fill, how if cog else None, better)
    return target


def write_classes(
    path: str | Path,
    rows: Callable[[int, int], NDArray[np.uint8]],
    shape: tuple[int, int],
    grid: Grid | None,
    names: Mapping[int, str],
    colours: Mapping[int, tuple[int, int, int, int]],
    nodata: int = 255,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write one band of classes as a COG with a colour table and category names, some rows at a time: any size, little memory.

    `rows(top, bottom)` gives values (bottom - top, W). GeoTIFF has no place for the names of values: they are in a file beside it
    (`.aux.xml`), where GDAL and QGIS find them, and as tags `CLASS_<value>` in the file itself.
    """
    target = Path(path)
    height, width = shape
    profile = _profile(1, shape, "uint8", grid, nodata)

    def fill(file: Any) -> None:
        for top in range(0, height, _ROWS):
            bottom = min(top + _ROWS, height)
            file.write(rows(top, bottom), 1, window=Window(0, top, width, bottom - top))
        file.write_colormap(1, dict(colours))
        file.update_tags(**{f"CLASS_{value}": name for value, name in names.items()}, **(tags or {}))

    _write(target, profile, fill, "nearest")
    listed = "".join(f"<Category>{escape(names.get(value, ''))}</Category>" for value in range(max(names) + 1))
    band = f'<PAMRasterBand band="1"><CategoryNames>{listed}</CategoryNames></PAMRasterBand>'
    write_text(target.with_name(f"{target.name}.aux.xml"), f"<PAMDataset>{band}</PAMDataset>\n")
    return target


def write_layers(
    path: str | Path,
    rows: Callable[[int, int], NDArray[np.uint8]],
    shape: tuple[int, int],
    grid: Grid | None,
    layers: Sequence[Layer],
    nodata: int = 255,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write several bands of bytes as a COG, some rows at a time: `rows(top, bottom)` gives values (C, bottom - top, W).

    Names and colours of values are in a file beside it (`.aux.xml`), because GeoTIFF has a colour table for single bands only.
    """
    target = Path(path)
    height, width = shape
    profile = _profile(len(layers), shape, "uint8", grid, nodata) | {"photometric": "MINISBLACK", "interleave": "band"}

    def fill(file: Any) -> None:
        for top in range(0, height, _ROWS):
            bottom = min(top + _ROWS, height)
            file.write(rows(top, bottom), window=Window(0, top, width, bottom - top))
        for index, layer in enumerate(layers, 1):
            file.set_band_description(index, layer.name)
        file.scales = tuple(layer.scale for layer in layers)
        file.update_tags(**(tags or {}))

    _write(target, profile, fill, "nearest")
    write_text(target.with_name(f"{target.name}.aux.xml"), "".join(["<PAMDataset>", *_told(layers), "</PAMDataset>\n"]))
    return target


def write_pixels(
    path: str | Path,
    rows: Callable[[int, int], tuple[NDArray[Any], NDArray[np.bool_]]],
    like: Outline,
    tags: Mapping[str, str] | None = None,
    packet: str = "",
) -> Path:
    """Write bands of any type as a COG, some rows at a time: `rows(top, bottom)` gives values (C, r, W) and validity (r, W).

    `packet` is an XMP packet. Where `like` has neither a nodata value nor a mask, validity is not asked for.
    """
    target = Path(path)
    height, width = like.shape
    profile = _profile(len(like.bands), like.shape, like.dtype, like.grid, like.nodata)

    def fill(file: Any) -> None:
        for top in range(0, height, _ROWS):
            window = Window(0, top, width, min(_ROWS, height - top))
            data, valid = rows(top, top + window.height)
            if like.nodata is not None:
                data = np.where(valid, data, np.asarray(like.nodata, data.dtype))
            file.write(data, window=window)
            if like.masked:
                file.write_mask(valid, window=window)
        _describe(file, like.bands, like.time, tags)
        if packet:  # rasterio joins name and value by the sign that stands in the packet's first line
            name, _, value = packet.partition("=")
            file.update_tags(ns="xml:XMP", **{name: value})

    how = "nearest" if np.issubdtype(like.dtype, np.integer) and len(like.bands) == 1 else "average"
    _write(target, profile, fill, how)
    return target


def _told(layers: Sequence[Layer]) -> Iterator[str]:
    for index, layer in enumerate(layers, 1):
        if not layer.values:
            continue
        count = max(layer.values) + 1
        yield f'<PAMRasterBand band="{index}">'
        if layer.colours:
            yield "<ColorInterp>Palette</ColorInterp><ColorTable>"
            for value in range(count):
                entry = zip(("c1", "c2", "c3", "c4"), layer.colours.get(value, (0, 0, 0, 0)), strict=True)
                yield "<Entry " + " ".join(f'{key}="{part}"' for key, part in entry) + "/>"
            yield "</ColorTable>"
        names = "".join(f"<Category>{escape(layer.values.get(value, ''))}</Category>" for value in range(count))
        yield f"<CategoryNames>{names}</CategoryNames></PAMRasterBand>"


def _profile(count: int, shape: tuple[int, int], kind: str, grid: Grid | None, nodata: float | None) -> dict[str, Any]:
    height, width = shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": kind,
        "compress": "deflate",
        "nodata": nodata,
    }
    if grid is not None:
        profile |= {"crs": grid.crs, "transform": grid.transform}
    if min(height, width) >= 256:
        profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256}
    return profile


def _write(target: Path, profile: dict[str, Any], fill: Callable[[Any], None], cog: str | None, better: bool = True) -> None:
    """Write a GeoTIFF that `fill` fills, and make it a COG whose overviews are resampled as `cog` says, if it says so."""
    with atomic(target) as part, rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        plain = part.with_name(f"{part.stem}-plain.tif")
        try:
            with rasterio.open(plain if cog else part, "w", **profile) as file:
                fill(file)
            if cog:
                predictor = "yes" if better else "no"
                options = {"compress": "deflate", "predictor": predictor, "overview_resampling": cog, "blocksize": 512}
                rio_copy(plain, part, driver="COG", **options)
            _check(part)
        except (RasterioError, CPLE_BaseError) as error:
            raise ResourceError(f"{target} could not be written: {error}. Is the disk full?") from None
        finally:
            plain.unlink(missing_ok=True)


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
    _describe(file, raster.bands, raster.time, tags)


def _describe(file: Any, bands: Sequence[Band], time: datetime | None, tags: Mapping[str, str] | None) -> None:
    """Tell names, colours and scales of bands, the time of observation, and tags."""
    common = [band.common for band in bands]
    if file.dtypes[0] == "uint8" and common[:3] == ["red", "green", "blue"]:
        file.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, *[ColorInterp.undefined] * (len(common) - 3)]
    for index, band in enumerate(bands, 1):
        file.set_band_description(index, band.name)
    file.scales = tuple(band.scale for band in bands)
    file.offsets = tuple(band.offset for band in bands)
    found = dict(tags or {})
    if time is not None:
        found.setdefault(TIME_TAG, time.isoformat())
    file.update_tags(**found)
