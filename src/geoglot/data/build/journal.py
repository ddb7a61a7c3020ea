"""A journal of long work, so that a stopped run goes on: settings in its first line, then one line for each finished item."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from geoglot.core.errors import DataError
from geoglot.geo.write import check_folder


class Journal:
    """The journal beside an output file. A line that was cut off counts as not written.

    Raises DataError where the journal is that of a run with other settings.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any]) -> None:
        check_folder(target)
        self.path = target.with_name(f".{target.name}.journal")
        head = json.dumps({"settings": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()})
        self.done = 0
        if self.path.exists():
            raw = self.path.read_bytes()
            whole = raw[: raw.rfind(b"\n") + 1]
            lines = whole.split(b"\n")[:-1]
            if lines and lines[0].decode("utf-8", "replace") != head:
                raise DataError(f"{self.path} is of a run with other settings: repeat that run to its end, or remove the file.")
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
            self.done = max(0, len(lines) - 1)
        if not self.path.exists() or self.path.stat().st_size == 0:
            self.path.write_text(f"{head}\n", encoding="utf-8")
        self._file = self.path.open("a", encoding="utf-8")

    def add(self, item: Any) -> None:
        """Write a finished item."""
        self._file.write(json.dumps(item, ensure_ascii=False) + "\n")
        self._file.flush()
        self.done += 1

    def items(self) -> Iterator[Any]:
        """All finished items, in order."""
        with self.path.open(encoding="utf-8") as file:
            next(file, None)
            for line in file:
                yield json.loads(line)

    def close(self) -> None:
        """Close the file; it stays for the next run."""
        self._file.close()

    def remove(self) -> None:
        """Close and remove it: the work is finished."""
        self.close()
        self.path.unlink(missing_ok=True)
