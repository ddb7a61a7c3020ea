"""STAC as a source of scenes: items, static catalogues and collections, and search services, one item at a time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pystac
import requests
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import GeoglotError, InputError, NetworkError, NotFoundError, RasterError
from geoglot.geo import identify
from geoglot.geo.files import is_remote
from geoglot.geo.footprint import box_of
from geoglot.geo.items import ItemEntry
from geoglot.geo.sources import Broken

TIMEOUT = (10, 30)  # seconds to connect, and to wait for an answer
PAGE = 100  # items that a search service is asked for at once
_UNREADABLE = (pystac.STACError, pystac.STACTypeError, KeyError, ValueError, TypeError, AttributeError)


def entries(
    place: str | Path,
    collections: Sequence[str] = (),
    bbox: tuple[float, float, float, float] | None = None,
    between: str | None = None,
) -> Iterator[ItemEntry | Broken]:
    """The items of an item, catalogue, collection, item collection or search service at a path or address, one by one.

    `bbox` (west, south, east, north) and `between` (`2019-01-01/2020-12-31`) choose among them. An item that cannot be
    understood comes as its address and the error. Raises `NetworkError` or `NotFoundError` where the place itself cannot
    be reached, `InputError` where it is no STAC.
    """
    reader = _Reader(tuple(collections), bbox, between)
    href = str(place) if is_remote(str(place)) else str(_file(Path(place)))
    made = reader.read(href)
    kind = made.get("type")
    links = {link.get("rel"): link.get("href") for link in made.get("links", []) if isinstance(link, dict)}
    if kind == "Feature":
        yield from reader.items([made], href)
    elif kind == "FeatureCollection":
        yield from reader.items(made.get("features", []), href)
    elif kind in ("Catalog", "Collection") and ("search" in links or "conformsTo" in made):
        yield from reader.search(href, ())
    elif kind == "Collection" and "items" in links and "root" in links:
        yield from reader.search(pystac.utils.make_absolute_href(str(links["root"]), href), (made["id"],))
    elif kind in ("Catalog", "Collection"):
        yield from reader.walk(made, href, set())
    else:
        raise InputError(f"{href} is not STAC: it has no type that STAC knows (Catalog, Collection, Feature). Check the address.")


def _file(path: Path) -> Path:
    path = path.expanduser().absolute()
    if path.is_dir():
        found = [path / name for name in ("catalog.json", "collection.json") if (path / name).exists()]
        if not found:
            raise NotFoundError(f"The folder {path} holds no catalog.json and no collection.json.")
        return found[0]
    return path


class _Reader:
    """Reads JSON with time limits and chooses items by place and time."""

    def __init__(self, collections: tuple[str, ...], bbox: tuple[float, float, float, float] | None, between: str | None) -> None:
        self.io = StacApiIO(timeout=TIMEOUT, max_retries=2)
        self.collections, self.bbox, self.between = collections, bbox, between
        self.area: BaseGeometry | None = None if bbox is None else box_of(*bbox)
        self.span = (None, None) if between is None else identify.parse_interval(between)

    def read(self, href: str) -> dict[str, Any]:
        """The JSON object at an address."""
        if not is_remote(href) and not Path(href).exists():
            raise NotFoundError(f"There is no file {href}.")
        try:
            made = json.loads(self.io.read_text(href))
        except (APIError, requests.RequestException, OSError) as error:
            raise _unreachable(href, error) from None
        except ValueError as error:
            raise InputError(f"{href} is not STAC: it is not JSON ({error}). Check the address.") from None
        if not isinstance(made, dict):
            raise InputError(f"{href} is not STAC: a JSON object was expected. Check the address.")
        return made

    def items(self, features: Sequence[Any], href: str) -> Iterator[ItemEntry | Broken]:
        """Those of some features that are wanted, as entries."""
        for feature in features:
            try:
                item = pystac.Item.from_dict(feature, href=_self(feature) or href)
                entry = ItemEntry(item)
                wanted = self.wants(entry)
            except _UNREADABLE as error:
                name = feature.get("id") if isinstance(feature, dict) else None
                yield f"{href}#{name}", RasterError(f"An item of {href} cannot be understood: {type(error).__name__} {error}")
                continue
            if wanted:
                yield entry

    def walk(self, made: dict[str, Any], href: str, seen: set[str]) -> Iterator[ItemEntry | Broken]:
        """Items of a static catalogue, depth first; what cannot be read is told, and the rest goes on."""
        seen.add(href)
        if made.get("type") == "Collection" and not self._may_hold(made):
            return
        for link in made.get("links", []):
            if not isinstance(link, dict) or link.get("rel") not in ("item", "child") or not link.get("href"):
                continue
            target = pystac.utils.make_absolute_href(link["href"], href)
            if target in seen:
                continue
            seen.add(target)
            try:
                part = self.read(target)
            except GeoglotError as error:
                yield target, error
                continue
            if link["rel"] == "item":
                yield from self.items([part], target)
            else:
                yield from self.walk(part, target, seen)

    def _may_hold(self, collection: dict[str, Any]) -> bool:
        if self.collections and collection.get("id") not in self.collections:
            # a collection of collections is looked through all the same
            return any(link.get("rel") == "child" for link in collection.get("links", []) if isinstance(link, dict))
        try:
            extent = pystac.Extent.from_dict(collection["extent"])
            if self.area is not None and not any(self.area.intersects(box_of(*b[:2], *b[-2:])) for b in _boxes(extent)):
                return False
            return any(self._meets(start, end) for start, end in extent.temporal.intervals)
        except (*_UNREADABLE, InputError):
            return True  # an extent that cannot be understood excludes nothing

    def _meets(self, start: Any, end: Any) -> bool:
        first, last = self.span
        return not (
            (first is not None and end is not None and identify.utc(end) < first)
            or (last is not None and start is not None and identify.utc(start) > last)
        )

    def wants(self, entry: ItemEntry) -> bool:
        """Whether an item lies in the area and the span of time that are asked for."""
        if self.collections and entry.item.collection_id not in self.collections:
            return False
        common = entry.item.common_metadata
        start, end = common.start_datetime or entry.item.datetime, common.end_datetime or entry.item.datetime
        if self.between is not None and ((start is None and end is None) or not self._meets(start, end)):
            return False
        return self.area is None or (entry.geometry is not None and entry.geometry.intersects(self.area))

    def search(self, href: str, collections: Sequence[str]) -> Iterator[ItemEntry | Broken]:
        """Items that a search service finds, page by page."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # services forget to list what they conform to
            try:
                client = Client.open(href, stac_io=self.io)
                client.add_conforms_to("ITEM_SEARCH")
                found = client.search(
                    collections=list(collections or self.collections) or None, bbox=self.bbox, datetime=self.between, limit=PAGE
                )
                pages = found.pages_as_dicts()
            except (APIError, requests.RequestException, OSError) as error:
                raise _unreachable(href, error) from None
            except (*_UNREADABLE, NotImplementedError) as error:
                raise InputError(f"{href} does not answer as a STAC search service: {error}") from None
        while True:
            try:
                page = next(pages, None)
            except (APIError, requests.RequestException, OSError, ValueError) as error:
                raise _unreachable(href, error) from None
            if page is None:
                return
            yield from self.items(page.get("features", []), href)


def _boxes(extent: pystac.Extent) -> list[list[float]]:
    return [[*b[:2], *b[3:5]] if len(b) == 6 else list(b) for b in extent.spatial.bboxes]


def _self(feature: Any) -> str | None:
    links = feature.get("links", []) if isinstance(feature, dict) else []
    return next((link["href"] for link in links if link.get("rel") == "self" and is_remote(str(link.get("href")))), None)


def _unreachable(href: str, error: Exception) -> GeoglotError:
    if getattr(error, "status_code", None) == 404:
        return NotFoundError(f"There is nothing at {href}. Check the address.")
    return NetworkError(
        f"{href} cannot be read: {str(error).strip()[:300] or type(error).__name__}. Check the address and network."
    )
