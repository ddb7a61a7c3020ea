"""What is done where nothing else is asked: one way a sensor, chosen by reasoning and on synthetic change (docs/change.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geoglot.tasks.change.level import Level
from geoglot.tasks.change.methods import ir_mad, log_ratio, pca_kmeans


@dataclass(frozen=True)
class Preset:
    """A method with its numbers; how values are levelled before; where change begins ("own" is the method's, or Otsu's)."""

    method: str
    options: Any = None
    level: Level = "invariant"
    threshold: str | float = "own"


PLAIN = Preset("difference", level="none", threshold="otsu")
_RADAR = Preset("pca_kmeans", pca_kmeans.Options(side=7, top=1.0, ratio=log_ratio.Options("mean", 2)))
# at 30 m and more a neighbourhood is wider than what changes
_COARSE = Preset("ir_mad", ir_mad.Options(smooth=1))
_FINE = Preset("pca_kmeans", pca_kmeans.Options(side=5, of="ir-mad"))
# at a few metres parallax and shadows lie between the dates
_SHARP = Preset("pca_kmeans", pca_kmeans.Options(side=7, of="ir-mad", variates=ir_mad.Options(smooth=1)))
PRESETS = {
    "sentinel-1": _RADAR,
    "sar": _RADAR,
    "sentinel-2": _FINE,
    "hls-s30": _COARSE,
    "hls": _COARSE,
    "landsat": _COARSE,
    "landsat-7": _COARSE,
    "landsat-8": _COARSE,
    "modis": _COARSE,
    "naip": _SHARP,
    "worldview": _SHARP,
    "rgb": _SHARP,
    "unknown": _FINE,
}
SINGLE = Preset("pca_kmeans", pca_kmeans.Options())  # a single band has no variates
CROSSED = Preset("structure", level="none")
LEVELS: dict[str, Level] = {"difference": "none"}  # of methods that are asked for by name; others level on what did not change


def preset(sensor: str, crossed: bool, bands: int) -> Preset:
    """What is done for a sensor; for radar against optical; and for a single optical band, in which there are no variates."""
    if crossed:
        return CROSSED
    found = PRESETS.get(sensor, _FINE)
    return SINGLE if bands < 2 and found is not _RADAR else found
