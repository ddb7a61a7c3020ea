"""Shards as Parquet: columns to query, pictures as bytes in the form that `datasets` shows as images, the whole record as JSON.

Columns: `id, source, label, captions, gsd, lon, lat, time, images, masks, record`; images and masks are lists of {bytes, path}.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from geoglot.core.errors import DataError
from geoglot.data import records
from geoglot.data.sample import Sample
from geoglot.data.shards.damage import DamagedError
from geoglot.data.shards.pack import Packed

SUFFIX = ".parquet"
GROUP = 64  # samples of a row group, the least that is read at once
GROUP_BYTES = 32 << 20
Wanted = Callable[[int], bool]

FILES = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
COLUMNS = (
    ("id", pa.string(), {"dtype": "string", "_type": "Value"}),
    ("source", pa.string(), {"dtype": "string", "_type": "Value"}),
    ("label", pa.string(), {"dtype": "string", "_type": "Value"}),
    ("captions", pa.list_(pa.string()), {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}),
    ("gsd", pa.float64(), {"dtype": "float64", "_type": "Value"}),
    ("lon", pa.float64(), {"dtype": "float64", "_type": "Value"}),
    ("lat", pa.float64(), {"dtype": "float64", "_type": "Value"}),
    ("time", pa.string(), {"dtype": "string", "_type": "Value"}),
    ("images", FILES, {"feature": {"_type": "Image"}, "_type": "List"}),
    ("masks", FILES, {"feature": {"_type": "Image"}, "_type": "List"}),
    ("record", pa.string(), {"dtype": "string", "_type": "Value"}),
)
# `datasets` reads its types of columns from here
FEATURES = json.dumps({"info": {"features": {name: kind for name, _, kind in COLUMNS}}})
SCHEMA = pa.schema([(name, kind) for name, kind, _ in COLUMNS], metadata={"huggingface": FEATURES})


class Part:
    """A shard being written; the same samples always give the same bytes."""

    def __init__(self, path: Path) -> None:
        """Begin a file, of which nobody may take notice before it is closed."""
        # pictures are compressed already: zstd is for the texts; statistics would hold whole pictures
        self._file = pq.ParquetWriter(
            path,
            SCHEMA,
            compression="zstd",
            use_dictionary=["source", "label"],
            write_statistics=["id", "source", "label", "gsd", "lon", "lat", "time"],
            write_page_checksum=True,
        )
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, packed: Packed) -> None:
        """Append one sample."""
        self._rows.append(_row(packed))
        self._bytes += packed.size
        if len(self._rows) >= GROUP or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last rows and the footer."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
        self._rows, self._bytes = [], 0


def _row(packed: Packed) -> dict[str, Any]:
    sample = packed.sample
    lon, lat = sample.lonlat or (None, None)
    time = next((picture.time for picture in sample.pictures if picture.time is not None), None)
    return {
        "id": sample.id,
        "source": sample.source,
        "label": sample.label,
        "captions": list(sample.captions),
        "gsd": sample.gsd,
        "lon": lon,
        "lat": lat,
        "time": None if time is None else time.isoformat(),
        "images": [{"bytes": data, "path": name} for name, data in packed.pictures],
        "masks": [{"bytes": data, "path": name} for name, data in packed.masks],
        "record": packed.record,
    }


def read(path: Path, wanted: Wanted) -> Iterator[tuple[int, Sample]]:
    """Give the wanted samples with their numbers; row groups without any are not read. Raises DamagedError."""
    number = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if {"record", "images", "masks"} - set(file.schema_arrow.names):
                raise DataError(f"{path} is no shard of geoglot (it has no columns record, images and masks): check the folder.")
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                chosen = [i for i in range(number, number + count) if wanted(i)]
                if chosen:
                    table = file.read_row_group(group, columns=["record", "images", "masks"])
                    for i in chosen:
                        yield i, _sample(path, i, *(table.column(k)[i - number].as_py() for k in range(3)))
                number += count
    except (pa.ArrowException, OSError) as error:
        raise DamagedError.at(path, number, f"breaks off or is damaged ({_line(error)})") from None


def _sample(path: Path, number: int, record: str, *files: list[dict[str, Any]]) -> Sample:
    try:
        return records.sample_of(json.loads(record), path, {row["path"]: row["bytes"] for part in files for row in part})
    except (DataError, ValueError) as error:
        raise DamagedError.at(path, number, str(error)) from error


def _line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
