"""What can be taken in: rasters by path or address, scenes that are open already, scenes that an archive has a record of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.archive.rows import Asked, reopen
from geoglot.core.errors import NotFoundError, RasterError
from geoglot.geo import sources as places
from geoglot.geo.files import fingerprint, is_remote
from geoglot.geo.scene import Scene

MAX_RATIO = 4000  # deflate reaches 1,032 on constant data
_LARGE = 2**28  # bytes, which are read whatever the ratio
_REMOTE_WEIGHT = 50e6  # bytes that a remote file is taken for, in guesses of the time left


@dataclass(frozen=True)
class Prepared:
    """An opened scene with what identifies its state; `opened` where it came from a path or address."""

    scene: Scene
    fingerprint: str
    asked: Asked
    opened: bool


@dataclass(frozen=True)
class Source:
    """One scene to be taken in. `place` is a path or address, a `Scene`, or the record of a scene in an archive."""

    id: str
    place: str | Scene | Mapping[str, Any]
    asked: Asked = field(default_factory=Asked)

    @property
    def weight(self) -> float:
        """Size in bytes, as a guess of the work."""
        if is_remote(self.id) or not isinstance(self.place, str):
            return _REMOTE_WEIGHT
        path = Path(self.id)
        return float(path.stat().st_size) if path.is_file() else _REMOTE_WEIGHT

    def open(self, records: Mapping[str, Mapping[str, Any]]) -> Prepared | None:
        """Open the scene, or None when `records` holds it in the same state; raises what `Scene.open` raises."""
        record = records.get(self.id)
        if isinstance(self.place, Scene):
            mark = self.place.fingerprint
            return None if _same(record, mark, self.asked) else Prepared(self.place, mark, self.asked, False)
        if isinstance(self.place, Mapping):
            asked = Asked.parse(self.place["asked"])
            scene = reopen(dict(self.place))
            mark = scene.fingerprint
            if _same(record, mark, asked):
                scene.close()
                return None
            return Prepared(scene, mark, asked, not self.place["source"])
        asked = self.asked.filled(Asked.parse(record["asked"])) if record is not None else self.asked
        try:
            mark = fingerprint((self.id,))
        except FileNotFoundError:
            raise NotFoundError(f"There is no file {self.id}.") from None
        if _same(record, mark, asked):
            return None
        return Prepared(Scene.open(self.id, asked.sensor, asked.bands, asked.time), mark, asked, True)


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
                f"{href} claims {dataset.height} x {dataset.width} pixels ({claimed / 2**30:,.0f} GiB) but holds {held / 2**20:,.1f} MiB: "
                "its header is damaged, or nearly all of it is empty; cut out the part with data (gdal_translate -projwin)."
            )


def _same(record: Mapping[str, Any] | None, mark: str, asked: Asked) -> bool:
    return record is not None and record["fingerprint"] == mark and record["asked"] == asked.text()


def listed(sources: Iterable[str | Path | Scene] | str | Path | Scene, asked: Asked) -> list[Source]:
    """Sources by what the user named: folders and globs are looked through; `NotFoundError` where nothing matches."""
    found: dict[str, Source] = {}
    for source in [sources] if isinstance(sources, str | Path | Scene) else sources:
        if isinstance(source, Scene):
            found.setdefault(source.id, Source(source.id, source, asked))
        else:
            for place in places.expand(source):
                found.setdefault(place, Source(place, place, asked))
    return list(found.values())


def recorded(records: Mapping[str, Mapping[str, Any]]) -> list[Source]:
    """The scenes of an archive, to be read again from where they came."""
    return [Source(name, row) for name, row in records.items()]
