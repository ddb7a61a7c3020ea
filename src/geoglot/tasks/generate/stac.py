"""The STAC item of a drawn scene, which says that it is synthetic wherever the scene is listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geoglot.geo import vectors
from geoglot.geo.grid import Grid
from geoglot.geo.synthetic import PROCESSING, Mark
from geoglot.geo.write import write_text

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
VERSION = "1.0.0"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def item(path: Path, mark: Mark, shape: tuple[int, int], grid: Grid | None, time: datetime | None) -> dict[str, Any]:
    """The item of a GeoTIFF, as JSON has it. Without a date that was asked for, its time is that of its making."""
    created = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else datetime.now(UTC)
    properties: dict[str, Any] = {"datetime": _told(time or created), "created": _told(created)} | mark.properties()
    properties |= {"processing:datetime": _told(created), "proj:shape": list(shape)}
    made: dict[str, Any] = {
        "type": "Feature",
        "stac_version": VERSION,
        "stac_extensions": [PROCESSING, PROJECTION],
        "id": path.stem,
        "geometry": None,
        "properties": properties,
        "links": [],
        "assets": {"image": {"href": f"./{path.name}", "type": COG, "title": mark.told, "roles": ["data", "synthetic"]}},
    }
    if grid is None:
        return made
    outline = grid.footprint(4)
    code = grid.crs.to_epsg()
    properties |= {"gsd": round(grid.gsd, 6), "proj:transform": list(grid.transform)[:6]}
    properties |= {"proj:code": f"EPSG:{code}"} if code else {"proj:wkt2": grid.crs.to_wkt()}
    return made | {"geometry": vectors.geometry(outline), "bbox": [round(value, 7) for value in outline.bounds]}


def beside(path: Path) -> Path:
    """Where the item of a GeoTIFF is."""
    return path.with_name(f"{path.stem}.stac.json")


def write(path: Path, made: dict[str, Any]) -> Path:
    """Write an item beside its GeoTIFF."""
    target = beside(path)
    write_text(target, json.dumps(made, ensure_ascii=False, indent=2) + "\n")
    return target


def _told(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
