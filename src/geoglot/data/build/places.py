"""Splits by place: neighbours share what they look like, so held-out places lie apart from those that are trained on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.data.sample import Split

EARTH = 6_371_000.0  # metres
SHARES: tuple[tuple[Split, float], ...] = (("test", 0.2), ("val", 0.1))


def by_place(lonlat: Sequence[tuple[float, float]], cell: float, margin: float) -> list[Split | None]:
    """Give each place (longitude, latitude) a split, None where it is left out for lying too near to another split.

    Whole cells of ``cell`` degrees go to test until it has a fifth of the places, then to val until it has a tenth, in an
    order by the hash of the cell, which no random generator and no order of files can change. Then what lies within
    ``margin`` metres of a test place leaves val and train, and what lies so near to a val place leaves train.
    """
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (lon, lat) in enumerate(lonlat):
        cells[int(np.floor(lon / cell)), int(np.floor(lat / cell))].append(index)
    order = sorted(cells, key=lambda key: hashlib.sha256(f"{key[0]},{key[1]}".encode()).hexdigest())
    found: list[Split | None] = ["train"] * len(lonlat)
    queue = iter(order)
    for held, share in SHARES:
        count = 0
        while count < share * len(lonlat) and (key := next(queue, None)) is not None:
            count += len(cells[key])
            for index in cells[key]:
                found[index] = held
    points = np.radians(np.array(lonlat, dtype=np.float64).reshape(-1, 2))
    for near, loose in (("test", ("val", "train")), ("val", ("train",))):
        kept = points[[index for index, own in enumerate(found) if own == near]]
        for index, own in enumerate(found):
            if own in loose and len(kept) and float(distances(points[index], kept).min()) < margin:
                found[index] = None
    return found


def distances(point: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distances (N,) in metres of a place to others (N, 2), longitude and latitude in radians."""
    lon, lat = points[:, 0] - point[0], points[:, 1] - point[1]
    a = np.sin(lat / 2) ** 2 + np.cos(point[1]) * np.cos(points[:, 1]) * np.sin(lon / 2) ** 2
    found: NDArray[np.float64] = 2 * EARTH * np.arcsin(np.sqrt(np.clip(a, 0, 1)))
    return found
