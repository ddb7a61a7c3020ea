"""Ingest: from rasters to rows. Idempotent, restartable after a kill at any moment, unmoved by broken scenes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.pipeline import End, Job, Piece, Reader, Tray
from geoglot.archive.rows import Tiles, run_of, scene_row, tile_batch
from geoglot.archive.sources import Prepared, Source, check_size
from geoglot.archive.store import Tables, Writer
from geoglot.archive.tiling import tiling
from geoglot.core.progress import Progress
from geoglot.core.protocols import Scorer, TileEncoder, VectorScorer

FLUSH_ROWS = 8192
FLUSH_SECONDS = 30.0


@dataclass(frozen=True)
class Report:
    """What an ingest did: scenes by what became of them, tiles written, `skipped` sources with the reason."""

    archive: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: int
    tiles: int
    empty: int
    cloudy: int
    skipped: tuple[tuple[str, str], ...]
    seconds: float

    @property
    def scenes(self) -> int:
        """How many of the sources are now in the archive."""
        return len(self.added) + len(self.replaced) + self.unchanged


@dataclass
class _Ledger:
    """What has happened so far, to be made into a `Report`."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0
    tiles: int = 0
    empty: int = 0
    cloudy: int = 0


class Ingest:
    """One run of ingest into one generation of an archive, whose lock the caller holds."""

    def __init__(
        self,
        writer: Writer,
        tables: Tables,
        encoder: TileEncoder,
        batch: int,
        cloud: Scorer | VectorScorer | None,
        max_cloud: float | None,
    ) -> None:
        self._writer, self._tables, self._encoder = writer, tables, encoder
        self._cloud, self._max_cloud = cloud, max_cloud
        self._tray = Tray(batch, encoder.spec.size)
        self._rows: dict[int, tuple[Job, Tiles]] = {}
        self._ended: list[Job] = []
        self._count, self._flushed = 0, time.monotonic()
        self.ledger = _Ledger()
        self.records = tables.records()
        # tiles of scenes that are not complete, from an interrupted run or from this one: hidden from readers
        self._loose = tables.loose(self.records)

    def prepare(self, source: Source) -> Job | None:
        """Open a source and plan its tiles; None when it is in the archive as it is."""
        options, size = self._tables.generation.options, self._encoder.spec.size
        ready: Prepared | None = source.open(self.records)
        if ready is None:
            return None
        scene = ready.scene
        check_size(scene)
        run = run_of(scene.id, ready.fingerprint, ready.asked)
        plan = tiling(scene.shape, scene.gsd, size, options)
        job = Job(scene, plan, run, ready.fingerprint, ready.asked, ready.opened)
        if run in self._loose:
            job.done = self._tables.windows(run)
            job.stored = len(job.done)
        return job

    def run(self, reader: Reader[Source], sources: Sequence[Source], progress: Progress) -> None:
        """Take in everything that the reader gives; the last commit is made, the leftovers are swept."""
        estimate = Estimate(sources, progress)
        with closing(iter(reader)) as items:  # an error here must stop the threads that read
            for item in items:
                if isinstance(item, Piece):
                    estimate.began(item.job)
                    self._take(item)
                    progress.advance(len(item.chunk.tiles), f"{len(self.ledger.skipped)} skipped" if self.ledger.skipped else "")
                else:
                    self._end(item)
                    estimate.ended(item)
                if self._count >= FLUSH_ROWS or time.monotonic() - self._flushed > FLUSH_SECONDS:
                    self.flush()
        self._encode()
        self.flush()
        self.sweep()

    def _take(self, piece: Piece) -> None:
        job = piece.job
        if job.failed:
            return
        for window, place in zip(piece.chunk.tiles, piece.chunk.places, strict=True):
            if window[:2] in job.done:
                continue
            if not self._tray.put(piece, window, place):
                job.empty += 1
            elif self._tray.full:
                self._encode()

    def _encode(self) -> None:
        """Encode what waits and put it among the rows of its scenes."""
        n = len(self._tray.waiting)
        if n == 0:
            return
        kept, clouds, vectors = self._seen()
        place = {int(index): row for row, index in enumerate(kept)}
        for index, (job, window, valid) in enumerate(self._tray.waiting):
            job.inflight -= 1
            if index not in place:
                job.cloudy += 1
                continue
            _, rows = self._rows.setdefault(job.run, (job, Tiles()))
            rows.windows.append(window)
            rows.valid.append(valid)
            rows.cloud.append(clouds[index])
            rows.vectors.append(vectors[place[index]])
            self._count += 1
        self._tray.waiting.clear()

    def _seen(self) -> tuple[NDArray[np.intp], list[float | None], NDArray[np.float32]]:
        """Of what waits: which tiles are kept, the share of cloud of all, the vectors of those that are kept."""
        pixels, seen, gsd = self._tray.arrays()
        if self._cloud is None:
            return np.arange(len(gsd)), [None] * len(gsd), self._encoder.encode(pixels, seen, gsd)
        if isinstance(self._cloud, VectorScorer):
            vectors = self._encoder.encode(pixels, seen, gsd)
            shares = np.asarray(self._cloud.of_vectors(vectors), dtype=np.float32)
            kept = self._clear(shares)
            return kept, shares.tolist(), vectors[kept]
        shares = np.asarray(self._cloud.score(pixels, seen), dtype=np.float32)
        kept = self._clear(shares)
        if not len(kept):
            return kept, shares.tolist(), np.zeros((0, self._encoder.spec.dim), np.float32)
        return kept, shares.tolist(), self._encoder.encode(pixels[kept], seen[kept], gsd[kept])

    def _clear(self, shares: NDArray[np.float32]) -> NDArray[np.intp]:
        """Which tiles are not too cloudy."""
        return np.arange(len(shares)) if self._max_cloud is None else np.flatnonzero(shares <= self._max_cloud)

    def _end(self, item: End) -> None:
        if item.error is not None and item.job is None:
            self.ledger.skipped.append((item.source, item.error))
        elif item.error is not None and item.job is not None:
            self._encode()  # empties the batch, so that no tile of the broken scene stays in it
            _, rows = self._rows.pop(item.job.run, (None, Tiles()))
            self._count -= len(rows)
            self._fail(item.job, item.error)
        elif item.job is None:
            self.ledger.unchanged += 1
        else:
            self._ended.append(item.job)

    def _fail(self, job: Job, reason: str) -> None:
        """Give a scene up; what is stored of it stays hidden, and goes in the end."""
        if not job.failed:
            job.failed = True
            self.ledger.skipped.append((job.scene.id, reason))

    def flush(self) -> None:
        """Commit rows, then the scenes that they complete, then the deletion of what these replace; then publish."""
        self._flushed = time.monotonic()
        batches = []
        for job, rows in self._rows.values():
            try:
                batches.append(tile_batch(job.scene, job.run, job.fingerprint, rows, self._encoder.spec.dim))
            except Exception as error:  # a damaged georeference may defy geometry in ways that no library documents
                self._fail(job, f"its tiles have no place on the Earth ({type(error).__name__}: {error})")
                continue
            job.stored += len(rows)
            self._loose.add(job.run)
        if batches:
            self._tables.add(batches)
        self._rows.clear()
        self._count = 0
        ready = [job for job in self._ended if job.inflight == 0 and not job.failed]
        self._ended = [job for job in self._ended if job.inflight and not job.failed]
        self._complete([job for job in ready if job.stored or job.cloudy])
        self.ledger.skipped += [(job.scene.id, "it holds no valid pixels") for job in ready if not (job.stored or job.cloudy)]
        self._writer.publish(self._tables, self._loose)

    def _complete(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        made = {job.scene.id: self._record(job) for job in jobs}
        self._tables.complete(list(made.values()))
        stale = []
        for name, row in made.items():
            old = self.records.get(name)
            if old is not None and old["run"] != row["run"]:
                stale.append(old["run"])
            (self.ledger.replaced if old is not None else self.ledger.added).append(name)
            self.records[name] = row
            self._loose.discard(row["run"])
        self._tables.delete_runs(stale)

    def _record(self, job: Job) -> dict[str, Any]:
        self.ledger.tiles += job.stored
        self.ledger.empty += job.empty
        self.ledger.cloudy += job.cloudy
        counts = {"tiles": job.stored, "empty": job.empty, "cloudy": job.cloudy}
        return scene_row(job.scene, job.run, job.fingerprint, job.asked, counts, job.opened)

    def sweep(self) -> None:
        """Delete tiles of scenes that were begun and not finished, now or by a run that was killed; then publish."""
        if self._loose:
            self._tables.delete_runs(sorted(self._loose))
            self._loose.clear()
        self._writer.publish(self._tables, ())


class Estimate:
    """The number of tiles there will be: of opened scenes exactly, of the others by the size of their files."""

    def __init__(self, sources: Sequence[Source], progress: Progress) -> None:
        self._progress = progress
        self._left = {source.id: source.weight for source in sources}
        self._tiles, self._weight = 0, 0.0
        self._begun: set[int] = set()

    def began(self, job: Job) -> None:
        """Count the tiles of a scene that is open now."""
        if job.run not in self._begun:
            self._begun.add(job.run)
            self._count(job.scene.id, len(job.tiling))

    def ended(self, item: End) -> None:
        """Expect nothing more of a source."""
        if item.source in self._left:
            self._count(item.source, 0)

    def _count(self, source: str, tiles: int) -> None:
        self._tiles += tiles
        self._weight += self._left.pop(source, 0.0)
        rest = sum(self._left.values()) if len(self._left) < 1000 or len(self._left) % 100 == 0 else None
        if rest is not None and self._weight > 0:
            self._progress.total = round(self._tiles * (1 + rest / self._weight))
