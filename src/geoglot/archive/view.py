"""One published state of an archive, as a search sees it from its beginning to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from geoglot.archive import filters, queries, ranking
from geoglot.archive.hits import Hit
from geoglot.archive.store import Generation
from geoglot.core.errors import NotFoundError
from geoglot.geo.grid import Grid, Window

MERGED = 0.25  # of the smaller tile: two hits of one scene that share more are one place
_COLUMNS = "id scene href row col height width footprint crs transform time gsd sensor bands valid cloud".split()


@dataclass(frozen=True)
class Wanted:
    """What is asked of the rows that are ranked: how many, by which filter, merged or not, without some rows."""

    k: int
    chosen: filters.Filter
    merge: bool
    without: frozenset[str]


@dataclass(frozen=True)
class View:
    """The tables of one generation at the versions that were published together."""

    generation: Generation
    tiles: Any
    scenes: Any

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """The rows of the table of scenes by identifier."""
        return {row["scene"]: row for row in self.scenes.to_arrow().to_pylist()}

    def __len__(self) -> int:
        hidden = filters.make(hidden=self.generation.hidden).sql
        return int(self.tiles.count_rows(hidden or None))

    def examples(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The direction in which some rows lie; `NotFoundError` names one that is not there."""
        where = filters.make(where={"id": list(ids)}, hidden=self.generation.hidden).sql
        rows = self.tiles.search().where(where).select(["id", "vector"]).to_arrow()
        missing = sorted(set(ids) - set(rows["id"].to_pylist()))
        if missing:
            raise NotFoundError(f"The archive has no row {missing[0]!r}; examples are ids of hits of this archive.")
        return queries.unit(ranking.vectors(rows["vector"].combine_chunks()).mean(axis=0))

    def answer(self, vectors: NDArray[np.float32], weight: float, wanted: Wanted) -> list[Hit]:
        """Rank and collect; with more candidates of the approximate index where too few of them pass the exact tests."""
        count = wanted.k + len(wanted.without)
        while True:
            found = ranking.rank(self.tiles, vectors, weight, wanted.chosen.sql, count)
            hits = self._collect(found, wanted)
            if len(hits) == wanted.k or found.complete:
                return hits
            count *= 8

    def _collect(self, found: ranking.Ranked, wanted: Wanted) -> list[Hit]:
        """Go down the ranked rows until enough of them pass the exact tests and lie apart."""
        hits: list[Hit] = []
        taken: dict[str, list[Window]] = {}
        at, step = 0, max(64, 2 * wanted.k)
        while len(hits) < wanted.k and at < len(found.ids):
            rows = self._rows(found.ids[at : at + step].tolist())
            inside = wanted.chosen.meets([row["footprint"] for row in rows])
            ranked = zip(rows, found.scores[at : at + step].tolist(), inside, strict=True)
            for row, score, meets in sorted(ranked, key=lambda item: (-item[1], item[0]["id"])):
                window = row["row"], row["col"], row["height"], row["width"]
                before = taken.setdefault(row["scene"], [])
                near = wanted.merge and any(shared(window, other) > MERGED for other in before)
                if not meets or near or row["id"] in wanted.without:
                    continue
                before.append(window)
                hits.append(self._hit(len(hits) + 1, score, row, window))
                if len(hits) == wanted.k:
                    break
            at, step = at + step, min(2 * step, 8192)
        return hits

    def _rows(self, ids: list[int]) -> list[dict[str, Any]]:
        rows = self.tiles.take_row_ids(ids).select(_COLUMNS).with_row_id().to_arrow().to_pylist()
        place = {row["_rowid"]: row for row in rows}
        return [place[row] for row in ids]

    def _hit(self, rank: int, score: float, row: dict[str, Any], window: Window) -> Hit:
        grid = None
        if row["crs"] is not None:
            grid = Grid(CRS.from_string(row["crs"]), Affine(*row["transform"]), window[2:])
        return Hit(
            rank=rank,
            score=float(score),
            scene=row["scene"],
            time=None if row["time"] is None else row["time"].replace(tzinfo=UTC),
            gsd=row["gsd"],
            grid=grid,
            window=window,
            geometry=None if row["footprint"] is None else shapely.from_wkb(row["footprint"]),
            id=row["id"],
            href=row["href"],
            sensor=row["sensor"],
            bands=band_names(row["bands"]),
            valid=float(row["valid"]),
            cloud=row["cloud"],
            record=self.records.get(row["scene"]),
        )


def shared(one: Window, other: Window) -> float:
    """The part of the smaller of two windows that they have in common."""
    height = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    width = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(height, 0) * max(width, 0) / min(one[2] * one[3], other[2] * other[3])


def band_names(stored: str) -> tuple[str, ...]:
    """Names from the text that a row holds them in."""
    return tuple(name for name in stored.split(",") if name)
