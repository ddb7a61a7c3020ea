"""Which pixels were observed: nodata values, internal masks and transparency, decided once a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.windows import Window as RioWindow

from geoglot.geo import files
from geoglot.geo.sensors import Sensor

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Masking:
    """How a file says what is missing: not at all, by values, or by a mask or transparency band.

    `pretended` marks a file whose last band claims to be transparency but holds values: GDAL would leave pixels out of
    averages wherever that band is zero.
    """

    kind: Literal["none", "nodata", "mask"]
    alpha: int | None = None
    pretended: bool = False


def masking(dataset: Any, sensor: Sensor) -> Masking:
    """Decide how a file marks missing pixels; looks at a sample of a band that claims to be transparency."""
    marked = [i for i, kind in zip(dataset.indexes, dataset.colorinterp, strict=True) if kind == ColorInterp.alpha]
    alpha = _alpha(dataset, sensor, marked)
    flags = dataset.mask_flag_enums[0]
    if MaskFlags.alpha in flags and alpha is None:
        # a nodata value that stands beside a pretended transparency still counts
        return Masking("none" if dataset.nodata is None else "nodata", None, bool(marked))
    if MaskFlags.all_valid in flags:
        return Masking("none", alpha)
    return Masking("nodata" if MaskFlags.nodata in flags else "mask", alpha)


def _alpha(dataset: Any, sensor: Sensor, marked: list[int]) -> int | None:
    """Number of the transparency band, or None.

    8-bit files of four bands without a photometric tag mark their fourth band as transparency although it is near
    infrared: a true mask is almost wholly zero or its own greatest value, a spectral band is not.
    """
    if not marked or (dataset.count == 4 and sensor.layout(4) is not None):
        return None
    sample = files.sample(dataset, marked[-1])
    top = sample.max()
    return marked[-1] if top == 0 or np.isin(sample, (0, top)).mean() > 0.9 else None


def observed(
    dataset: Any, how: Masking, indexes: list[int], window: RioWindow, out: tuple[int, int], data: NDArray[Any] | None
) -> Bools:
    """Where (H, W) at least one of the bands was observed; `data` are the file's own values where they were not resampled."""
    if how.kind == "none":
        return np.ones(out, dtype=np.bool_)
    if how.kind == "nodata" and data is not None:
        good = np.zeros(out, dtype=np.bool_)
        for band, index in zip(data, indexes, strict=True):
            good |= _differs(band, dataset.nodatavals[index - 1])
        return good
    # all bands of a file share a mask band or transparency: one of them is enough
    wanted = indexes if how.kind == "nodata" else indexes[:1]
    masks = files.read_masks(dataset, wanted, window, (len(wanted), *out), Resampling.nearest)
    return np.asarray((masks > 0).any(axis=0))


def _differs(band: NDArray[Any], nodata: float | None) -> Bools:
    if nodata is None:
        return np.ones(band.shape, dtype=np.bool_)
    if np.isnan(nodata):
        return np.asarray(~np.isnan(band))
    if np.issubdtype(band.dtype, np.integer):
        limits = np.iinfo(band.dtype)
        if not limits.min <= nodata <= limits.max or nodata != int(nodata):
            return np.ones(band.shape, dtype=np.bool_)
    # compare in the file's own type: a nodata value is written with more digits than float32 holds
    return np.asarray(band != np.asarray(nodata).astype(band.dtype))
