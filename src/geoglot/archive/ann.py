"""The database's own approximate index, where no file can be mapped: candidates, which the caller ranks exactly.

Of its kinds, scalar quantisation in inverted lists was the best and the quickest to build (`docs/benchmarks.md`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT_ROWS = 200_000  # up to so many rows that pass the filters, every one is compared
_PARTITION = 1024  # rows that share a centre
_PROBED = 0.08  # of the partitions, at least _LEAST of them
_LEAST = 20


def indexed(table: Any) -> bool:
    """Whether a table has an index over its vectors."""
    return any("vector" in entry.columns for entry in table.list_indices())


def build(table: Any) -> None:
    """Make the index where there is none; later rows join it in `optimize`."""
    if indexed(table):
        return
    from lancedb.index import IvfSq

    parts = max(1, table.count_rows() // _PARTITION)
    # on unit vectors the Euclidean order is the order of scalar products
    table.create_index("vector", config=IvfSq(distance_type="l2", num_partitions=parts))


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
