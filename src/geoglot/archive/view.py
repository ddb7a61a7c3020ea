"""One published state of an archive, as a search sees it from its beginning to its end."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from geoglot.archive import filters, queries, ranking
from geoglot.archive.filters import TYPES
from geoglot.archive.hits import Hit
from geoglot.archive.nearest import EDGES, Nearest
from geoglot.archive.ranking import Near
from geoglot.archive.store import Generation
from geoglot.core.errors import ArchiveError, NotFoundError
from geoglot.geo.grid import Grid, Window

MERGED = 0.25  # of the smaller tile: two hits of one scene that share more are one place
_MORE = 6  # rows that are fetched beyond those wanted, because some may be of one place
_COLUMNS = "id scene run row col height width footprint transform valid cloud".split()
_OF_SCENE = "href crs time gsd sensor bands".split()  # the same for all tiles of a scene: fetching them is half of a search


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
    folder: Path | None = None  # of the archive, where it is on this machine

    @cached_property
    def _listed(self) -> Any:
        return self.scenes.to_arrow().combine_chunks()

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """The rows of the table of scenes by identifier."""
        return {row["scene"]: row for row in self._listed.to_pylist()}

    @cached_property
    def near(self) -> Near | None:
        """What proposes rows of a large archive; None, and every row is compared, where there is none, or it is damaged."""
        name, rows = self.generation.nearest, self.tiles.count_rows()
        if not name or self.folder is None:
            return None
        try:
            index = Nearest.open(self.folder / name, self.generation.model.hash)
            return Near.of(index, self._listed, self.tiles)
        except ArchiveError as error:
            warnings.warn(
                f"{error} Every one of {rows} rows is compared instead, which is slow; 'geoglot index' makes the index anew.",
                stacklevel=2,
            )
            return None

    def __len__(self) -> int:
        hidden = filters.make(hidden=self.generation.hidden).sql
        return int(self.tiles.count_rows(hidden or None))

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The stored vectors (N, D) of some rows, in the order of their ids; `NotFoundError` names one that is not there."""
        where = filters.make(where={"id": list(ids)}, hidden=self.generation.hidden).sql
        rows = self.tiles.search().where(where).select(["id", "vector"]).to_arrow()
        places = {name: place for place, name in enumerate(rows["id"].to_pylist())}
        missing = sorted(set(ids) - set(places))
        if missing:
            raise NotFoundError(f"The archive has no row {missing[0]!r}; examples are ids of hits of this archive.")
        return ranking.vectors(rows["vector"].combine_chunks())[[places[name] for name in ids]]

    def examples(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The direction in which some rows lie; `NotFoundError` names one that is not there."""
        return queries.unit(self.vectors(sorted(set(ids))).mean(axis=0))

    def listed(self, chosen: filters.Filter, limit: int, offset: int) -> tuple[list[Hit], int]:
        """Rows that pass a filter in the order of the table, without scores, and how many pass."""
        search = self._search(chosen)
        if chosen.area is None:
            total = int(self.tiles.count_rows(chosen.sql or None))
            found = search.select(["id"]).limit(limit).offset(offset).to_arrow()["_rowid"].to_numpy()
        else:
            parts = [np.zeros(0, np.int64)]
            for batch in search.select(["footprint"]).to_batches(8192):
                meets = chosen.meets(batch["footprint"].to_pylist())
                parts.append(batch["_rowid"].to_numpy().astype(np.int64)[meets])
            every = np.concatenate(parts)
            total, found = len(every), every[offset : offset + limit]
        ids = found.astype(np.int64)
        rows = self._rows(ids, np.full(len(ids), np.nan, dtype=np.float32)) if len(ids) else []
        place = {int(row): number for number, row in enumerate(ids)}
        rows.sort(key=lambda row: place[row["_rowid"]])
        hits = [
            self._hit(offset + 1 + at, row, (row["row"], row["col"], row["height"], row["width"])) for at, row in enumerate(rows)
        ]
        return hits, total

    def embedded(self, chosen: filters.Filter) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Windows (N, 4), valid parts (N,) and vectors (N, D) of the rows that pass a filter."""
        names = ["row", "col", "height", "width", "valid", "footprint", "vector"]
        rows = self._search(chosen).select(names).to_arrow().combine_chunks()
        kept = np.flatnonzero(chosen.meets(rows["footprint"].to_pylist()))
        windows = np.stack([rows[name].to_numpy() for name in names[:4]], axis=1).astype(np.int32)
        if len(rows) == 0:
            return windows, np.zeros(0, np.float32), np.zeros((0, self.generation.model.dim), np.float32)
        vectors = ranking.vectors(rows["vector"].combine_chunks())
        return windows[kept], rows["valid"].to_numpy()[kept], vectors[kept]

    def _search(self, chosen: filters.Filter) -> Any:
        search = self.tiles.search().with_row_id(True)
        return search.where(chosen.sql) if chosen.sql else search

    def answer(self, vectors: NDArray[np.float32], weight: float, wanted: Wanted) -> list[Hit]:
        """Rank and collect; with more candidates of the approximate index where too few of them pass the exact tests."""
        count = wanted.k + len(wanted.without)
        while True:
            found = ranking.rank(self.tiles, vectors, weight, wanted.chosen, count, self.near)
            hits = self._collect(found, wanted)
            if len(hits) == wanted.k or found.complete:
                return hits
            count *= 8

    def _collect(self, found: ranking.Ranked, wanted: Wanted) -> list[Hit]:
        """Go down the ranked rows until enough of them pass the exact tests and lie apart."""
        hits: list[Hit] = []
        taken: dict[str, list[Window]] = {}
        at, step = 0, wanted.k + _MORE
        while len(hits) < wanted.k and at < len(found.ids):
            rows = self._rows(found.ids[at : at + step], found.scores[at : at + step])
            inside = wanted.chosen.meets([row["footprint"] for row in rows]) & _pass(rows, wanted.chosen)
            for row, meets in sorted(zip(rows, inside, strict=True), key=lambda item: (-item[0]["score"], item[0]["id"])):
                window = row["row"], row["col"], row["height"], row["width"]
                before = taken.setdefault(row["scene"], [])
                near = wanted.merge and any(shared(window, other) > MERGED for other in before)
                if not meets or near or row["id"] in wanted.without:
                    continue
                before.append(window)
                hits.append(self._hit(len(hits) + 1, row, window))
                if len(hits) == wanted.k:
                    break
            at, step = at + step, min(2 * step, 8192)
        return hits

    def _rows(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> list[dict[str, Any]]:
        """Rows with what their scenes say, without those that readers do not see: a damaged index may propose such."""
        rows = self.tiles.take_row_ids(ids.tolist()).select(_COLUMNS).with_row_id().to_arrow().to_pylist()
        place = dict(zip(ids.tolist(), scores.tolist(), strict=True))
        found = []
        for row in rows:
            record = self.records.get(row["scene"])
            if record is not None and record["run"] == row["run"]:
                found.append(row | {name: record[name] for name in _OF_SCENE} | {"score": place[row["_rowid"]]})
        return found

    def _hit(self, rank: int, row: dict[str, Any], window: Window) -> Hit:
        grid = None
        if row["crs"] is not None:
            grid = Grid(CRS.from_string(row["crs"]), Affine(*row["transform"]), window[2:])
        return Hit(
            rank=rank,
            score=row["score"],
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


def _pass(rows: list[dict[str, Any]], chosen: filters.Filter) -> filters.Mask:
    """Which rows pass the conditions beside those on place, which the outlines decide."""
    conditions = tuple(condition for condition in chosen.conditions if not set(condition.columns) <= set(EDGES))
    names = {name for condition in conditions for name in condition.columns}
    columns = {name: np.array([row[name] for row in rows], dtype=TYPES[name]) for name in names}
    return filters.Filter(conditions).passes(columns, len(rows))


def shared(one: Window, other: Window) -> float:
    """The part of the smaller of two windows that they have in common."""
    height = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    width = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(height, 0) * max(width, 0) / min(one[2] * one[3], other[2] * other[3])


def band_names(stored: str) -> tuple[str, ...]:
    """Names from the text that a row holds them in."""
    return tuple(name for name in stored.split(",") if name)
