"""Searches that are kept, and what has come in since they were last looked at."""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geoglot.archive import Hits
from geoglot.core.errors import ArchiveError, InputError, NotFoundError
from geoglot.geo.write import write_text
from geoglot.serve.chips import Chips
from geoglot.serve.errors import Busy, Missing
from geoglot.serve.library import Library
from geoglot.serve.searching import Searcher
from geoglot.serve.settings import Limits
from geoglot.serve.shapes import Search


@dataclass
class Kept:
    """A search with a name; `runs` are the states of scenes that were there when it was last looked at."""

    id: str
    name: str
    search: dict[str, Any]
    created: str
    seen: str
    runs: list[int]


class Saved:
    """All kept searches, in one file that is replaced whole."""

    def __init__(self, searcher: Searcher, library: Library, chips: Chips, path: Path, limits: Limits) -> None:
        self._searcher, self._library, self._chips, self._path, self._limits = searcher, library, chips, path, limits
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        if path.exists():
            try:
                self._kept = {entry["id"]: Kept(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))}
            except (ValueError, TypeError, KeyError) as error:
                raise ArchiveError(f"The saved searches in {path} are damaged ({error}): move the file away.") from None

    def add(self, name: str, search: Search) -> Kept:
        """Keep a search that makes sense."""
        self._searcher.find(search.model_copy(update={"limit": 1}))
        now = _now()
        with self._lock:
            if len(self._kept) >= self._limits.saved:
                raise Busy("Too many searches are kept.", "Delete some of them.")
            asked = search.model_dump(exclude_unset=True, exclude={"format"}, mode="json")
            if search.chip is not None:
                self._chips.pin(search.chip)
            made = Kept(secrets.token_urlsafe(9), name, asked, now, now, self._runs())
            self._kept[made.id] = made
            self._write()
        return made

    def get(self, id: str) -> Kept:
        """A kept search by its id."""
        found = self._kept.get(id)
        if found is None:
            raise Missing(f"There is no saved search {id[:40]!r}.", "GET /api/saved lists them.")
        return found

    def all(self) -> list[Kept]:
        """All of them, newest first."""
        return sorted(self._kept.values(), key=lambda kept: kept.created, reverse=True)

    def delete(self, id: str) -> None:
        """Keep it no longer."""
        with self._lock:
            chip = self.get(id).search.get("chip")
            del self._kept[id]
            self._write()
            if chip is not None and all(kept.search.get("chip") != chip for kept in self._kept.values()):
                self._chips.unpin(chip)

    def look(self, id: str) -> Kept:
        """Take what is there now for seen."""
        with self._lock:
            made = self.get(id)
            made.runs, made.seen = self._runs(), _now()
            self._write()
        return made

    def new(self, id: str) -> Hits:
        """Hits in scenes that were taken in, or changed, since the last look."""
        kept = self.get(id)
        asked, fresh = Search.model_validate(kept.search), self._fresh(kept)
        if asked.scene is not None:
            fresh = [scene for scene in fresh if scene == self._library.entry(asked.scene).row["scene"]]
        return self._searcher.find(asked, scene=fresh) if fresh else Hits()

    def told(self, kept: Kept) -> dict[str, Any]:
        """A kept search for those who ask, with how many new places it finds."""
        made = asdict(kept)
        del made["runs"]
        try:
            count: int | None = len(self.new(kept.id))
        except (NotFoundError, InputError):  # a tile, a place or a picture that it names has gone
            count = None
        return made | {"new": count}

    def _fresh(self, kept: Kept) -> list[str]:
        known = set(kept.runs)
        return [str(entry.row["scene"]) for entry in self._library.entries().values() if int(entry.row["run"]) not in known]

    def _runs(self) -> list[int]:
        return [int(entry.row["run"]) for entry in self._library.entries().values()]

    def _write(self) -> None:
        write_text(self._path, json.dumps([asdict(kept) for kept in self._kept.values()]))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
