"""How pixels come out of files: windows and resampling, masks, radar as decibels, warping to any grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.warp import reproject
from rasterio.windows import Window as RioWindow

from geoglot.core.errors import InputError, RasterError, ResourceError
from geoglot.geo import files
from geoglot.geo.footprint import transformer
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Sensor

if TYPE_CHECKING:
    from geoglot.geo.scene import Scene

Floats = NDArray[np.float32]
MAX_READ = 2**31  # bytes of one read; larger answers belong into windows
_TINY = 1e-10  # power below which radar is silent (-100 dB)


def alpha_band(dataset: Any, sensor: Sensor) -> int | None:
    """Number of the transparency band, or None.

    8-bit files of four bands without a photometric tag mark their fourth band as transparency although it is near
    infrared: a true mask is almost wholly 0 or 255, a spectral band is not.
    """
    marked = [i for i, kind in zip(dataset.indexes, dataset.colorinterp, strict=True) if kind == ColorInterp.alpha]
    if not marked:
        return None
    if dataset.count == 4 and sensor.layout(4) is not None:
        return None
    index = int(marked[-1])
    step = max(1, max(dataset.shape) // 256)
    shape = (max(1, dataset.height // step), max(1, dataset.width // step))
    if dataset.height * dataset.width > 2**28 and not dataset.overviews(index):
        return index  # too large to look at without overviews
    sample = files.read(dataset, indexes=index, out_shape=shape)
    top = np.iinfo(sample.dtype).max if np.issubdtype(sample.dtype, np.integer) else 1
    return index if np.isin(sample, (0, 1, 255, top)).mean() > 0.9 else None


def read(scene: Scene, chosen: list[int], grid: Grid | None, window: Window | None, shape: tuple[int, int] | None) -> Raster:
    """Read bands by position; see `Scene.read`."""
    if grid is not None:
        if window is not None or shape is not None:
            raise InputError("Give either a grid or a window with a shape, not both.")
        data, valid = _warp(scene, chosen, grid)
        return Raster(data, valid, grid, tuple(scene.bands[i] for i in chosen), scene.time)
    row, col, height, width = window or (0, 0, *scene.shape)
    if row < 0 or col < 0 or height < 1 or width < 1 or row + height > scene.shape[0] or col + width > scene.shape[1]:
        raise InputError(
            f"The window {(row, col, height, width)} leaves the scene of {scene.shape[0]} x {scene.shape[1]} pixels."
        )
    out = shape or (height, width)
    place = None if scene.grid is None else scene.grid.window(row, col, height, width)
    if place is not None and out != place.shape:
        place = place.scaled(*out)
    if scene.warped:
        assert place is not None
        data, valid = _warp(scene, chosen, place)
    else:
        data, valid = pixels(scene, chosen, (row, col, height, width), out)
    return Raster(data, valid, place, tuple(scene.bands[i] for i in chosen), scene.time)


def pixels(
    scene: Scene, chosen: list[int], window: Window, out: tuple[int, int], nearest: bool = False
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values (C, H, W) and validity (H, W) of a window of the files' own pixels, resampled to `out`."""
    size = len(chosen) * out[0] * out[1] * np.dtype(scene.dtype).itemsize
    if size > MAX_READ:
        raise ResourceError(f"Reading {size / 2**30:.1f} GiB of {scene.id} at once; read by windows, or give a smaller shape.")
    row, col, height, width = window
    if scene.flipped:
        row = scene.shape[0] - row - height
    parts: dict[str, list[int]] = {}
    for position in chosen:
        parts.setdefault(scene.layers[position].href, []).append(position)
    found: dict[int, NDArray[Any]] = {}
    valid = np.ones(out, dtype=np.bool_)
    for href, positions in parts.items():
        dataset = scene.dataset(href)
        # bands with files of their own may have coarser pixels over the same ground
        v, h = dataset.height / _rows(scene), dataset.width / _cols(scene)
        part = RioWindow(col * h, row * v, width * h, height * v)
        values, good = _read_file(dataset, [scene.layers[p].index for p in positions], part, out, nearest, scene.sensor)
        valid &= good
        found.update(zip(positions, values, strict=True))
    kinds = {values.dtype for values in found.values()}
    kind = kinds.pop() if len(kinds) == 1 else np.result_type(*kinds, *[v.dtype for v in found.values()])
    data = np.stack([found[position].astype(kind, copy=False) for position in chosen])
    return (data[:, ::-1], valid[::-1]) if scene.flipped else (data, valid)


