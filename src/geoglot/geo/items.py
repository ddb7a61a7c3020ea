"""From a STAC item to a scene: which assets hold the bands, what they record, and when."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError, RasterError
from geoglot.geo import identify
from geoglot.geo.files import fingerprint, is_remote
from geoglot.geo.footprint import box_of, split
from geoglot.geo.scene import Layer, Scene
from geoglot.geo.sensors import UNKNOWN, Band, Sensor, match_word
from geoglot.geo.sensors import band as band_named
from geoglot.geo.sensors import sensor as sensor_named

if TYPE_CHECKING:
    import pystac

_RASTER = re.compile(r"image/(tiff|jp2|png|jpeg|webp|vnd\.stac\.geotiff)|geotiff", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(tiff?|jp2|vrt|img|nc|png|jpe?g|webp)$", re.IGNORECASE)
_ASIDE = {
    "thumbnail",
    "overview",
    "metadata",
    "cloud",
    "cloud-shadow",
    "snow-ice",
    "water-mask",
    "data-mask",
    "saturation",
    "index",
}
_POLARISATIONS = ("vv", "vh", "hh", "hv")


@dataclass(frozen=True)
class Found:
    """A band that an asset holds: the asset's key, its address, the band's number in it, the size of its pixels."""

    key: str
    href: str
    index: int
    band: Band
    gsd: float | None
    cloud_optimised: bool


@dataclass(frozen=True)
class ItemEntry:
    """A scene that a catalogue names. Nothing but the catalogue has been read."""

    item: pystac.Item = field(repr=False)

    @property
    def id(self) -> str:
        """Collection and item, as in `sentinel-2-l2a/S2B_31UFT_20200831`."""
        return f"{self.item.collection_id}/{self.item.id}" if self.item.collection_id else self.item.id

    @property
    def time(self) -> datetime | None:
        """When the scene was taken, or began to be."""
        when = self.item.datetime or self.item.common_metadata.start_datetime
        return None if when is None else identify.utc(when)

    @cached_property
    def geometry(self) -> BaseGeometry | None:
        """The outline that the catalogue gives, in longitude and latitude."""
        try:
            if self.item.geometry is not None:
                return split(shape(self.item.geometry))
            return None if self.item.bbox is None else box_of(*_flat(self.item.bbox))
        except (ValueError, TypeError, KeyError, AttributeError, InputError):
            return None

    @cached_property
    def updated(self) -> str:
        """What changes with the item: its `updated`, else all that it says of its assets."""
        properties = self.item.properties
        told = properties.get("updated")
        if told is None:
            assets = {key: _bare(asset.href) for key, asset in sorted(self.item.assets.items())}
            told = json.dumps([assets, properties], sort_keys=True, default=str)
        return f"{self.id} {told}"

    def fingerprint(self) -> str:
        """The fingerprint of the scene, from the catalogue alone where its files are remote."""
        hrefs = dict.fromkeys(found.href for found in self._wanted(None, None)[1])
        return fingerprint(tuple(href for href in hrefs if not is_remote(href)), self.updated)

    def open(self, sensor: str | None = None, bands: Sequence[str] | None = None, time: datetime | str | None = None) -> Scene:
        """Open the scene; `bands` choose among the item's, by asset, name or common name.

        Raises `RasterError` for an item without raster assets, and what `Scene.open` raises.
        """
        kind, found = self._wanted(sensor, bands)
        when = identify.parse_time(time) if isinstance(time, str) else time or self.time
        if len(found) == 1 and found[0].index == 0:  # the catalogue does not tell the bands: the file does
            with Scene.open(found[0].href, kind.id if kind is not UNKNOWN else None, bands, when) as scene:
                return Scene(self.id, scene.layers, scene.sensor, scene.bands, scene.time, self.updated)
        layers = [Layer(entry.href, max(entry.index, 1)) for entry in found]
        return Scene(self.id, layers, kind, [entry.band for entry in found], when, self.updated, _main(found, kind))

    def _wanted(self, sensor: str | None, bands: Sequence[str] | None) -> tuple[Sensor, list[Found]]:
        kind = sensor_named(sensor) if sensor else _sensor(self.item)
        found = _bands(self.item, kind)
        if not found:
            raise RasterError(f"The item {self.id} has no raster assets ({', '.join(self.item.assets) or 'no assets at all'}).")
        if bands is not None and not (len(found) == 1 and found[0].index == 0):
            found = [_pick(found, name, self.id) for name in bands]
        return kind, found


def _flat(bbox: Sequence[float]) -> list[float]:
    return [*bbox[:2], *bbox[3:5]] if len(bbox) == 6 else list(bbox)


def _bare(href: str) -> str:
    """An address without its query: signatures change with every visit."""
    return href.split("?")[0] if "://" in href else href


def _sensor(item: pystac.Item) -> Sensor:
    told = [item.properties.get(key) for key in ("platform", "constellation", "mission")]
    words = [*told, *(item.properties.get("instruments") or []), item.collection_id, item.id]
    for word in words:
        if isinstance(word, str) and (found := match_word(word.replace(" ", "-")) or identify.sensor_in(word)):
            return found
    return UNKNOWN


def _bands(item: pystac.Item, kind: Sensor) -> list[Found]:
    """The bands of an item: those with a colour, a wavelength or a polarisation; else its picture; else any raster data."""
    rasters = {key: asset for key, asset in item.assets.items() if _is_raster(asset)}
    data = {key: asset for key, asset in rasters.items() if not _ASIDE & set(asset.roles or ())}
    pictures = {key: asset for key, asset in data.items() if "visual" in (asset.roles or ()) or key in ("visual", "tci", "TCI")}
    spectral = [found for key, asset in data.items() if key not in pictures for found in _of_asset(item, key, asset, kind)]
    told = [entry for entry in spectral if entry.band.common or entry.band.wavelength or entry.band.name.lower() in kind.known]
    if told:
        return _best(told)
    if pictures:
        key, asset = next(iter(pictures.items()))
        return _of_asset(item, key, asset, UNKNOWN) or [_untold(key, asset)]
    if len(data) == 1:
        ((key, asset),) = data.items()
        named = [entry for entry in spectral if entry.index > 0]
        return named or [_untold(key, asset)]
    return [found for key, asset in data.items() for found in _of_asset(item, key, asset, kind) or [_untold(key, asset, 1)]]


def _is_raster(asset: pystac.Asset) -> bool:
    if asset.media_type:
        return bool(_RASTER.search(asset.media_type))
    return bool(_SUFFIX.search(urlsplit(asset.href).path))


def _of_asset(item: pystac.Item, key: str, asset: pystac.Asset, kind: Sensor) -> list[Found]:
    """The bands that the catalogue tells of an asset, by STAC 1.1 (`bands`) or 1.0 (`eo:bands`, `raster:bands`)."""
    fields = asset.extra_fields
    common = {entry.get("name"): entry for entry in item.properties.get("bands") or item.properties.get("eo:bands") or []}
    told: list[Mapping[str, Any]] = fields.get("bands") or fields.get("eo:bands") or []
    scaled: list[Mapping[str, Any]] = fields.get("raster:bands") or []
    if not told:
        name = key.lower()
        if not (name in kind.known or name in _POLARISATIONS or band_named(key, kind).common):
            return []
        told = [{"name": key}]
    made = []
    for index, entry in enumerate(told, 1):
        entry = {**common.get(entry.get("name"), {}), **entry}
        more = scaled[index - 1] if index <= len(scaled) else {}
        known = band_named(str(entry.get("eo:common_name") or entry.get("common_name") or entry.get("name") or key), kind)
        named = band_named(str(entry.get("name") or key), kind)
        known = named if named.common or named.name.lower() in kind.known else known
        scale = _number(entry.get("raster:scale"), more.get("scale"), fields.get("raster:scale"))
        offset = _number(entry.get("raster:offset"), more.get("offset"), fields.get("raster:offset"))
        if item.properties.get("earthsearch:boa_offset_applied"):
            offset = 0.0 if offset is not None else None  # the values have it already
        band = Band(
            str(entry.get("name") or key),
            entry.get("eo:common_name") or entry.get("common_name") or known.common,
            _number(entry.get("eo:center_wavelength"), entry.get("center_wavelength"), known.wavelength),
            known.scale if scale is None else scale,
            (known.offset if scale is None else 0.0) if offset is None else offset,
        )
        gsd = _number(entry.get("gsd"), more.get("spatial_resolution"), fields.get("gsd"), entry.get("raster:spatial_resolution"))
        made.append(Found(key, _href(asset), index, band, gsd, "cloud-optimized" in (asset.media_type or "")))
    return made


def _untold(key: str, asset: pystac.Asset, index: int = 0) -> Found:
    return Found(key, _href(asset), index, Band(key), None, False)


def _href(asset: pystac.Asset) -> str:
    href = asset.get_absolute_href() or asset.href
    return urlsplit(href).path if href.startswith("file://") else href


def _number(*values: Any) -> float | None:
    return next((float(value) for value in values if isinstance(value, int | float)), None)


def _best(found: list[Found]) -> list[Found]:
    """One of several copies of each band: the cloud-optimised one, else the first."""
    chosen: dict[str, Found] = {}
    for entry in found:
        name = entry.band.name.lower()
        if name not in chosen or (entry.cloud_optimised and not chosen[name].cloud_optimised):
            chosen[name] = entry
    return list(chosen.values())


def _pick(found: list[Found], name: str, item: str) -> Found:
    key = name.strip().lower()
    for entry in found:
        if key in (entry.key.lower(), entry.band.name.lower(), entry.band.common):
            return entry
    raise InputError(f"The item {item} has no band {name!r}; it has {', '.join(entry.band.name for entry in found)}.")


def _main(found: list[Found], kind: Sensor) -> str:
    """The file whose pixels the others are brought to: the finest of those that are shown."""
    common = {entry.band.common: entry for entry in reversed(found) if entry.band.common}
    shown = next(([common[name] for name in names] for names in kind.composites if all(n in common for n in names)), found)
    return min(shown, key=lambda entry: entry.gsd if entry.gsd is not None else float("inf")).href
