"""Scenes and tiles as an OGC API Features 1.0, for QGIS and other programs."""

from __future__ import annotations

import datetime as clock
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from geoglot.geo import vectors
from geoglot.serve import features
from geoglot.serve.errors import Missing, Unusable
from geoglot.serve.routes._common import GEOJSON, Served, answer
from geoglot.serve.routes.scenes import Name
from geoglot.serve.routes.stac import Text, base, degrees, link, span
from geoglot.serve.service import Service
from geoglot.serve.shapes import box_of

router = APIRouter(prefix="/ogc", tags=["OGC API Features"])
CONFORMS = [
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
_CRS = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_ABOUT = {"scenes": "Outlines of the scenes.", "tiles": "Outlines of the tiles that searches give."}
_PARAMETERS = {"limit", "offset", "bbox", "datetime", "key", "f"}  # f: QGIS and others ask for their format by it
_OAS = "application/vnd.oai.openapi+json;version=3.1"


@router.get("", summary="Landing page")
def landing(service: Served, request: Request) -> JSONResponse:
    """What there is."""
    root = base(request)
    links = [
        link("self", f"{root}/ogc", title="This page"),
        link("service-desc", f"{root}/openapi.json", _OAS, title="The API"),
        link("service-doc", f"{root}/docs", "text/html", title="Its documentation"),
        link("conformance", f"{root}/ogc/conformance", title="Classes of conformance"),
        link("data", f"{root}/ogc/collections", title="Collections"),
    ]
    return answer({"title": service.settings.title, "description": "Scenes and tiles of an archive.", "links": links})


@router.get("/conformance", summary="What it conforms to")
def conformance() -> JSONResponse:
    """Classes of conformance."""
    return answer({"conformsTo": CONFORMS})


@router.get("/collections", summary="Collections")
def collections(service: Served, request: Request) -> JSONResponse:
    """Scenes and tiles."""
    root = base(request)
    made = [_collection(service, root, name) for name in _ABOUT]
    return answer({"links": [link("self", f"{root}/ogc/collections")], "collections": made})


@router.get("/collections/{collection}", summary="One collection")
def collection(service: Served, request: Request, collection: str) -> JSONResponse:
    """Its extent."""
    return answer(_collection(service, base(request), _known(collection)))


def _known(collection: str) -> str:
    if collection not in _ABOUT:
        raise Missing(f"There is no collection {collection[:40]!r}.", f"There are: {', '.join(_ABOUT)}.")
    return collection


def _collection(service: Service, root: str, name: str) -> dict[str, Any]:
    facts, own = service.facts(), f"{root}/ogc/collections/{name}"
    return {
        "id": name,
        "title": f"{service.settings.title}: {name}",
        "description": _ABOUT[name],
        "itemType": "feature",
        "crs": [_CRS],
        "extent": {
            "spatial": {"bbox": [degrees(facts["bbox"] or [-180.0, -90.0, 180.0, 90.0])], "crs": _CRS},
            "temporal": {"interval": [facts["time"] or [None, None]]},
        },
        "links": [link("self", own), link("items", f"{own}/items", GEOJSON)],
    }


@router.get("/collections/{collection}/items", summary="Features")
def items(
    service: Served,
    request: Request,
    collection: str,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    bbox: Text = None,
    datetime: Text = None,
) -> JSONResponse:
    """A page of them."""
    unknown = sorted(set(request.query_params) - _PARAMETERS)
    if unknown:  # 400, as /req/core/query-param-unknown wants
        raise Unusable(f"There is no parameter {unknown[0][:40]!r}.", f"There are: {', '.join(sorted(_PARAMETERS))}.")
    root, name, box, time = base(request), _known(collection), box_of(bbox), span(datetime)
    if name == "scenes":
        found = features.chosen(service.library, box, time, None)
        total, page = len(found), [features.scene(entry) for entry in found[offset : offset + limit]]
    else:
        hits, total = service.library.tiles(limit, offset, bbox=box, time=time)
        page = features.hits(hits, service.library)["features"]
    own = f"{root}/ogc/collections/{name}/items"
    links = [link("self", own, GEOJSON), link("collection", f"{root}/ogc/collections/{name}")]
    if offset + limit < total:
        query = dict(request.query_params) | {"offset": offset + limit, "limit": limit}  # the key as well, where it came this way
        links.append(link("next", f"{own}?{urlencode(query)}", GEOJSON))
    made = {"type": "FeatureCollection", "features": page, "links": links, "numberMatched": total, "numberReturned": len(page)}
    return answer(made | {"timeStamp": _now()}, GEOJSON)


@router.get("/collections/{collection}/items/{id}", summary="One feature")
def one(service: Served, request: Request, collection: str, id: Name) -> JSONResponse:
    """A scene or a tile."""
    name = _known(collection)
    if name == "scenes":
        made = features.scene(service.library.entry(id))
    else:
        made = features.hits([service.library.tile(id)], service.library)["features"][0]
    root = base(request)
    links = [
        link("self", f"{root}/ogc/collections/{name}/items/{id}", GEOJSON),
        link("collection", f"{root}/ogc/collections/{name}"),
    ]
    return answer(made | {"links": [*made.get("links", []), *links]}, GEOJSON)


def _now() -> str:
    return str(vectors.plain(clock.datetime.now(clock.UTC)))
