"""The archive as a STAC API 1.0: core, collections, features and item search."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from geoglot.geo import vectors
from geoglot.serve import features
from geoglot.serve.errors import Missing, Unusable
from geoglot.serve.library import Entry
from geoglot.serve.routes._common import GEOJSON, Served, answer
from geoglot.serve.routes.scenes import Name
from geoglot.serve.safety import check_depth
from geoglot.serve.service import Service
from geoglot.serve.shapes import Geometry, box_of, place_of

router = APIRouter(prefix="/stac", tags=["STAC API"])
VERSION = "1.0.0"
COLLECTION = "scenes"
CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
# A scene without a time could be of any: STAC wants a span then.
_UNKNOWN = ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
Limit = Annotated[int, Query(ge=1, le=10_000)]
Token = Annotated[int, Query(ge=0, le=10**9, description="Where the page begins, as links with rel=next say.")]
Text = Annotated[str | None, Query(max_length=4000)]


class ItemSearch(BaseModel):
    """The body of a search; members of extensions are passed over, as the specification wants."""

    model_config = ConfigDict(extra="ignore")

    bbox: Annotated[list[float], Field(max_length=6)] | None = None
    intersects: Geometry | None = None
    datetime: Annotated[str, Field(max_length=80)] | None = None
    ids: Annotated[list[str], Field(max_length=1000)] | None = None
    collections: Annotated[list[str], Field(max_length=1000)] | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 10
    token: Annotated[int, Field(ge=0, le=10**9)] = 0


def base(request: Request) -> str:
    """The address that this service is asked under."""
    return str(request.base_url).rstrip("/")


def link(rel: str, href: str, media: str = "application/json", **more: Any) -> dict[str, Any]:
    """A link."""
    return {"rel": rel, "href": href, "type": media, **more}


def span(value: str | None) -> str | None:
    """RFC 3339 intervals as the filters read them."""
    if value is None or value in ("..", "../..", "/"):
        return None
    return value.upper().replace(" ", "+") if "T" in value.upper() else value


@router.get("", summary="Landing page")
def landing(service: Served, request: Request) -> JSONResponse:
    """A STAC catalogue."""
    root = base(request)
    links = [
        link("self", f"{root}/stac"),
        link("root", f"{root}/stac"),
        link("conformance", f"{root}/stac/conformance"),
        link("data", f"{root}/stac/collections"),
        link("child", f"{root}/stac/collections/{COLLECTION}"),
        link("search", f"{root}/stac/search", GEOJSON, method="GET"),
        link("search", f"{root}/stac/search", GEOJSON, method="POST"),
        link("service-desc", f"{root}/openapi.json", "application/vnd.oai.openapi+json;version=3.1"),
        link("service-doc", f"{root}/docs", "text/html"),
    ]
    title = service.settings.title
    made = {"type": "Catalog", "stac_version": VERSION, "id": title, "title": title}
    return answer({**made, "description": f"Scenes of the archive {title}.", "conformsTo": CONFORMS, "links": links})


@router.get("/conformance", summary="What it conforms to")
def conformance() -> JSONResponse:
    """Classes of conformance."""
    return answer({"conformsTo": CONFORMS})


@router.get("/collections", summary="Collections")
def collections(service: Served, request: Request) -> JSONResponse:
    """There is one: the scenes."""
    root = base(request)
    links = [link("self", f"{root}/stac/collections"), link("root", f"{root}/stac"), link("parent", f"{root}/stac")]
    return answer({"collections": [_collection(service, root)], "links": links})


@router.get("/collections/{collection}", summary="One collection")
def collection(service: Served, request: Request, collection: str) -> JSONResponse:
    """Its extent and how to get its items."""
    _check(collection)
    return answer(_collection(service, base(request)))


def _check(collection: str) -> None:
    if collection != COLLECTION:
        raise Missing(f"There is no collection {collection[:40]!r}.", f"The one that there is: {COLLECTION}.")


def _collection(service: Service, root: str) -> dict[str, Any]:
    facts, own = service.facts(), f"{root}/stac/collections/{COLLECTION}"
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "id": COLLECTION,
        "title": service.settings.title,
        "description": f"The {facts['scenes']:,} scenes of the archive {service.settings.title}.",
        "license": "proprietary",  # what STAC 1.0 says where the licence is none of SPDX's: scenes may have any
        "extent": {
            "spatial": {"bbox": [degrees(facts["bbox"] or [-180.0, -90.0, 180.0, 90.0])]},
            "temporal": {"interval": [facts["time"] or [None, None]]},
        },
        "summaries": {"sensor": facts["sensors"]} if facts["sensors"] else {},
        "links": [
            link("self", own),
            link("root", f"{root}/stac"),
            link("parent", f"{root}/stac"),
            link("items", f"{own}/items", GEOJSON),
        ],
    }


def degrees(box: list[float] | tuple[float, ...]) -> list[float]:
    """A box with longitudes within 180 degrees."""
    west, south, east, north = (round(float(value), 7) for value in box)
    if east - west >= 360:
        return [-180.0, south, 180.0, north]
    return [west, south, east - 360 if east > 180 else east, north]


def item(entry: Entry, root: str) -> dict[str, Any]:
    """A scene as a STAC item; its pixels are to be had as pictures and map tiles."""
    row, own = entry.row, f"{root}/stac/collections/{COLLECTION}"
    properties: dict[str, Any] = {"title": entry.name, "datetime": entry.time}
    if entry.time is None:
        properties |= {"start_datetime": _UNKNOWN[0], "end_datetime": _UNKNOWN[1]}
    if row["gsd"]:
        properties["gsd"] = row["gsd"]
    properties |= {"sensor": row["sensor"], "bands": row["bands"], "geoglot:tiles": row["tiles"], "geoglot:crs": row["crs"]}
    picture = f"{root}/api/scenes/{entry.id}"
    assets = {"thumbnail": {"href": f"{picture}/preview.png?size=256", "type": "image/png", "roles": ["thumbnail"]}}
    assets["preview"] = {"href": f"{picture}/preview.png?size=1024", "type": "image/png", "roles": ["overview"]}
    if entry.box is not None:
        assets["tiles"] = {"href": f"{picture}/tilejson.json", "type": "application/json", "roles": ["tiles"]}
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "id": entry.id,
        "collection": COLLECTION,
        "geometry": vectors.geometry(row["geometry"]),
        **({} if entry.box is None else {"bbox": degrees(entry.box)}),
        "properties": vectors.plain(properties),
        "assets": assets,
        "links": [
            link("self", f"{own}/items/{entry.id}", GEOJSON),
            link("collection", own),
            link("parent", own),
            link("root", f"{root}/stac"),
        ],
    }


@router.get("/collections/{collection}/items", summary="Items of a collection")
def items(
    service: Served,
    request: Request,
    collection: str,
    limit: Limit = 10,
    bbox: Text = None,
    datetime: Text = None,
    token: Token = 0,
) -> JSONResponse:
    """A page of scenes, newest first."""
    _check(collection)
    asked = ItemSearch(bbox=box_of(bbox), datetime=datetime, limit=limit, token=token)
    return _page(service, request, asked, f"/stac/collections/{COLLECTION}/items")


@router.get("/collections/{collection}/items/{id}", summary="One item")
def one(service: Served, request: Request, collection: str, id: Name) -> JSONResponse:
    """A scene."""
    _check(collection)
    return answer(item(service.library.entry(id), base(request)), GEOJSON)


@router.get("/search", summary="Search items")
def search(
    service: Served,
    request: Request,
    bbox: Text = None,
    datetime: Text = None,
    ids: Text = None,
    collections: Text = None,
    intersects: Text = None,
    limit: Limit = 10,
    token: Token = 0,
) -> JSONResponse:
    """By place, time and names; lists with commas between."""
    asked = ItemSearch(
        bbox=box_of(bbox), datetime=datetime, ids=_list(ids), collections=_list(collections), limit=limit, token=token,
        intersects=None if intersects is None else _geometry(intersects),
    )  # fmt: skip
    return _page(service, request, asked, "/stac/search")


def _geometry(text: str) -> dict[str, Any]:
    check_depth(text.encode(), 32)
    try:
        made = json.loads(text)
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise Unusable("intersects is no GeoJSON geometry.", "Write one, or POST it to /stac/search.")
    return made


def _list(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")


@router.post("/search", summary="Search items")
def search_post(service: Served, request: Request, asked: ItemSearch) -> JSONResponse:
    """The same with a body."""
    return _page(service, request, asked, "/stac/search")


def _page(service: Service, request: Request, asked: ItemSearch, path: str) -> JSONResponse:
    if asked.bbox is not None and asked.intersects is not None:
        raise Unusable("A search has either bbox or intersects.", "Leave one of them out.")
    box = None if asked.bbox is None else box_of(",".join(map(str, asked.bbox)))
    found = features.chosen(service.library, box, span(asked.datetime), None)
    if asked.intersects is not None:
        area = place_of(asked.intersects, service.settings.limits.vertices)
        found = [entry for entry in found if entry.row["geometry"] is not None and area.intersects(entry.row["geometry"])]
    if asked.ids is not None:
        found = [entry for entry in found if entry.id in set(asked.ids)]
    if asked.collections is not None and COLLECTION not in asked.collections:
        found = []
    root, end = base(request), asked.token + asked.limit
    page = [item(entry, root) for entry in found[asked.token : end]]
    links = [link("root", f"{root}/stac"), link("self", f"{root}{path}", GEOJSON)]
    if end < len(found):
        links.append(_next(request, asked, f"{root}{path}", end))
    counts = {"numberMatched": len(found), "numberReturned": len(page)}
    return answer({"type": "FeatureCollection", "features": page, "links": links, **counts}, GEOJSON)


def _next(request: Request, asked: ItemSearch, path: str, end: int) -> dict[str, Any]:
    if request.method == "POST":
        return link("next", path, GEOJSON, method="POST", merge=True, body={"token": end})
    query = dict(request.query_params) | {
        "token": end
    }  # the key as well, where it came this way: programs follow links as they are
    return link("next", f"{path}?{urlencode(query)}", GEOJSON, method="GET")
