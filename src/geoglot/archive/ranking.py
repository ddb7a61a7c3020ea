"""Scores of rows for one query vector or two, exactly, in bounded memory.

A query in words and one by image give scores of different size and spread: text and image vectors of one model lie in
different parts of the space. Following WeiCom (Psomas et al., "Composed image retrieval for remote sensing", 2024), each
query's scores over the rows that pass the filters are standardised and mapped through the normal distribution,
s' = Φ((s - μ) / σ), and then mixed: s = (1 - λ) · s'_image + λ · s'_text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geoglot.archive import ann
from geoglot.archive.filters import TYPES, Columns, Filter, Mask
from geoglot.archive.nearest import Nearest

Floats = NDArray[np.float32]
_BATCH = 8192
_SAMPLE = 20_000  # rows from which μ and σ are estimated where there are too many to look at
_WIDER = 20  # candidates for one row wanted, where their scores are not yet those that count
_PROPOSED = 3  # rows that our index proposes for one row wanted
_LEAST = 32
_OF_SCENE = ("run", "scene", "href", "sensor", "bands", "time", "gsd")
_BETWEEN = np.array([0.2, 0.35, 0.5, 0.65, 0.8])  # found by trial on clustered vectors: 3 directions miss a quarter of the best


@dataclass(frozen=True)
class Ranked:
    """Row ids and scores, best first; `complete` where every row that passes the filters is among them."""

    ids: NDArray[np.int64]
    scores: Floats
    complete: bool


def normal(scores: Floats, mean: float, deviation: float) -> Floats:
    """Φ((s - μ) / σ); one half where all scores are equal."""
    if deviation <= 1e-12:
        return np.full(scores.shape, 0.5, dtype=np.float32)
    z = (scores.astype(np.float64) - mean) / (deviation * math.sqrt(2))
    return np.fromiter((0.5 * (1 + math.erf(value)) for value in z), dtype=np.float32, count=len(z))


@dataclass(frozen=True)
class Near:
    """An index beside the tables as one published state sees it.

    `alive` (S,) are the runs that readers see, `scenes` their attributes, `fresh` the SQL of the rows that came after the
    index was made, empty for none.
    """

    index: Nearest
    alive: Mask
    scenes: Columns
    fresh: str

    @classmethod
    def of(cls, index: Nearest, listed: Any, tiles: Any) -> Self:
        """An index with the rows of the table of scenes (`listed`) and the table of tiles."""
        runs = listed["run"].to_numpy()
        order = np.argsort(runs)
        at = np.minimum(np.searchsorted(runs, index.runs, sorter=order), max(len(runs) - 1, 0))
        row = order[at] if len(runs) else np.zeros(0, np.int64)
        alive = runs[row] == index.runs if len(runs) else np.zeros(len(index.runs), np.bool_)
        columns = {name: listed[name].to_numpy(zero_copy_only=False).astype(TYPES[name]) for name in _OF_SCENE}
        scenes = {name: values[row] for name, values in columns.items()}
        fresh = f"_rowid >= {index.meta.following}"
        return cls(index, alive, scenes, fresh if tiles.count_rows(fresh) else "")


def rank(table: Any, queries: Floats, weight: float, chosen: Filter, wanted: int, near: Near | None = None) -> Ranked:
    """Rows that pass the filter, best first: all of them where they are few, else the best few hundred.

    `queries` is (1, D), or (2, D): image, then text, of which `weight` is the share.
    """
    if near is not None and near.index.knows(near.scenes, chosen):
        return _proposed(table, queries, weight, chosen, wanted, near)
    where = chosen.sql
    count = max(200 if len(queries) == 1 else 1000, _WIDER * wanted)
    if not ann.indexed(table) or table.count_rows(where or None) <= max(ann.EXACT_ROWS, 4 * count):
        ids, scores = _scan(table, queries, where)
        return _sorted(ids, _mixed(scores, _moments(scores) if len(queries) == 2 else None, weight), True)
    if len(queries) == 1:
        return _checked(table, queries, ann.candidates(table, queries[0], where, count), weight, None)
    moments = _moments(_sample(table, queries, where))
    found = [ann.candidates(table, query, where, count) for query in _between(queries, moments[1], weight)]
    return _checked(table, queries, np.unique(np.concatenate(found)), weight, moments)


def _proposed(table: Any, queries: Floats, weight: float, chosen: Filter, wanted: int, near: Near) -> Ranked:
    """Rank what the index proposes, and all rows that came after it."""
    index = near.index
    passing = index.passing(near.alive, near.scenes, chosen)
    count = max(_LEAST, _PROPOSED * wanted)
    moments = None
    if len(queries) == 1:
        places, complete = index.candidates(queries[0], passing, count)
    else:
        moments = _moments(index.scores(queries, index.sample(passing, _SAMPLE)))
        wide = max(1000, _WIDER * wanted)
        found = [index.candidates(query, passing, wide) for query in _between(queries, moments[1], weight)]
        places, complete = np.unique(np.concatenate([part for part, _ in found])), found[0][1]
        if not complete:
            mixed = mix(index.scores(queries, places), moments, weight)
            places = places[np.argsort(-mixed)[:count]]
    ids = index.rows(places)
    ids, scores = _exact(table, queries, ids)
    if near.fresh:
        more, others = _scan(table, queries, f"({near.fresh})" + (f" AND {chosen.sql}" if chosen.sql else ""))
        ids, scores = np.concatenate([ids, more]), np.concatenate([scores, others])
    if complete and len(queries) == 2:
        moments = _moments(scores)
    return _sorted(ids, _mixed(scores, moments, weight), complete)


def _checked(table: Any, queries: Floats, ids: NDArray[np.int64], weight: float, moments: NDArray[np.float64] | None) -> Ranked:
    ids, scores = _exact(table, queries, ids)
    return _sorted(ids, _mixed(scores, moments, weight), False)


def _mixed(scores: Floats, moments: NDArray[np.float64] | None, weight: float) -> Floats:
    """The scores (N, 1) of the one query, or the mixture of two (N, 2)."""
    if moments is None:
        return scores[:, 0]
    return mix(scores, moments, weight)


def _between(queries: Floats, deviations: NDArray[np.float64], weight: float) -> Floats:
    """Directions from the one query to the other: rows that are good for both are best for one of them, and rarely for either."""
    parts = _BETWEEN * weight / (_BETWEEN * weight + (1 - _BETWEEN) * (1 - weight))
    slopes = np.stack([1 - parts, parts], axis=1) / np.maximum(deviations, 1e-6)
    result: Floats = (slopes @ queries).astype(np.float32)
    return result


def mix(scores: Floats, moments: NDArray[np.float64], weight: float) -> Floats:
    """Scores (N, 2) of image and text mixed as WeiCom does; `moments` are their means and deviations (2, 2)."""
    image, text = (normal(scores[:, i], float(moments[0, i]), float(moments[1, i])) for i in (0, 1))
    result: Floats = ((1 - weight) * image + weight * text).astype(np.float32)
    return result


def _moments(scores: Floats) -> NDArray[np.float64]:
    if len(scores) == 0:
        return np.zeros((2, 2))
    return np.stack([scores.mean(axis=0, dtype=np.float64), scores.std(axis=0, dtype=np.float64)])


def _sorted(ids: NDArray[np.int64], scores: Floats, complete: bool) -> Ranked:
    order = np.argsort(-scores, kind="stable")
    return Ranked(ids[order], scores[order], complete)


def _scan(table: Any, queries: Floats, where: str) -> tuple[NDArray[np.int64], Floats]:
    search = table.search().select(["vector"]).with_row_id(True)
    if where:
        search = search.where(where)
    ids, scores = [np.zeros(0, np.int64)], [np.zeros((0, len(queries)), np.float32)]
    for batch in search.to_batches(_BATCH):
        ids.append(batch["_rowid"].to_numpy().astype(np.int64))
        scores.append(vectors(batch["vector"]) @ queries.T)
    return np.concatenate(ids), np.concatenate(scores)


def vectors(column: Any) -> Floats:
    """A column of fixed-size lists as an array (N, D)."""
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, column.type.list_size)  # type: ignore[no-any-return]


def _exact(table: Any, queries: Floats, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """Those of some row ids that the table holds, with their scores."""
    found = table.take_row_ids(ids.tolist()).select(["vector"]).with_row_id().to_arrow().combine_chunks()
    if len(found) == 0:
        return np.zeros(0, np.int64), np.zeros((0, len(queries)), np.float32)
    return found["_rowid"].to_numpy().astype(np.int64), vectors(found["vector"].combine_chunks()) @ queries.T


def _sample(table: Any, queries: Floats, where: str) -> Floats:
    """Scores of rows spread over the table; of the first ones that pass, where a filter leaves few of them."""
    total = table.count_rows()
    if not where:
        chosen = np.random.default_rng(0).choice(total, min(total, _SAMPLE), replace=False)
        found = table.take_offsets(np.sort(chosen).tolist()).select(["vector"]).to_arrow()
    else:
        found = table.search().select(["vector"]).where(where).limit(_SAMPLE).to_arrow()
    return vectors(found["vector"].combine_chunks()) @ queries.T
