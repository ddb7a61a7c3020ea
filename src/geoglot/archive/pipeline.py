"""Reading ahead of the encoder: threads that open scenes and read them piece by piece into a queue of bounded size."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.rows import Asked
from geoglot.archive.tiling import Chunk, Tiling, cut
from geoglot.core.errors import GeoglotError
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene

QUEUE_BYTES = 48 * 2**20
MAX_READERS = 4
S = TypeVar("S")


@dataclass
class Job:
    """One scene on its way into the archive.

    `done` are tiles (row, column) that an interrupted run has stored; `inflight` counts tiles that wait for the encoder.
    """

    scene: Scene
    tiling: Tiling
    run: int
    fingerprint: str
    asked: Asked
    opened: bool
    done: set[tuple[int, int]] = field(default_factory=set)
    stored: int = 0
    empty: int = 0
    cloudy: int = 0
    inflight: int = 0
    failed: bool = False


@dataclass(frozen=True)
class Piece:
    """One chunk of a scene as the model will see it: picture (3, H, W) in [0, 1], valid (H, W)."""

    job: Job
    chunk: Chunk
    picture: NDArray[np.float32]
    valid: NDArray[np.bool_]

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.picture.nbytes + self.valid.nbytes


@dataclass(frozen=True)
class End:
    """A source is read to its end; `job` is None where it was not read at all, `error` says why reading stopped."""

    source: str
    job: Job | None
    error: str | None = None


class Tray:
    """A batch of tiles on its way to the encoder; `waiting` says of which job each is, its window and its valid fraction."""

    def __init__(self, batch: int, size: int) -> None:
        self._pixels = np.zeros((batch, 3, size, size), dtype=np.float32)
        self._seen = np.zeros((batch, size, size), dtype=np.bool_)
        self._gsd = np.zeros(batch, dtype=np.float32)
        self.waiting: list[tuple[Job, Window, float]] = []

    @property
    def full(self) -> bool:
        """Whether there is no room for another tile."""
        return len(self.waiting) == len(self._pixels)

    def put(self, piece: Piece, window: Window, place: Window) -> bool:
        """Take in a tile of what was read; False, and nothing taken, where it holds no valid pixel."""
        at, job = len(self.waiting), piece.job
        valid = cut(piece.picture, piece.valid, place, self._pixels[at], self._seen[at])
        if valid == 0.0:
            return False
        self._gsd[at] = np.nan if job.scene.gsd is None else job.scene.gsd / job.tiling.scale
        self.waiting.append((job, window, valid))
        job.inflight += 1
        return True

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
        """Tiles (B, 3, S, S), validity (B, S, S) and metres a pixel (B,) of what waits."""
        n = len(self.waiting)
        return self._pixels[:n], self._seen[:n], self._gsd[:n]


class _Queue:
    """Pieces and ends in the order of arrival, bounded by bytes: `put` waits while more than `limit` bytes are held."""

    def __init__(self, limit: int) -> None:
        self._items: deque[Piece | End] = deque()
        self._held, self._limit = 0, limit
        self._change = threading.Condition()
        self.stopped = False

    def put(self, item: Piece | End) -> None:
        size = item.bytes if isinstance(item, Piece) else 0
        with self._change:
            while self._held and self._held + size > self._limit and not self.stopped:
                self._change.wait()
            self._items.append(item)
            self._held += size
            self._change.notify_all()

    def get(self) -> Piece | End:
        with self._change:
            while not self._items:
                self._change.wait()
            item = self._items.popleft()
            self._held -= item.bytes if isinstance(item, Piece) else 0
            self._change.notify_all()
            return item

    def stop(self) -> None:
        with self._change:
            self.stopped = True
            self._items.clear()
            self._held = 0
            self._change.notify_all()


class Reader(Generic[S]):
    """Reads many sources in `workers` threads (None: what suits the machine); iterate over it for pieces, and one `End` a source.

    `prepare` opens a source and says what to do with it, or None where there is nothing to do. Whatever goes wrong with
    a source is told in its `End`: one broken scene never stops the others.
    """

    def __init__(self, sources: Iterable[S], prepare: Callable[[S], Job | None], workers: int | None = None) -> None:
        workers = workers or min(MAX_READERS, os.cpu_count() or 1)
        self._sources = iter(sources)
        self._prepare = prepare
        self._queue = _Queue(QUEUE_BYTES)
        self._lock = threading.Lock()
        self._left = workers
        self._failed: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, daemon=True, name=f"reader-{i}") for i in range(workers)]

    def __iter__(self) -> Generator[Piece | End, None, None]:
        """Start reading; close the generator to stop the threads."""
        for thread in self._threads:
            thread.start()
        try:
            while True:
                item = self._queue.get()
                if isinstance(item, End) and item.source == "":
                    if self._failed is not None:
                        raise self._failed
                    return
                yield item
        finally:
            self._queue.stop()
            for thread in self._threads:
                thread.join()

    def _next(self) -> S | None:
        with self._lock:
            return None if self._failed else next(self._sources, None)

    def _work(self) -> None:
        try:
            while not self._queue.stopped and (source := self._next()) is not None:
                self._read(source)
        except BaseException as error:  # the list of sources itself failed: tell the one who iterates
            self._failed = error
        finally:
            with self._lock:
                self._left -= 1
                last = self._left == 0
            if last:
                self._queue.put(End("", None))

    def _read(self, source: S) -> None:
        job: Job | None = None
        reason: str | None = None
        try:
            job = self._prepare(source)
            if job is not None:
                _ = job.scene.footprint  # worked out here, so that an impossible one is a reason like any other
                for piece in pieces(job):
                    self._queue.put(piece)
                    if self._queue.stopped:
                        break
        except GeoglotError as error:
            reason = str(error)
        except MemoryError:
            reason = "reading it takes more memory than there is"
        except Exception as error:  # a damaged file may fail in ways that no library documents
            reason = f"it cannot be read ({type(error).__name__}: {error})"
        finally:
            if job is not None:
                job.scene.close()
        self._queue.put(End(getattr(source, "id", None) or str(source), job, reason))


def pieces(job: Job) -> Iterator[Piece]:
    """Read a scene chunk by chunk; chunks whose tiles are all stored already are passed over."""
    scene = job.scene
    dataset = scene.dataset()
    block = dataset.block_shapes[0]
    pixel = (
        sum(np.dtype(kind).itemsize for kind in dataset.dtypes)
        if dataset.interleaving
        else 3 * np.dtype(dataset.dtypes[0]).itemsize
    )
    for chunk in job.tiling.chunks(block, pixel):
        if job.done and all(tile[:2] in job.done for tile in chunk.tiles):
            continue
        seen = scene.display(window=chunk.window, shape=chunk.shape)
        picture, valid = seen.data, seen.valid
        if chunk.beyond != ((0, 0), (0, 0)):
            picture, valid = (np.pad(part, ((0, 0), *chunk.beyond)[-part.ndim :], "symmetric") for part in (picture, valid))
        yield Piece(job, chunk, picture, valid)