def _rows(scene: Scene) -> int:
    return int(scene.dataset().height)


def _cols(scene: Scene) -> int:
    return int(scene.dataset().width)


def _read_file(
    dataset: Any, indexes: list[int], window: RioWindow, out: tuple[int, int], nearest: bool, sensor: Sensor
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    same = (round(window.height), round(window.width)) == out
    shrinks = window.height > out[0] or window.width > out[1]
    if dataset.dtypes[0].startswith("complex"):
        return _complex(dataset, indexes, window, out)
    how = Resampling.nearest if nearest or same else Resampling.average if shrinks else Resampling.bilinear
    data = files.read(dataset, indexes=indexes, window=window, out_shape=(len(indexes), *out), resampling=how)
    valid = _mask(dataset, indexes, window, out, data if same else None)
    if np.issubdtype(data.dtype, np.floating):
        finite = np.isfinite(data)
        valid &= finite.all(axis=0)
        data[~finite] = 0
    if sensor.radar:
        data = _decibels(data)
    return data, valid


def _mask(
    dataset: Any, indexes: list[int], window: RioWindow, out: tuple[int, int], data: NDArray[Any] | None
) -> NDArray[np.bool_]:
    """Where at least one of the bands was observed."""
    flags = dataset.mask_flag_enums[indexes[0] - 1]
    if MaskFlags.all_valid in flags:
        return np.ones(out, dtype=np.bool_)
    if MaskFlags.nodata in flags and data is not None:
        nodata = [dataset.nodatavals[i - 1] for i in indexes]
        good = np.zeros(out, dtype=np.bool_)
        for band, value in zip(data, nodata, strict=True):
            good |= (
                np.ones_like(good) if value is None else ~np.isnan(band) if value != value else band != np.asarray(value, float)
            )
        return good
    # all bands of a file share a mask band or transparency: one of them is enough
    wanted = indexes if MaskFlags.nodata in flags else indexes[:1]
    if MaskFlags.alpha in flags and alpha_band(dataset, _ANY) is None:
        return np.ones(out, dtype=np.bool_)
    try:
        masks = dataset.read_masks(wanted, window=window, out_shape=(len(wanted), *out), resampling=Resampling.nearest)
    except Exception as error:
        raise RasterError(f"{dataset.name} has a damaged mask: {error}") from None
    return np.asarray((masks > 0).any(axis=0))


_ANY = Sensor("any", "any")


def _complex(dataset: Any, indexes: list[int], window: RioWindow, out: tuple[int, int]) -> tuple[Floats, NDArray[np.bool_]]:
    # Averaging complex values cancels speckle of opposite phase: average power instead, over up to 4 x 4 looks.
    looks = [max(1, min(4, round(side / o))) for side, o in zip((window.height, window.width), out, strict=True)]
    shape = (len(indexes), out[0] * looks[0], out[1] * looks[1])
    data = files.read(dataset, indexes=indexes, window=window, out_shape=shape, resampling=Resampling.nearest)
    power = (data.real.astype(np.float32) ** 2 + data.imag.astype(np.float32) ** 2).astype(np.float32)
    power = power.reshape(len(indexes), out[0], looks[0], out[1], looks[1]).mean(axis=(2, 4))
    valid = np.isfinite(power).all(axis=0) & (power > 0).any(axis=0)
    return _log(np.where(np.isfinite(power), power, 0)), valid


def _decibels(data: NDArray[Any]) -> Floats:
    values = data.astype(np.float32)
    if np.issubdtype(data.dtype, np.integer):
        return _log(values**2)  # detected amplitude
    return values if (values < 0).any() else _log(values)  # negative values are decibels already; else linear power


def _log(power: NDArray[Any]) -> Floats:
    result: Floats = (10 * np.log10(np.maximum(power, _TINY))).astype(np.float32)
    return result


def _warp(scene: Scene, chosen: list[int], grid: Grid) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read what covers a grid, at about its resolution, and warp data and validity onto it.

    Data and validity go through `reproject` as arrays, not through a warped VRT: its mask claims that everything is
    valid beyond the edge for several kinds and numbers of bands.
    """
    if scene.grid is None:
        raise InputError(f"{scene.id} has no georeference; read it by window.")
    kind = np.float32 if scene.sensor.radar or scene.dtype.startswith("complex") else np.dtype(scene.dtype)
    data = np.zeros((len(chosen), *grid.shape), dtype=kind)
    valid = np.zeros(grid.shape, dtype=np.uint8)
    cover = _cover(scene, grid)
    if cover is None:
        return data, valid.astype(np.bool_)
    window, shape = cover
    palette = scene.dataset().colorinterp[0] == ColorInterp.palette
    source, good = pixels(scene, chosen, window, shape, nearest=palette)
    how = Resampling.nearest if palette else Resampling.bilinear
    place = _placement(scene, window, shape)
    # invalid pixels must not bleed into valid ones: they are warped as "nodata" through their own weights
    weight = good.astype(np.float32)
    soft = np.zeros(grid.shape, dtype=np.float32)
    reproject(weight, soft, dst_transform=grid.transform, dst_crs=grid.crs, resampling=how, **place)
    for index, band in enumerate(source):
        part = np.zeros(grid.shape, dtype=np.float32)
        reproject(
            np.where(good, band, 0).astype(np.float32),
            part,
            dst_transform=grid.transform,
            dst_crs=grid.crs,
            resampling=how,
            **place,
        )
        part = np.divide(part, soft, out=np.zeros_like(part), where=soft > 1e-3)
        data[index] = np.round(part) if np.issubdtype(kind, np.integer) else part
    return data, soft > 0.5


def _placement(scene: Scene, window: Window, shape: tuple[int, int]) -> dict[str, Any]:
    row, col, height, width = window
    if scene.warped:
        gcps, crs = scene.dataset().gcps
        v, h = shape[0] / height, shape[1] / width
        moved = [type(p)(row=(p.row - row) * v, col=(p.col - col) * h, x=p.x, y=p.y, z=p.z) for p in gcps]
        return {"gcps": moved, "src_crs": crs}
    assert scene.grid is not None
    part = scene.grid.window(*window).scaled(*shape)
    return {"src_transform": part.transform, "src_crs": part.crs}


def _cover(scene: Scene, grid: Grid) -> tuple[Window, tuple[int, int]] | None:
    """The window of file pixels under a grid, and the shape to read it at; None when they do not meet."""
    assert scene.grid is not None
    height, width = (_rows(scene), _cols(scene)) if scene.warped else scene.shape
    if scene.warped:
        return (0, 0, height, width), _bounded((height, width), max(grid.gsd / scene.grid.gsd, 1.0))
    n = 33
    c, r = np.meshgrid(np.linspace(0, grid.shape[1], n), np.linspace(0, grid.shape[0], n))
    x, y = (
        grid.transform.a * c + grid.transform.b * r + grid.transform.c,
        grid.transform.d * c + grid.transform.e * r + grid.transform.f,
    )
    x, y = transformer(grid.crs.to_wkt(), scene.grid.crs.to_wkt()).transform(x, y)
    if scene.grid.crs.is_geographic:
        left = scene.grid.bounds[0]
        x = left + np.mod(np.asarray(x) - left, 360.0)  # longitudes may be counted from another meridian
    back = ~scene.grid.transform
    cols, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    seen = np.isfinite(cols) & np.isfinite(rows)
    if not seen.any():
        return None
    # distance between neighbouring samples tells how many file pixels fall on one of the grid
    down = np.nanmedian(np.hypot(np.diff(cols, axis=0), np.diff(rows, axis=0))) * (n - 1) / grid.shape[0]
    across = np.nanmedian(np.hypot(np.diff(cols, axis=1), np.diff(rows, axis=1))) * (n - 1) / grid.shape[1]
    ratio = max(min(float(down), float(across)), 1.0)
    margin = 2 * ratio + 1
    top, bottom = max(0, int(rows[seen].min() - margin)), min(height, int(np.ceil(rows[seen].max() + margin)))
    left_col, right = max(0, int(cols[seen].min() - margin)), min(width, int(np.ceil(cols[seen].max() + margin)))
    if top >= bottom or left_col >= right:
        return None
    return (top, left_col, bottom - top, right - left_col), _bounded((bottom - top, right - left_col), ratio)


def _bounded(size: tuple[int, int], ratio: float) -> tuple[int, int]:
    """`size` divided by `ratio`, and further where it would pass 64 million pixels."""
    ratio = max(ratio, float(np.sqrt(size[0] * size[1] / 2**26)))
    return max(1, round(size[0] / ratio)), max(1, round(size[1] / ratio))
