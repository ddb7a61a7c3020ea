"""The approximate index over the vectors of a large table, and candidates from it; the caller ranks them exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT_ROWS = 200_000  # up to so many rows that pass the filters, every one is compared
_PARTITION = 4096  # rows that share a centre
_PROBED = 0.1  # of the partitions, at least _LEAST of them
_LEAST = 20


def indexed(table: Any) -> bool:
    """Whether a table has an index over its vectors."""
    return any("vector" in entry.columns for entry in table.list_indices())


def build(table: Any) -> None:
    """Make the index where there is none; later rows join it in `optimize`."""
    if indexed(table):
        return
    from lancedb.index import IvfPq

    dim = table.schema.field("vector").type.list_size
    parts = max(1, table.count_rows() // _PARTITION)
    pieces = next(dim // width for width in (8, 4, 2, 1) if dim % width == 0)
    # on unit vectors the Euclidean order is the order of scalar products
    table.create_index("vector", config=IvfPq(distance_type="l2", num_partitions=parts, num_sub_vectors=pieces))


def candidates(table: Any, query: NDArray[np.float32], where: str, count: int) -> NDArray[np.int64]:
    """Row ids of about the `count` nearest rows that pass the filter."""
    parts = max(1, table.count_rows() // _PARTITION)
    unit = query / max(float(np.linalg.norm(query)), 1e-12)
    search = (
        table.search(unit, vector_column_name="vector")
        .distance_type("l2")
        .limit(count)
        .with_row_id(True)
        .select(["id", "_distance"])
    )
    search = search.nprobes(min(parts, max(_LEAST, math.ceil(_PROBED * parts)))).refine_factor(2)
    if where:
        search = search.where(where, prefilter=True)
    found: NDArray[np.int64] = search.to_arrow()["_rowid"].to_numpy().astype(np.int64)
    return found
