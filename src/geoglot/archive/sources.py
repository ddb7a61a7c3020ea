"""What can be taken in: files, items of catalogues, scenes that are open already, scenes that an archive has a record of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geoglot.archive.rows import Asked, reopen
from geoglot.core.errors import GeoglotError, NotFoundError, RasterError
from geoglot.geo.files import is_remote
from geoglot.geo.scene import Scene
from geoglot.geo.sources import FileEntry, entries

if TYPE_CHECKING:
    from geoglot.geo.items import ItemEntry

Sources = Iterable[str | Path | Scene] | str | Path | Scene

MAX_RATIO = 4000  # deflate reaches 1,032 on constant data
_LARGE = 2**28  # bytes, which are read whatever the ratio
_UNKNOWN_WEIGHT = 50e6  # bytes that a file elsewhere is taken for, in guesses of the time left


@dataclass(frozen=True)
class Prepared:
    """An opened scene with what identifies its state; `opened` where it came from a path or address."""

    scene: Scene
    fingerprint: str
    asked: Asked
    opened: bool


@dataclass(frozen=True)
class Source:
    """One scene to be taken in.

    `place` is an entry of `geo.sources` (a file or an item of a catalogue), an open scene, the record of a scene in an
    archive, or the error that a catalogue gave instead of an item.
    """

    id: str
    place: FileEntry | ItemEntry | Scene | Mapping[str, Any] | GeoglotError
    asked: Asked = field(default_factory=Asked)

    @property
    def weight(self) -> float:
        """Size in bytes, as a guess of the work."""
        if isinstance(self.place, FileEntry) and not is_remote(self.id):
            path = Path(self.id)
            return float(path.stat().st_size) if path.is_file() else _UNKNOWN_WEIGHT
        return _UNKNOWN_WEIGHT

    def open(self, records: Mapping[str, Mapping[str, Any]]) -> Prepared | None:
        """Open the scene, or None when `records` holds it in the same state; raises what `Scene.open` raises."""
        record, asked, place = records.get(self.id), self.asked, self.place
        if isinstance(place, GeoglotError):
            raise place
        if isinstance(place, Scene):
            return None if _same(record, place.fingerprint, asked) else Prepared(place, place.fingerprint, asked, False)
        if isinstance(place, Mapping):
            asked = Asked.parse(place["asked"])
            scene = reopen(place)
            if not _same(record, scene.fingerprint, asked):
                return Prepared(scene, scene.fingerprint, asked, not place["source"])
            scene.close()
            return None
        if record is not None:
            asked = asked.filled(Asked.parse(record["asked"]))
        try:
            mark = place.fingerprint()
        except FileNotFoundError:
            raise NotFoundError(f"There is no file {self.id}.") from None
        if _same(record, mark, asked):
            return None
        return Prepared(place.open(asked.sensor, asked.bands, asked.time), mark, asked, isinstance(place, FileEntry))


def check_size(scene: Scene) -> None:
    """Raise `RasterError` for a local file whose header claims thousands of times what it holds.

    Such a file is damaged, or almost wholly without data; reading it would make hours of empty tiles.
    """
    for href in dict.fromkeys(layer.href for layer in scene.layers):
        if is_remote(href) or not Path(href).is_file():
            continue
        dataset, held = scene.dataset(href), Path(href).stat().st_size
        claimed = dataset.height * dataset.width * sum(np.dtype(kind).itemsize for kind in dataset.dtypes)
        if dataset.driver != "VRT" and claimed > max(_LARGE, MAX_RATIO * held):
            raise RasterError(
                f"{href} claims {dataset.height} x {dataset.width} pixels ({claimed / 2**30:,.0f} GiB) but holds "
                f"{held / 2**20:,.1f} MiB: its header is damaged, or nearly all of it is empty; cut out the part with data "
                "(gdal_translate -projwin)."
            )


def _same(record: Mapping[str, Any] | None, mark: str, asked: Asked) -> bool:
    return record is not None and record["fingerprint"] == mark and record["asked"] == asked.text()


def listed(sources: Sources, asked: Asked, stac: Iterable[str | Path] | str | Path = (), **chosen: Any) -> list[Source]:
    """Sources by what the user named: folders, globs and catalogues are looked through, each scene is there once.

    `chosen` are `collections`, `bbox` and `between`, which choose among the items of catalogues. Raises `NotFoundError`
    where nothing matches, and what `geo.sources.entries` raises.
    """
    found: dict[str, Source] = {}
    given = [sources] if isinstance(sources, str | Path | Scene) else list(sources)
    for scene in given:
        if isinstance(scene, Scene):
            found.setdefault(scene.id, Source(scene.id, scene, asked))
    paths = [source for source in given if not isinstance(source, Scene)]
    for entry in entries(paths, stac, **chosen):
        name, place = entry if isinstance(entry, tuple) else (entry.id, entry)
        found.setdefault(name, Source(name, place, asked))
    return list(found.values())


def recorded(records: Mapping[str, Mapping[str, Any]]) -> list[Source]:
    """The scenes of an archive, to be read again from where they came."""
    return [Source(name, row) for name, row in records.items()]
