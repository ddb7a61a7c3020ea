"""Making the index of `archive.nearest` from a table of tiles, or from an older index and the rows added since.

It is written to a temporary folder, which is then renamed: a folder with the final name is whole. Which one readers use is
said by the state of the archive, and published together with the tables.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geoglot.archive.nearest import ARRAYS, EDGES, FORMAT, META, Floats, Meta, Nearest, Rows, checksum
from geoglot.core.errors import ArchiveError

LEAST_ROWS = 20_000  # a smaller table has no index: every row is compared
PREFIX = "nearest_"
_PART = ".part"
_VARIANCE = 0.999  # that the components carry
_MOST_AXES = 128
_PER_LIST = 100  # rows from which one centre is learnt
_ROUNDS = 10  # of k-means
_BATCH = 8192
_GROWN = 2.0  # times the rows that the lists were made for: make them anew
_DEAD = 0.1  # share of rows that were deleted: write the index without them
_COLUMNS = ["run", *EDGES, "valid", "cloud"]


@dataclass(frozen=True)
class Lists:
    """How vectors become components and find their list."""

    mean: Floats
    axes: Floats
    centres: Floats
    trained: int

    def codes(self, vectors: Floats) -> Floats:
        """Principal components (N, M) of vectors (N, D)."""
        result: Floats = np.matmul(vectors - self.mean, self.axes)
        return result

    def of(self, codes: Floats) -> NDArray[np.int32]:
        """The nearest list of each row (N,)."""
        half = np.square(self.centres).sum(axis=1) / 2
        result: NDArray[np.int32] = np.argmax(codes @ self.centres.T - half, axis=1).astype(np.int32)
        return result


def update(folder: Path, table: Any, model: str, generation: int, name: str) -> str:
    """The name of an index over all rows of a table; `name` is that of the present one, empty for none.

    Unseen files of writers that were killed stay until `clean`. Raises what the database and the disk raise.
    """
    rows = int(table.count_rows())
    if rows < LEAST_ROWS:
        return ""
    try:
        old = Nearest.open(folder / name, model) if name else None
    except ArchiveError:
        old = None
    if old is None or rows > _GROWN * old.meta.trained:
        lists = _train(table, rows)
        return _write(folder, _scan(table, lists, ""), lists, model, generation, rows)
    living = _ids(table)
    kept = np.isin(old.ids, living, assume_unique=True)
    if not (living >= old.meta.following).any() and kept.sum() >= (1 - _DEAD) * len(old):
        return name
    lists = Lists(old.arrays["mean"], old.arrays["axes"], old.arrays["centres"], old.meta.trained)
    pieces = chain(_older(old, kept), _scan(table, lists, f"_rowid >= {old.meta.following}"))
    return _write(folder, pieces, lists, model, generation, rows)


def clean(folder: Path, named: Iterable[str], kept: timedelta) -> None:
    """Delete what writers that were killed left, and indexes that no state names any more and that are older than `kept`."""
    for entry in folder.glob(f"{PREFIX}*"):
        old = time.time() - entry.stat().st_mtime > kept.total_seconds()
        if entry.suffix == _PART or (entry.name not in named and old):
            shutil.rmtree(entry, ignore_errors=True)


def _batches(table: Any, columns: list[str], where: str) -> Iterator[pa.RecordBatch]:
    search = table.search().select(columns).with_row_id(True)
    yield from (search.where(where) if where else search).to_batches(_BATCH)


def _ids(table: Any) -> Rows:
    parts = [batch["_rowid"].to_numpy().astype(np.int64) for batch in _batches(table, ["run"], "")]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _vectors(batch: pa.RecordBatch) -> Floats:
    column = batch["vector"]
    flat: Floats = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, column.type.list_size)


def _train(table: Any, rows: int) -> Lists:
    """Components and centres from rows chosen at random."""
    rng = np.random.default_rng(0)
    count = max(16, round(rows**0.5))
    share = min(1.0, count * _PER_LIST / rows)
    parts = []
    for batch in _batches(table, ["vector"], ""):
        parts.append(_vectors(batch)[rng.random(len(batch)) < share])
    sample = np.concatenate(parts)
    mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    sample -= mean
    values, axes = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    carried = np.cumsum(values[::-1]) / max(values.sum(), 1e-12)
    kept = min(_MOST_AXES, len(values), 1 + int(np.searchsorted(carried, _VARIANCE)))
    best = np.ascontiguousarray(axes[:, ::-1][:, :kept], dtype=np.float32)
    codes = sample @ best
    count = min(count, len(codes))
    lists = Lists(mean, best, codes[rng.choice(len(codes), count, replace=False)], rows)
    for _ in range(_ROUNDS):
        member = np.concatenate([lists.of(codes[at : at + _BATCH]) for at in range(0, len(codes), _BATCH)])
        order = np.argsort(member, kind="stable")
        sizes = np.bincount(member, minlength=count)
        full = sizes > 0
        sums = np.add.reduceat(codes[order], (np.cumsum(sizes) - sizes)[full], axis=0)
        centres = lists.centres.copy()
        centres[full] = sums / sizes[full, None]
        lists = Lists(mean, best, centres, rows)
    return lists


@dataclass
class _Piece:
    """Some rows on their way into an index."""

    codes: Floats
    ids: Rows
    run: Rows
    bounds: Floats  # (4, n)
    valid: Floats
    cloud: Floats


def _scan(table: Any, lists: Lists, where: str) -> Iterator[_Piece]:
    for batch in _batches(table, [*_COLUMNS, "vector"], where):
        yield _Piece(
            lists.codes(_vectors(batch)),
            batch["_rowid"].to_numpy().astype(np.int64),
            batch["run"].to_numpy().copy(),  # a view would keep the batch, with its vectors, in memory
            np.stack([_outward(batch[name], down=name in ("west", "south")) for name in EDGES]),
            *(_floats(batch[name]).astype(np.float32) for name in ("valid", "cloud")),
        )


def _older(old: Nearest, kept: NDArray[np.bool_]) -> Iterator[_Piece]:
    arrays = old.arrays
    runs = np.empty(len(old), np.int64)
    runs[arrays["by_scene"]] = np.repeat(old.runs, np.diff(arrays["scene_starts"]))
    places = np.flatnonzero(kept)
    for at in range(0, len(places), _BATCH):
        part = places[at : at + _BATCH]
        columns = (arrays[name][part] for name in ("valid", "cloud"))
        yield _Piece(old.codes[part], old.ids[part], runs[part], arrays["bounds"][:, part], *columns)


def _floats(column: pa.Array) -> NDArray[np.float64]:
    """Values as float64, NaN for null."""
    result: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return result


def _outward(column: pa.Array, down: bool) -> Floats:
    """Edges as float32, moved so that no bounds become smaller."""
    exact = _floats(column)
    near = exact.astype(np.float32)
    short = near > exact if down else near < exact
    result: Floats = np.where(short, np.nextafter(near, np.float32(-np.inf if down else np.inf)), near)
    return result


@dataclass
class _Spool:
    """Codes of all rows in the order in which they come, in a file without a name, and the small columns in memory."""

    file: Any
    lists: Lists
    parts: list[_Piece] = field(default_factory=list)
    member: list[NDArray[np.int32]] = field(default_factory=list)

    def take(self, piece: _Piece) -> None:
        """Add some rows."""
        self.file.write(np.ascontiguousarray(piece.codes, dtype=np.float32))
        self.member.append(self.lists.of(piece.codes))
        piece.codes = np.zeros((0, 0), np.float32)
        self.parts.append(piece)

    def column(self, name: str) -> NDArray[Any]:
        """One column of all rows."""
        return np.concatenate([getattr(part, name) for part in self.parts], axis=-1)


def _write(folder: Path, pieces: Iterator[_Piece], lists: Lists, model: str, generation: int, rows: int) -> str:
    name = f"{PREFIX}{generation}_{rows}_{secrets.token_hex(4)}"
    part = folder / f"{name}{_PART}"
    part.mkdir()
    with tempfile.TemporaryFile(dir=part) as file:
        spool = _Spool(file, lists)
        for piece in pieces:
            spool.take(piece)
        file.flush()
        arrays = _arrange(spool)
        codes = np.lib.format.open_memmap(part / "codes.npy", "w+", np.float32, (len(arrays["order"]), lists.axes.shape[1]))
        come = np.memmap(file, np.float32, "r", shape=codes.shape)
        order = arrays.pop("order")
        for at in range(0, len(order), _BATCH):
            codes[at : at + _BATCH] = come[order[at : at + _BATCH]]
        codes.flush()
        del come
    arrays |= {"centres": lists.centres, "axes": lists.axes, "mean": lists.mean}
    shapes, sums = {"codes": list(codes.shape)}, {}
    for key, values in arrays.items():
        kind, small = ARRAYS[key]
        stored = np.ascontiguousarray(values, dtype=kind)
        np.save(part / f"{key}.npy", stored)
        shapes[key] = list(stored.shape)
        if small:
            sums[key] = checksum(stored)
    following = int(arrays["ids"].max()) + 1
    meta = Meta(FORMAT, model, len(order), lists.trained, following, shapes, sums)
    (part / META).write_text(meta.text())
    for entry in (*part.iterdir(), part):
        _sync(entry)
    part.rename(folder / name)
    _sync(folder)
    return name


def _arrange(spool: _Spool) -> dict[str, NDArray[Any]]:
    """All arrays but the codes, with the order that brings rows into their lists."""
    member = np.concatenate(spool.member)
    order = np.argsort(member, kind="stable")
    runs, scene = np.unique(spool.column("run")[order], return_inverse=True)
    by_scene = np.argsort(scene, kind="stable")
    edges = np.searchsorted(scene[by_scene], np.arange(len(runs) + 1))
    bounds = spool.column("bounds")[:, order]
    near = bounds[:, by_scene]
    # fmin and fmax pass over tiles without a place
    inner = [np.fmin.reduceat(near[i], edges[:-1]) for i in (0, 1)]
    outer = [np.fmax.reduceat(near[i], edges[:-1]) for i in (2, 3)]
    return {
        "order": order,
        "ids": spool.column("ids")[order],
        "bounds": bounds,
        "valid": spool.column("valid")[order],
        "cloud": spool.column("cloud")[order],
        "by_scene": by_scene,
        "scene_starts": edges,
        "scene_bounds": np.stack([*inner, *outer]),
        "runs": runs,
        "starts": np.searchsorted(member[order], np.arange(len(spool.lists.centres) + 1)),
    }


def _sync(path: Path) -> None:
    """Have the disk keep a file or folder before the next step."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
