"""Samples as plain values that JSON holds, and back; pixels stay where they are, or go beside the record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError
from geoglot.data.sample import Mask, Picture, Sample, Thing, Turn
from geoglot.geo.grid import Grid

VERSION = 1


def record(sample: Sample, root: Path | None = None) -> dict[str, Any]:
    """Give a sample as plain values; paths below ``root`` become relative to it. What is empty is left out."""
    found: dict[str, Any] = {"version": VERSION, "id": sample.id, "source": sample.source}
    found["pictures"] = [_without_nothing(_picture(picture, root)) for picture in sample.pictures]
    found["captions"] = list(sample.captions)
    found["label"], found["labels"], found["lacking"] = sample.label, list(sample.labels), list(sample.lacking)
    found["counts"] = dict(sample.counts)
    found["things"] = [
        _without_nothing(
            {
                "name": thing.name,
                "box": list(thing.box),
                "outline": [list(point) for point in thing.outline],
                "attributes": dict(thing.attributes),
            }
        )
        for thing in sample.things
    ]
    found["cover"] = dict(sample.cover)
    found["turns"] = [[turn.question, turn.answer, *([turn.kind] if turn.kind else [])] for turn in sample.turns]
    found["gsd"] = sample.gsd
    found["lonlat"] = None if sample.lonlat is None else list(sample.lonlat)
    found["group"] = sample.group
    found["masks"] = {name: _mask(mask, root) for name, mask in sample.masks.items()}
    return _without_nothing(found)


def dumps(sample: Sample, root: Path | None = None) -> str:
    """Give a sample as one line of JSON."""
    return json.dumps(record(sample, root), ensure_ascii=False, separators=(",", ":"))


def sample_of(values: Mapping[str, Any], root: Path = Path(), data: Mapping[str, bytes] | None = None) -> Sample:
    """Make a sample of plain values; ``data`` holds encoded pictures and masks by path. Raises DataError."""
    try:
        if values["version"] > VERSION:
            raise DataError(f"A record of version {values['version']} is newer than this geoglot ({VERSION}): upgrade geoglot.")
        held = data or {}
        return Sample(
            id=values["id"],
            source=values["source"],
            pictures=tuple(_to_picture(row, root, held) for row in values.get("pictures", ())),
            captions=tuple(values.get("captions", ())),
            label=values.get("label"),
            labels=tuple(values.get("labels", ())),
            lacking=tuple(values.get("lacking", ())),
            counts=dict(values.get("counts", {})),
            things=tuple(_to_thing(row) for row in values.get("things", ())),
            cover=dict(values.get("cover", {})),
            turns=tuple(Turn(*turn) for turn in values.get("turns", ())),
            gsd=values.get("gsd"),
            lonlat=_pair(values.get("lonlat")),
            group=values.get("group"),
            masks={name: _to_mask(row, root, held) for name, row in values.get("masks", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"A record is not one of geoglot ({type(error).__name__}: {error}): write the shards again.") from error


def grid_record(grid: Grid | None) -> dict[str, Any] | None:
    """Give a grid as plain values: the reference system as EPSG code or WKT, the transform, the shape."""
    if grid is None:
        return None
    return {"crs": grid.crs.to_string(), "transform": list(grid.transform)[:6], "shape": list(grid.shape)}


def grid_of(values: Mapping[str, Any] | None) -> Grid | None:
    """Make a grid of plain values."""
    if values is None:
        return None
    from affine import Affine
    from rasterio.crs import CRS

    return Grid(CRS.from_string(values["crs"]), Affine(*values["transform"]), (values["shape"][0], values["shape"][1]))


def _without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, [], {}, ())}


def _path(path: Path, root: Path | None) -> str:
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else path.as_posix()


def _picture(picture: Picture, root: Path | None) -> dict[str, Any]:
    return {
        "path": _path(picture.path, root),
        "window": picture.window and list(picture.window),
        "time": picture.time and picture.time.isoformat(),
        "grid": grid_record(picture.grid),
    }


def _to_picture(row: Mapping[str, Any], root: Path, data: Mapping[str, bytes]) -> Picture:
    time = row.get("time")
    held = data.get(row["path"])
    return Picture(
        root / row["path"],
        _window(row.get("window")),
        None if time is None else datetime.fromisoformat(time),
        held,
        grid_of(row.get("grid")),
    )


def _mask(mask: Mask, root: Path | None) -> dict[str, Any]:
    return _without_nothing(
        {
            "path": _path(mask.path, root),
            "values": [[value, name] for value, name in mask.values.items()],
            "window": mask.window and list(mask.window),
            "threshold": mask.threshold,
            "other": mask.other and _mask(mask.other, root),
        }
    )


def _to_mask(row: Mapping[str, Any], root: Path, data: Mapping[str, bytes]) -> Mask:
    held, other = data.get(row["path"]), row.get("other")
    return Mask(
        root / row["path"],
        {int(value): name for value, name in row["values"]},
        _window(row.get("window")),
        row.get("threshold"),
        None if other is None else _to_mask(other, root, data),
        held,
    )


def _to_thing(row: Mapping[str, Any]) -> Thing:
    x0, y0, x1, y1 = row["box"]
    outline = tuple((x, y) for x, y in row.get("outline", ()))
    return Thing(row["name"], (x0, y0, x1, y1), outline, dict(row.get("attributes", {})))


def _window(row: Sequence[int] | None) -> tuple[int, int, int, int] | None:
    return None if row is None else (row[0], row[1], row[2], row[3])


def _pair(row: Sequence[float] | None) -> tuple[float, float] | None:
    return None if row is None else (row[0], row[1])
