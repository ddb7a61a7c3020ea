"""An archive that is open for reading: what is in it, and search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geoglot.archive import filters, queries
from geoglot.archive.hits import Hits
from geoglot.archive.indexing import check_model
from geoglot.archive.ingest import Report
from geoglot.archive.store import Store, Writer
from geoglot.archive.view import View, Wanted, band_names
from geoglot.core.errors import ArchiveError, InputError, NotFoundError
from geoglot.core.protocols import ModelSpec, TextEncoder
from geoglot.geo.raster import Raster

MAX_K = 10_000
_ADVICE = "search with the archive's model, or move it on with 'geoglot index --re-embed'"


class Archive:
    """The index of a collection of scenes.

    A process may keep it open while another one writes, and use it from several threads.
    """

    def __init__(self, path: str | Path) -> None:
        self._store = Store(path)
        self._state = self._store.open_state()
        self._connection = self._store.connect()
        self._seen: View | None = None
        self.report: Report | None = None  # of the ingest that opened it, where one did
        self._view()

    @classmethod
    def open(cls, path: str | Path) -> Archive:
        """Open an archive; `NotFoundError` where there is none, `ArchiveError` where it is damaged."""
        return cls(path)

    def _view(self) -> View:
        """What was published last."""
        seen = self._seen
        live = self._store.state(self._state).live
        if seen is None or seen.generation != live:
            try:
                tables = self._store.read(live, self._connection)
            except ArchiveError:  # a switch of generations between the two reads
                live = self._store.state(self._state).live
                tables = self._store.read(live, self._connection)
            seen = self._seen = View(live, *tables, self._store.folder)
        return seen

    @property
    def path(self) -> str:
        """Where the archive is."""
        return self._store.path

    @property
    def version(self) -> tuple[int, int, int]:
        """Changes with everything that a writer publishes: compare it to know whether to look again."""
        seen = self._view().generation
        return seen.number, seen.tiles, seen.scenes

    @property
    def model(self) -> ModelSpec:
        """The model that made its vectors."""
        return self._view().generation.model

    def __len__(self) -> int:
        with self._store.errors("Reading"):
            return len(self._view())

    def scenes(self) -> list[dict[str, Any]]:
        """What is known of each scene: identifier, tiles, time, gsd, sensor, bands, geometry and so on, by identifier."""
        with self._store.errors("Reading"):
            rows = [dict(row) for row in self._view().records.values()]
        for row in rows:
            outline = row.pop("footprint")
            row["geometry"] = None if outline is None else shapely.from_wkb(outline)
            row["time"] = None if row["time"] is None else row["time"].replace(tzinfo=UTC)
            row["bands"] = band_names(row["bands"])
        return sorted(rows, key=lambda row: str(row["scene"]))

    def info(self) -> dict[str, Any]:
        """The archive in figures: model, scenes, tiles, options, and the span of its times."""
        scenes, options = self.scenes(), self._view().generation.options
        times = [row["time"] for row in scenes if row["time"] is not None]
        return {
            "path": self.path,
            "model": self.model.name,
            "hash": self.model.hash,
            "scenes": len(scenes),
            "tiles": len(self),
            "tile": options.tile,
            "gsd": options.gsd,
            "overlap": options.overlap or 0.0,
            "sensors": sorted({row["sensor"] for row in scenes}),
            "first": min(times, default=None),
            "last": max(times, default=None),
        }

    def remove(self, scene: str) -> int:
        """Take a scene out, by its identifier; returns how many tiles went. `NotFoundError` names near identifiers."""
        with self._store.lock():
            seen = self._view().generation
            writer = Writer(self._store, seen.model, seen.options)
            tables = writer.tables(writer.state.live)
            records = tables.records()
            key = scene if scene in records else str(Path(scene).expanduser().absolute())
            if key not in records:
                near = [name for name in records if Path(name).name == Path(scene).name][:3]
                hint = f"did you mean {', '.join(near)}?" if near else "Archive.scenes() lists what it holds."
                raise NotFoundError(f"The archive has no scene {scene!r}; {hint}")
            tables.forget(key)
            gone = records.pop(key)
            tables.delete_runs([gone["run"]])
            writer.publish(tables, tables.loose(records))
        return int(gone["tiles"])

    def search(
        self,
        text: str | None = None,
        *,
        k: int = 20,
        image: str | Path | Raster | NDArray[Any] | None = None,
        weight: float = 0.5,
        like: Sequence[str] = (),
        bbox: Sequence[float] | None = None,
        within: str | Path | BaseGeometry | None = None,
        time: str | None = None,
        where: Mapping[str, Any] | None = None,
        merge: bool = True,
        text_encoder: TextEncoder | None = None,
        model: Any = None,
    ) -> Hits:
        """The `k` places that answer a query best: words, an image, examples (ids of rows), or words with either.

        With both, scores are mixed after WeiCom (see `archive.ranking`); `weight` is the share of the words, in [0, 1].
        Examples are left out of the answer. For `bbox`, `within`, `time` and `where` see `archive.filters.make`; `bbox`
        and `within` keep tiles whose outline meets the area. With `merge`, tiles of one scene that overlap are one hit.
        `text_encoder` and `model` are loaded by the archive's own model where they are None.

        Scores are cosines in [-1, 1], or for words with an image a mixture of probabilities in [0, 1]. Raises `InputError`
        for a query that makes no sense, `ModelMismatchError` for another model than the archive's.
        """
        if text is None and image is None and not like:
            raise InputError("Say what to look for: words, an image, or examples.")
        title = queries.title(text, image, like)
        chosen = {"bbox": bbox, "within": within, "time": time, "where": where}

        def asked(view: View) -> NDArray[np.float32]:
            parts = []
            if image is not None or like:
                parts.append(self._image_query(view, image, like, model))
            if text is not None:
                parts.append(_text_query(view, text, text_encoder or model))
            return np.stack(parts)

        return self._answer(asked, k, weight, chosen, merge, like, title)

    def find(
        self,
        vectors: NDArray[np.float32],
        *,
        k: int = 20,
        weight: float = 0.5,
        bbox: Sequence[float] | None = None,
        within: str | Path | BaseGeometry | None = None,
        time: str | None = None,
        where: Mapping[str, Any] | None = None,
        merge: bool = True,
        without: Sequence[str] = (),
        title: str = "",
    ) -> Hits:
        """`search` for queries that are unit vectors already: (1, D), or (2, D) with the image first and the words second.

        Rows whose ids are in `without` are left out.
        """

        def asked(view: View) -> NDArray[np.float32]:
            dim = view.generation.model.dim
            if vectors.ndim != 2 or len(vectors) not in (1, 2) or vectors.shape[1] != dim:
                raise InputError(f"Queries are one or two vectors of {dim} numbers, got {vectors.shape}.")
            return vectors

        chosen = {"bbox": bbox, "within": within, "time": time, "where": where}
        return self._answer(asked, k, weight, chosen, merge, without, title)

    def vectors(self, ids: Sequence[str]) -> NDArray[np.float32]:
        """The stored vectors (N, D) of some rows, by ids of hits; `NotFoundError` names one that is not there."""
        with self._store.errors("Reading"):
            return self._view().vectors(ids)

    def tiles(
        self,
        *,
        bbox: Sequence[float] | None = None,
        within: str | Path | BaseGeometry | None = None,
        time: str | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[Hits, int]:
        """Tiles that pass the filters, without scores and in the order of the table, and how many pass; see `search`."""
        view = self._view()
        with self._store.errors("Reading"):
            hits, total = view.listed(filters.make(bbox, within, time, where, view.generation.hidden), limit, offset)
        return Hits(hits), total

    def embedded(
        self,
        *,
        bbox: Sequence[float] | None = None,
        within: str | Path | BaseGeometry | None = None,
        time: str | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Windows (N, 4), valid parts (N,) and vectors (N, D) of the tiles that pass the filters, as of one scene."""
        view = self._view()
        with self._store.errors("Reading"):
            return view.embedded(filters.make(bbox, within, time, where, view.generation.hidden))

    def _answer(
        self,
        asked: Callable[[View], NDArray[np.float32]],
        k: int,
        weight: float,
        named: Mapping[str, Any],
        merge: bool,
        without: Sequence[str],
        title: str,
    ) -> Hits:
        if not 1 <= k <= MAX_K:
            raise InputError(f"k is a number from 1 to {MAX_K}, got {k}.")
        if not 0 <= weight <= 1:
            raise InputError(f"The weight of the words is a number from 0 to 1, got {weight}.")
        while True:
            view = self._view()
            chosen = filters.make(**named, hidden=view.generation.hidden)
            vectors = asked(view)
            try:
                with self._store.errors("Searching"):
                    hits = view.answer(vectors, weight, Wanted(k, chosen, merge, frozenset(without)))
                    if not hits and "cloud_max" in (named.get("where") or {}):
                        _check_cloud(view)
                return Hits(hits, title)
            except ArchiveError:  # a writer may have dropped the tables of a generation that it switched away from
                if self._view() is view:
                    raise

    def _image_query(self, view: View, image: Any, like: Sequence[str], model: Any) -> NDArray[np.float32]:
        found = []
        if image is not None:
            encoder = queries.image_encoder(view.generation.model if model is None else model)
            check_model(view.generation.model, encoder.spec, _ADVICE)
            found.append(queries.encode(encoder, image))
        if like:
            with self._store.errors("Reading"):
                found.append(view.examples(like))
        return queries.unit(np.mean(found, axis=0))

    def __repr__(self) -> str:
        view = self._view()
        return f"Archive({self.path!r}, {view.generation.model.name}, {len(view.records)} scenes, {len(view)} tiles)"


def _check_cloud(view: View) -> None:
    """Raise `InputError` where no tile has a share of cloud, so that a filter by it passes none."""
    known = filters.make(where={"cloud_max": 1.0}, hidden=view.generation.hidden)
    if len(view) and not view.listed(known, 1, 0)[1]:
        raise InputError(
            "No tile of the archive knows how much of it is cloud: make it anew with `geoglot index --re-embed --max-cloud 1 -o "
            "ARCHIVE` (a smaller share leaves cloudy tiles out), or leave the filter out."
        )


def _text_query(view: View, words: str, encoder: TextEncoder | None) -> NDArray[np.float32]:
    if not words.strip():
        raise InputError("The words to look for are empty.")
    model = view.generation.model
    encoder = encoder or queries.text_encoder(model)
    check_model(model, encoder.spec, _ADVICE)
    return queries.unit(np.asarray(encoder.text([words]), dtype=np.float32)[0])
