"""Which rows are probably nearest to a query: an index in a folder beside the tables, memory-mapped, that proposes rows.

Embeddings of one model lie close to a space of far fewer dimensions than they have. The index holds each row's principal
components, as many as carry nearly all of the variance, in lists around k-means centres. A query compares them in the
lists whose centres lie in its direction (the inverted file of Sivic and Zisserman, "Video Google", 2003), or in all rows
that pass a filter where these are few. Text vectors lie apart from image vectors, so lists are chosen by the scalar product
that ranks, not by distance, and more of them are looked at than an image as query would need.

The store checks all that is proposed: scores come from its vectors, and filters are tested on its rows. A damaged file can
therefore hide rows, but never show wrong ones. Row ids are stable, and rows never change: rows added after the index was
made have greater ids than `following`, and are compared one by one; rows deleted since are not found in the store.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.filters import Columns, Filter, Mask
from geoglot.core.errors import ArchiveError

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

FORMAT = 1
META = "meta.json"
EDGES = ("west", "south", "east", "north")
_PROBED = 0.08  # of the lists
_LEAST_PROBED = 16
_DEEPER = 4  # at most so many times more lists under a filter
_PER_CANDIDATE = 10  # rows to compare for a candidate, at least
_FEW = 20_000  # up to so many rows that pass, all are compared
_FEW_SCENES = 2000

# name -> (type, whether it is small: read at once and checked by its sum)
ARRAYS: dict[str, tuple[str, bool]] = {
    "codes": ("<f4", False),  # (N, M) principal components, list by list
    "ids": ("<i8", False),  # (N,) row ids of the table of tiles
    "bounds": ("<f4", False),  # (4, N) west, south, east, north, rounded outwards
    "valid": ("<f4", False),
    "cloud": ("<f4", False),
    "by_scene": ("<i4", False),  # (N,) rows scene by scene
    "scene_starts": ("<i8", True),  # (S + 1,) where each scene starts in `by_scene`
    "scene_bounds": ("<f4", True),  # (4, S) of the tiles of a scene
    "runs": ("<i8", True),  # (S,) ascending
    "starts": ("<i8", True),  # (L + 1,) where each list starts
    "centres": ("<f4", True),  # (L, M)
    "axes": ("<f4", True),  # (D, M)
    "mean": ("<f4", True),  # (D,)
}


@dataclass(frozen=True)
class Meta:
    """What an index is of: model, size of the table when lists were made (`trained`) and when it was written."""

    format: int
    model: str
    rows: int
    trained: int
    following: int
    shapes: dict[str, list[int]]
    sums: dict[str, int]

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))


class Nearest:
    """An index that is open."""

    def __init__(self, meta: Meta, arrays: dict[str, NDArray[Any]]) -> None:
        self.meta, self.arrays = meta, arrays
        self.codes: Floats = arrays["codes"]
        self.ids: Rows = arrays["ids"]
        self.starts: Rows = arrays["starts"]
        self.runs: Rows = arrays["runs"]

    @classmethod
    def open(cls, folder: Path, model: str) -> Nearest:
        """Map the files of an index; `ArchiveError` says what is wrong with them."""
        try:
            meta = Meta(**json.loads((folder / META).read_text()))
            if (meta.format, meta.model) != (FORMAT, model):
                raise ValueError("it is of another model or format")
            arrays = {name: _load(folder, name, meta) for name in ARRAYS}
            for name in ("starts", "scene_starts"):
                edges = arrays[name]
                if edges[0] != 0 or edges[-1] != meta.rows or (np.diff(edges) < 0).any():
                    raise ValueError(f"{name} are out of order")
            if meta.rows and not 0 <= arrays["by_scene"].min() <= arrays["by_scene"].max() < meta.rows:
                raise ValueError("by_scene points outside")
        except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
            raise ArchiveError(f"The index of vectors {folder.name} cannot be used ({error}).") from None
        return cls(meta, arrays)

    def __len__(self) -> int:
        return self.meta.rows

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return len(self.starts) - 1

    def knows(self, scenes: Columns, chosen: Filter) -> bool:
        """Whether it can tell which rows may pass a filter."""
        known = {*scenes, *EDGES, "valid", "cloud"}
        return all(known.issuperset(condition.columns) for condition in chosen.conditions)

    def passing(self, alive: Mask, scenes: Columns, chosen: Filter) -> Rows | None:
        """Places of the rows that may pass a filter, None for all rows.

        `alive` (S,) tells which runs readers see, `scenes` their attributes. Conditions on tiles are tested on bounds
        that are rounded outwards: no row that passes is missing.
        """
        seen = alive.copy()
        edges = dict(zip(EDGES, self.arrays["scene_bounds"], strict=True))
        tiled = []
        for condition in chosen.conditions:
            if set(condition.columns) <= edges.keys():
                seen &= condition.passes(edges)
                tiled.append(condition)
            elif set(condition.columns) <= scenes.keys():
                seen &= condition.passes(scenes)
            else:
                tiled.append(condition)
        places = None if seen.all() else self._of_scenes(seen)
        tiles = {name: self.arrays[name] for name in ("valid", "cloud")} | dict(zip(EDGES, self.arrays["bounds"], strict=True))
        for condition in tiled:
            rows = {name: tiles[name] if places is None else tiles[name][places] for name in condition.columns}
            found = np.flatnonzero(condition.passes(rows))
            places = found if places is None else places[found]
        return places

    def _of_scenes(self, seen: Mask) -> Rows:
        """Places of the rows of some scenes."""
        edges, order = self.arrays["scene_starts"], self.arrays["by_scene"]
        chosen = np.flatnonzero(seen)
        if len(chosen) < _FEW_SCENES:
            parts = [order[edges[i] : edges[i + 1]] for i in chosen]
            return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
        return order[np.repeat(seen, np.diff(edges))].astype(np.int64)

    def candidates(self, query: Floats, passing: Rows | None, count: int) -> tuple[Rows, bool]:
        """Places of about the `count` best rows, and whether these are all that pass."""
        flat = query @ self.arrays["axes"]
        total = len(self) if passing is None else len(passing)
        if total <= max(_FEW, count):
            places = np.arange(total) if passing is None else passing
            scores = self.codes[places] @ flat
        else:
            places, scores = self._probe(flat, passing, total, count)
        if len(places) > count:
            places = places[np.argpartition(-scores, count)[:count]]
        return places, total <= count

    def _probe(self, flat: Floats, passing: Rows | None, total: int, count: int) -> tuple[Rows, Floats]:
        """Places and scores of the rows that pass in the lists that lie in the direction of the query."""
        depth = min(_DEEPER, float(np.sqrt(len(self) / total)))
        lists = max(_LEAST_PROBED, _PROBED * self.lists) * depth
        lists = max(lists, _PER_CANDIDATE * count * self.lists / total)
        near = -(self.arrays["centres"] @ flat)
        probed = min(self.lists, round(lists))
        chosen = np.argpartition(near, probed - 1)[:probed]
        mask = None
        if passing is not None:
            mask = np.zeros(len(self), dtype=np.bool_)
            mask[passing] = True
        places, scores = [], []
        for start, end in zip(self.starts[chosen].tolist(), self.starts[chosen + 1].tolist(), strict=True):
            codes = self.codes[start:end]
            if mask is None:
                places.append(np.arange(start, end))
            else:
                inside = np.flatnonzero(mask[start:end])
                codes = codes[inside]
                places.append(inside + start)
            scores.append(codes @ flat)
        return np.concatenate(places), np.concatenate(scores)

    def rows(self, places: Rows) -> Rows:
        """Row ids, each once."""
        ids = np.unique(self.ids[places])
        return ids[ids >= 0]

    def sample(self, passing: Rows | None, count: int) -> Rows:
        """Places of at most `count` rows spread evenly over those that pass."""
        total = len(self) if passing is None else len(passing)
        at = np.linspace(0, total - 1, min(total, count)).astype(np.int64) if total else np.zeros(0, np.int64)
        return at if passing is None else passing[at]

    def scores(self, queries: Floats, places: Rows) -> Floats:
        """Scores (N, Q) to within the variance that the components leave out."""
        flat = queries @ self.arrays["axes"]
        result: Floats = self.codes[places] @ flat.T + queries @ self.arrays["mean"]
        return result


def _load(folder: Path, name: str, meta: Meta) -> NDArray[Any]:
    kind, small = ARRAYS[name]
    found = np.load(folder / f"{name}.npy", mmap_mode=None if small else "r", allow_pickle=False)
    if found.dtype != np.dtype(kind) or list(found.shape) != meta.shapes[name]:
        raise ValueError(f"{name} has another size than it was written with")
    if small and checksum(found) != meta.sums[name]:
        raise ValueError(f"{name} is damaged")
    # a plain array over the map: slices of np.memmap cost microseconds each
    result: NDArray[Any] = np.asarray(found) if small else found.view(np.ndarray)
    return result


def checksum(values: NDArray[Any]) -> int:
    """A sum over the bytes of an array."""
    return zlib.crc32(np.ascontiguousarray(values).view(np.uint8).reshape(-1).data)
