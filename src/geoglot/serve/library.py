"""What is served: the operator's archive, and beside it the one that uploads are taken into."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geoglot.archive import Archive, Hit, Hits
from geoglot.archive.indexing import check_model
from geoglot.archive.rows import reopen
from geoglot.archive.store import Store
from geoglot.core.errors import NotFoundError, RasterError
from geoglot.geo.footprint import bounds
from geoglot.geo.scene import Scene
from geoglot.serve.errors import Missing
from geoglot.serve.shelf import Shelf

_TILE = "Search anew: ids of tiles are those of features that a search gave."
_SCENE = "GET /api/scenes lists the scenes that there are."


def public(scene: str) -> str:
    """The name of a scene for strangers: short, and without the folders of this machine."""
    return hashlib.blake2b(scene.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A scene of the collection; `row` is its record."""

    id: str
    row: dict[str, Any]
    uploaded: bool
    archive: Archive

    @property
    def key(self) -> str:
        """Names this state of the scene."""
        return f"{self.id}-{self.row['run']}"

    @property
    def name(self) -> str:
        """The name of its file."""
        return Path(str(self.row["href"])).name or str(self.row["href"])

    @property
    def time(self) -> datetime | None:
        """When it was taken."""
        found: datetime | None = self.row["time"]
        return found

    @cached_property
    def box(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north; east is past 180 across the antimeridian."""
        shape: BaseGeometry | None = self.row["geometry"]
        return None if shape is None or shape.is_empty else bounds(shape)


class Library:
    """Scenes and tiles of both archives as one collection."""

    def __init__(self, archive: str, uploads: Path, open_scenes: int) -> None:
        self.main = Archive.open(archive)
        self.uploads_path = uploads
        self._uploads: Archive | None = None
        self.shelf = Shelf(open_scenes)
        self._lock = threading.Lock()
        self._version: tuple[Any, ...] = ()
        self._entries: dict[str, Entry] = {}
        self._by_scene: dict[str, Entry] = {}
        _ = self.uploads  # what another model made is refused at the start

    @property
    def uploads(self) -> Archive | None:
        """The archive of uploads, None before the first one; `ModelMismatchError` where another model made it."""
        if self._uploads is None and Store(self.uploads_path).exists():
            made = Archive.open(self.uploads_path)
            check_model(made.model, self.main.model, f"name another folder with --state, or remove {self.uploads_path}")
            self._uploads = made
        return self._uploads

    @property
    def archives(self) -> list[Archive]:
        """Those that there are."""
        beside = self.uploads
        return [self.main] if beside is None else [self.main, beside]

    @property
    def version(self) -> tuple[Any, ...]:
        """Changes with everything that is taken in or out."""
        return tuple(archive.version for archive in self.archives)

    def entries(self) -> dict[str, Entry]:
        """All scenes by public id, in the order of their names."""
        version = self.version
        with self._lock:
            if version != self._version:
                found: dict[str, Entry] = {}
                for archive in self.archives:
                    for row in archive.scenes():
                        entry = Entry(public(row["scene"]), row, archive is not self.main, archive)
                        found.setdefault(entry.id, entry)
                self._entries, self._version = found, version
                self._by_scene = {entry.row["scene"]: entry for entry in found.values()}
            return self._entries

    def entry(self, id: str) -> Entry:
        """A scene by its public id."""
        found = self.entries().get(id)
        if found is None:
            raise Missing(f"There is no scene {id[:40]!r}.", _SCENE)
        return found

    def by_scene(self) -> dict[str, Entry]:
        """All scenes by the archive's own names: for many hits at once, since each look asks the disk for news."""
        self.entries()
        return self._by_scene

    def of_hit(self, hit: Hit) -> Entry | None:
        """The scene of a hit; None where it has been taken out since."""
        return self.by_scene().get(hit.scene)

    def __len__(self) -> int:
        return sum(len(archive) for archive in self.archives)

    @contextmanager
    def scene(self, entry: Entry) -> Iterator[Scene]:
        """The scene, open for reading."""
        try:
            with self.shelf.lend(entry.key, lambda: reopen(entry.row)) as scene:
                yield scene
        except Missing:  # something else, which was looked for meanwhile
            raise
        except NotFoundError:
            raise Missing(
                f"The file of the scene {entry.name!r} is not where it was indexed.",
                "Ask the operator to put it back, or to index it anew from where it is.",
            ) from None
        except RasterError:  # a file that is repaired shall not stay broken because it is open
            self.shelf.forget(entry.key)
            raise

    def tile(self, id: str) -> Hit:
        """A tile by its id."""
        for archive in self.archives:
            hits, _ = archive.tiles(where={"id": id}, limit=1)
            if hits:
                return hits[0]
        raise Missing(f"There is no tile {id[:40]!r}.", _TILE)

    def tiles(self, limit: int, offset: int, **filters: Any) -> tuple[list[Hit], int]:
        """Tiles that pass filters, and how many do; see `Archive.tiles`."""
        found: list[Hit] = []
        total = 0
        for archive in self.archives:
            hits, count = archive.tiles(limit=limit - len(found) or 1, offset=max(0, offset - total), **filters)
            found += hits[: limit - len(found)]
            total += count
        return found, total

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The stored vectors (N, D) of tiles."""
        known: dict[str, NDArray[np.float32]] = {}
        for id in dict.fromkeys(ids):
            for archive in self.archives:
                try:
                    known[id] = archive.vectors([id])[0]
                    break
                except NotFoundError:
                    continue
            else:
                raise Missing(f"There is no tile {id[:40]!r}.", _TILE)
        return np.stack([known[id] for id in ids])

    def find(self, vectors: NDArray[np.float32], k: int, weight: float, without: Sequence[str], **filters: Any) -> Hits:
        """The best tiles of both archives for query vectors; see `Archive.find`.

        With words and an image together each archive standardises its scores over its own tiles.
        """
        found = [
            hit for archive in self.archives for hit in archive.find(vectors, k=k, weight=weight, without=without, **filters)
        ]
        found.sort(key=lambda hit: -hit.score)
        return Hits(replace(hit, rank=rank) for rank, hit in enumerate(found[:k], 1))

    def where(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Conditions on attributes with public ids of scenes put into the archive's."""
        made = dict(given)
        if "scene" in made:
            wanted = [made["scene"]] if isinstance(made["scene"], str) else list(made["scene"])
            made["scene"] = [self.entry(id).row["scene"] for id in wanted]
        return made

    def close(self) -> None:
        """Close the scenes."""
        self.shelf.close()
