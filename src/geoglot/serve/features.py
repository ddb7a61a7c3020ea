"""Scenes, tiles and hits as GeoJSON features, the way every answer of the service tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from geoglot.archive import Hit
from geoglot.geo import vectors
from geoglot.serve.library import Entry, Library


def hit_row(hit: Hit, entry: Entry | None) -> dict[str, Any]:
    """The values of a hit for strangers, in the order of the project's tables."""
    row: dict[str, Any] = {
        "rank": hit.rank,
        "score": round(hit.score, 6) if hit.score == hit.score else None,
        "scene": None if entry is None else entry.id,
        "time": hit.time,
        "gsd": hit.gsd,
        "sensor": hit.sensor,
        "name": None if entry is None else entry.name,
        "id": hit.id,
        "window": list(hit.window),
        "valid": round(hit.valid, 4),
        "cloud": hit.cloud,
        "uploaded": entry is not None and entry.uploaded,
        "thumbnail": f"/api/tiles/{hit.id}/thumbnail.png",
    }
    return row


def hits(found: Iterable[Hit], library: Library, **more: Any) -> dict[str, Any]:
    """Hits as a feature collection."""
    features, known = [], library.by_scene()
    for hit in found:
        row = vectors.plain(hit_row(hit, known.get(hit.scene)))
        features.append({"type": "Feature", "id": hit.id, "geometry": vectors.geometry(hit.geometry), "properties": row})
    return {"type": "FeatureCollection", "features": features, **more}


def rows(found: Iterable[Hit], library: Library) -> list[dict[str, Any]]:
    """Hits as rows of a table."""
    known = library.by_scene()
    return [hit_row(hit, known.get(hit.scene)) | {"geometry": hit.geometry} for hit in found]


def scene(entry: Entry) -> dict[str, Any]:
    """A scene as a feature."""
    row = entry.row
    properties = {
        "name": entry.name,
        "href": entry.name,
        "time": row["time"],
        "gsd": row["gsd"],
        "sensor": row["sensor"],
        "bands": row["bands"],
        "crs": row["crs"],
        "height": row["height"],
        "width": row["width"],
        "tiles": row["tiles"],
        "bounds": entry.box,
        "uploaded": entry.uploaded,
        "assumptions": row["assumptions"],
    }
    return {
        "type": "Feature",
        "id": entry.id,
        "geometry": vectors.geometry(row["geometry"]),
        "properties": vectors.plain(properties),
        **({} if entry.box is None else {"bbox": [round(value, 7) for value in entry.box]}),
        "links": [
            {"rel": "self", "type": "application/geo+json", "href": f"/api/scenes/{entry.id}"},
            {"rel": "preview", "type": "image/png", "href": f"/api/scenes/{entry.id}/preview.png"},
            {"rel": "tilejson", "type": "application/json", "href": f"/api/scenes/{entry.id}/tilejson.json"},
        ],
    }


def chosen(library: Library, box: list[float] | None, time: str | None, sensor: str | None) -> list[Entry]:
    """Scenes whose outline meets a box, taken in a span of time, by a sensor; newest first, those without a time last."""
    from geoglot.archive import filters

    kept = filters.make(bbox=box)
    first, last = (None, None) if time is None else filters.interval(time)
    found = []
    for entry in library.entries().values():
        when = entry.time
        if sensor is not None and entry.row["sensor"] != sensor:
            continue
        if time is not None and (when is None or (first and when < first) or (last and when >= last)):
            continue
        shape = entry.row["geometry"]
        if kept.area is not None and (shape is None or not kept.area.intersects(shape)):
            continue
        found.append(entry)
    return sorted(found, key=lambda entry: (entry.time is None, -(entry.time.timestamp() if entry.time else 0), entry.name))
