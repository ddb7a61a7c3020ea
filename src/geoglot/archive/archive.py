"""An archive that is open for reading: what is in it, and search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from geoglot.archive import filters, queries, ranking
from geoglot.archive.hits import Hit, Hits
from geoglot.archive.indexing import check_model
from geoglot.archive.ingest import Report
from geoglot.archive.store import Generation, Store, Writer
from geoglot.core.errors import ArchiveError, InputError, NotFoundError
from geoglot.core.protocols import ModelSpec, TextEncoder
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster

MERGED = 0.25  # of the smaller tile: two hits of one scene that share more are one place
MAX_K = 10_000
_COLUMNS = "id scene href row col height width footprint crs transform time gsd sensor bands valid cloud".split()


class Archive:
    """The index of a collection of scenes; a process may keep it open while another one writes."""

    def __init__(self, path: str | Path) -> None:
        self._store = Store(path)
        self._state_table = self._store.open_state()
        self._connection = self._store.connect()
        self._live: Generation | None = None
        self.report: Report | None = None  # of the ingest that opened it, where one did
        self._refresh()

    @classmethod
    def open(cls, path: str | Path) -> Archive:
        """Open an archive; `NotFoundError` where there is none, `ArchiveError` where it is damaged."""
        return cls(path)

    def _refresh(self) -> None:
        """Look at what was published last."""
        live = self._store.state(self._state_table).live
        if live == self._live:
            return
        try:
            self._tiles, self._scenes = self._store.read(live, self._connection)
        except ArchiveError:  # a switch of generations between the two reads
            live = self._store.state(self._state_table).live
            self._tiles, self._scenes = self._store.read(live, self._connection)
        self._live = live
        self._records: dict[str, dict[str, Any]] | None = None

    @property
    def _generation(self) -> Generation:
        assert self._live is not None
        return self._live

    @property
    def path(self) -> str:
        """Where the archive is."""
        return self._store.path

    @property
    def model(self) -> ModelSpec:
        """The model that made its vectors."""
        return self._generation.model

    def __len__(self) -> int:
        self._refresh()
        hidden = filters.make(hidden=self._generation.hidden).sql
        return int(self._tiles.count_rows(hidden or None))

    def scenes(self) -> list[dict[str, Any]]:
        """What is known of each scene: identifier, tiles, time, gsd, sensor, bands, footprint and so on, by identifier."""
        self._refresh()
        rows = [dict(row) for row in self._known().values()]
        for row in rows:
            row["geometry"] = None if row["footprint"] is None else shapely.from_wkb(row.pop("footprint"))
            row["time"] = None if row["time"] is None else row["time"].replace(tzinfo=UTC)
            row["bands"] = _bands(row["bands"])
        return sorted(rows, key=lambda row: str(row["scene"]))

    def _known(self) -> dict[str, dict[str, Any]]:
        if self._records is None:
            with self._store.errors("Reading"):
                self._records = {row["scene"]: row for row in self._scenes.to_arrow().to_pylist()}
        return self._records

    def info(self) -> dict[str, Any]:
        """The archive in figures: model, scenes, tiles, options, and the span of its times."""
        scenes = self.scenes()
        times = [row["time"] for row in scenes if row["time"] is not None]
        options = self._generation.options
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
            writer = Writer(self._store, self.model, self._generation.options)
            tables = writer.tables(writer.state.live)
            records = tables.records()
            key = scene if scene in records else str(Path(scene).expanduser().absolute())
            if key not in records:
                near = [name for name in records if Path(name).name == Path(scene).name][:3]
                hint = f"did you mean {', '.join(near)}?" if near else "Archive.scenes() lists what it holds."
                raise NotFoundError(f"The archive has no scene {scene!r}; {hint}")
            tables.forget(key)
            tables.delete_runs([records[key]["run"]])
            writer.publish(tables, tables.generation.hidden)
        return int(records[key]["tiles"])

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
        if not 1 <= k <= MAX_K:
            raise InputError(f"k is a number from 1 to {MAX_K}, got {k}.")
        if not 0 <= weight <= 1:
            raise InputError(f"The weight of the words is a number from 0 to 1, got {weight}.")
        title = queries.title(text, image, like)
        while True:
            self._refresh()
            seen = self._live
            try:
                chosen = filters.make(bbox, within, time, where, self._generation.hidden)
                parts = []
                if image is not None or like:
                    parts.append(self._image_query(image, like, model))
                if text is not None:
                    parts.append(self._text_query(text, text_encoder or model))
                return Hits(self._answer(np.stack(parts), weight, chosen, k, merge, set(like)), title)
            except ArchiveError:  # a writer may have dropped the tables of a generation that it switched away from
                self._refresh()
                if self._live == seen:
                    raise

    def _answer(
        self, vectors: NDArray[np.float32], weight: float, chosen: filters.Filter, k: int, merge: bool, without: set[str]
    ) -> list[Hit]:
        """Rank and collect; with more candidates of the approximate index where too few of them pass the exact tests."""
        wanted = k + len(without)
        while True:
            with self._store.errors("Searching"):
                found = ranking.rank(self._tiles, vectors, weight, chosen.sql, wanted)
                hits = self._collect(found, chosen, k, merge, without)
            if len(hits) == k or found.complete:
                return hits
            wanted *= 8

    def _text_query(self, words: str, encoder: TextEncoder | None) -> NDArray[np.float32]:
        if not words.strip():
            raise InputError("The words to look for are empty.")
        encoder = encoder or queries.text_encoder(self.model)
        check_model(self.model, encoder.spec, "search with the archive's model, or move it on with 'geoglot index --re-embed'")
        return queries.unit(np.asarray(encoder.text([words]), dtype=np.float32)[0])

    def _image_query(self, image: Any, like: Sequence[str], model: Any) -> NDArray[np.float32]:
        found = []
        if image is not None:
            encoder = queries.image_encoder(self.model if model is None else model)
            check_model(
                self.model, encoder.spec, "search with the archive's model, or move it on with 'geoglot index --re-embed'"
            )
            found.append(queries.encode(encoder, image))
        if like:
            found.append(self._examples(like))
        return queries.unit(np.mean(found, axis=0))

    def _examples(self, ids: Sequence[str]) -> NDArray[np.float32]:
        where = filters.make(where={"id": list(ids)}, hidden=self._generation.hidden).sql
        with self._store.errors("Reading"):
            rows = self._tiles.search().where(where).select(["id", "vector"]).to_arrow()
        missing = sorted(set(ids) - set(rows["id"].to_pylist()))
        if missing:
            raise NotFoundError(f"The archive has no row {missing[0]!r}; examples are ids of hits of this archive.")
        return queries.unit(ranking.vectors(rows["vector"].combine_chunks()).mean(axis=0))

    def _collect(self, found: ranking.Ranked, chosen: filters.Filter, k: int, merge: bool, without: set[str]) -> list[Hit]:
        """Go down the ranked rows until `k` of them pass the exact tests and lie apart."""
        hits: list[Hit] = []
        taken: dict[str, list[Window]] = {}
        at, step = 0, max(64, 2 * k)
        while len(hits) < k and at < len(found.ids):
            ids, scores = found.ids[at : at + step].tolist(), found.scores[at : at + step].tolist()
            rows = self._rows(ids)
            inside = chosen.meets([row["footprint"] for row in rows])
            for row, score, meets in sorted(zip(rows, scores, inside, strict=True), key=lambda item: (-item[1], item[0]["id"])):
                if not meets or row["id"] in without:
                    continue
                window = row["row"], row["col"], row["height"], row["width"]
                before = taken.setdefault(row["scene"], [])
                if merge and any(shared(window, other) > MERGED for other in before):
                    continue
                before.append(window)
                hits.append(self._hit(len(hits) + 1, score, row, window))
                if len(hits) == k:
                    break
            at, step = at + step, min(2 * step, 8192)
        return hits

    def _rows(self, ids: list[int]) -> list[dict[str, Any]]:
        rows = self._tiles.take_row_ids(ids).select(_COLUMNS).with_row_id().to_arrow().to_pylist()
        place = {row["_rowid"]: row for row in rows}
        return [place[row] for row in ids]

    def _hit(self, rank: int, score: float, row: dict[str, Any], window: Window) -> Hit:
        grid = None
        if row["crs"] is not None:
            grid = Grid(CRS.from_string(row["crs"]), Affine(*row["transform"]), window[2:])
        return Hit(
            rank=rank,
            score=float(score),
            scene=row["scene"],
            time=None if row["time"] is None else row["time"].replace(tzinfo=UTC),
            gsd=row["gsd"],
            grid=grid,
            window=window,
            geometry=None if row["footprint"] is None else shapely.from_wkb(row["footprint"]),
            id=row["id"],
            href=row["href"],
            sensor=row["sensor"],
            bands=_bands(row["bands"]),
            valid=float(row["valid"]),
            cloud=row["cloud"],
            record=self._known().get(row["scene"]),
        )

    def __repr__(self) -> str:
        return f"Archive({self.path!r}, {self.model.name}, {len(self._known())} scenes, {len(self)} tiles)"


def shared(one: Window, other: Window) -> float:
    """The part of the smaller of two windows that they have in common."""
    height = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    width = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(height, 0) * max(width, 0) / min(one[2] * one[3], other[2] * other[3])


def _bands(stored: str) -> tuple[str, ...]:
    return tuple(name for name in stored.split(",") if name)
