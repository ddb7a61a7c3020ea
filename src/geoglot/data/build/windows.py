"""Windows of large pictures, with their boxes and their shares of cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from geoglot.data.sample import Point, Sample, Thing

KEEP = 0.6  # an object counts as seen when this share of its box lies in the window


def squares(height: int, width: int, sides: Iterable[int]) -> Iterator[tuple[int, int, int, int]]:
    """Cover a picture with square windows (row, column, side, side) of each side, spread evenly, edges included."""
    for side in sides:
        side = min(side, height, width)
        rows = np.linspace(0, height - side, max(1, round(height / side)) if height > side else 1)
        cols = np.linspace(0, width - side, max(1, round(width / side)) if width > side else 1)
        for row in rows:
            for col in cols:
                yield int(row), int(col), side, side


def wholes(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Give each picture once, without the windows that were cut out of it (whose identifiers have an @).

    Where a source gives windows alone, the whole picture has what they say of all of it, which is masks and not boxes.
    """
    seen: dict[tuple[object, ...], Sample] = {}
    for sample in samples:
        key = tuple(picture.path for picture in sample.pictures)
        if "@" not in sample.id:
            seen[key] = sample
        elif key not in seen and sample.masks and not sample.things:
            pictures = tuple(replace(picture, window=None) for picture in sample.pictures)
            masks = {name: replace(mask, window=None) for name, mask in sample.masks.items()}
            seen[key] = replace(sample, id=sample.id.split("@")[0], pictures=pictures, masks=masks, cover={})
    yield from seen.values()


def cut(sample: Sample, size: tuple[int, int], window: tuple[int, int, int, int]) -> Sample:
    """Cut a window out of a sample of one picture whose size is (height, width); boxes, outlines and masks follow, clipped."""
    row, col, h, _ = window
    picture = sample.pictures[0]
    return replace(
        sample,
        id=f"{sample.id}@{row},{col},{h}",
        pictures=(replace(picture, window=window, grid=picture.grid and picture.grid.window(*window)),),
        things=tuple(kept for thing in sample.things if (kept := inside(thing, size, window)) is not None),
        masks={name: replace(mask, window=window) for name, mask in sample.masks.items()},
        counts={},
    )


def inside(thing: Thing, size: tuple[int, int], window: tuple[int, int, int, int]) -> Thing | None:
    """What a window shows of an object of a picture of ``size`` (height, width), None where too little of its box lies in it."""
    (height, width), (row, col, h, w) = size, window
    x0, x1 = ((v * width - col) / w for v in thing.box[0::2])
    y0, y1 = ((v * height - row) / h for v in thing.box[1::2])
    part = (min(max(x0, 0.0), 1.0), min(max(y0, 0.0), 1.0), min(max(x1, 0.0), 1.0), min(max(y1, 0.0), 1.0))
    area = max(x1 - x0, 1e-9) * max(y1 - y0, 1e-9)
    if (part[2] - part[0]) * (part[3] - part[1]) < KEEP * area:
        return None
    return replace(thing, box=part, outline=_clipped(thing.outline, size, window))


def _clipped(outline: tuple[Point, ...], size: tuple[int, int], window: tuple[int, int, int, int]) -> tuple[Point, ...]:
    """The part of an outline inside a window, in the window's unit square; its greatest piece."""
    if len(outline) < 3:
        return ()
    row, col, h, w = window
    moved = shapely.make_valid(Polygon([((x * size[1] - col) / w, (y * size[0] - row) / h) for x, y in outline]))
    parts = [part for part in shapely.get_parts(moved.intersection(shapely.box(0, 0, 1, 1))) if isinstance(part, Polygon)]
    if not parts:
        return ()
    return tuple((float(x), float(y)) for x, y in max(parts, key=lambda part: part.area).exterior.coords[:-1])


def shares(mask: NDArray[np.integer], names: Mapping[int, str]) -> dict[str, float]:
    """Give the share of the labelled area that each named value of a mask covers, largest first."""
    known = {name: int(np.count_nonzero(mask == value)) for value, name in names.items()}
    total = sum(known.values())
    if total == 0:
        return {}
    return {name: count / total for name, count in sorted(known.items(), key=lambda kv: -kv[1]) if count}
