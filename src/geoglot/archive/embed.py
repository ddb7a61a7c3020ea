"""Vectors of the tiles of many scenes, batch by batch, without keeping an archive: what a task does with them is its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.archive.ingest import Estimate
from geoglot.archive.pipeline import End, Job, Piece, Reader, Tray
from geoglot.archive.sources import Source, check_size
from geoglot.archive.tiling import Tiling
from geoglot.core.progress import Progress
from geoglot.core.protocols import TileEncoder
from geoglot.geo.grid import Window
from geoglot.geo.scene import Scene


@dataclass(frozen=True)
class Seen:
    """Tiles of one scene out of one batch: windows, valid fractions (N,), and what the encoder gives of each: vectors (N, D)."""

    job: Job
    windows: tuple[Window, ...]
    valid: NDArray[np.float32]
    vectors: NDArray[np.float32]


def embed(
    sources: Sequence[Source],
    encoder: TileEncoder,
    plan: Callable[[Scene], Tiling],
    progress: Progress,
    batch: int = 32,
    workers: int | None = None,
    size: int | None = None,
) -> Generator[Seen | End, None, None]:
    """Open each source, cut it as `plan` says and encode its tiles; an `End` follows the last tile of a source.

    Scenes come interleaved; tiles without a valid pixel are left out. A source that cannot be read, or not to its end, is
    told in the `error` of its `End` and stops nothing. `size` is the side of what the encoder sees, the model's if not given.
    """

    def prepare(source: Source) -> Job | None:
        ready = source.open({})
        assert ready is not None  # nothing is recorded, so nothing is passed over
        check_size(ready.scene)
        return Job(ready.scene, plan(ready.scene), numbers[source.id], ready.fingerprint, ready.asked, ready.opened)

    numbers = {source.id: number for number, source in enumerate(sources)}
    tray, estimate = Tray(batch, size or encoder.spec.size), Estimate(sources, progress)
    ended: list[End] = []
    reader = Reader(sources, prepare, workers)
    with closing(iter(reader)) as items:  # whoever stops listening stops the threads that read
        for item in items:
            if isinstance(item, Piece):
                estimate.began(item.job)
                for window, place in zip(item.chunk.tiles, item.chunk.places, strict=True):
                    if tray.put(item, window, place) and tray.full:
                        yield from _encoded(tray, encoder)
                progress.advance(len(item.chunk.tiles))
            else:
                ended.append(item)
                estimate.ended(item)
            yield from [end for end in ended if end.job is None or not end.job.inflight]
            ended = [end for end in ended if end.job is not None and end.job.inflight]
    yield from _encoded(tray, encoder)
    yield from ended


def _encoded(tray: Tray, encoder: TileEncoder) -> list[Seen]:
    """Encode what waits, scene by scene."""
    if not tray.waiting:
        return []
    vectors = encoder.encode(*tray.arrays())
    rows: dict[int, list[int]] = {}
    for row, (job, _, _) in enumerate(tray.waiting):
        job.inflight -= 1
        rows.setdefault(job.run, []).append(row)
    made = [
        Seen(
            tray.waiting[at[0]][0],
            tuple(tray.waiting[row][1] for row in at),
            np.array([tray.waiting[row][2] for row in at], dtype=np.float32),
            vectors[at],
        )
        for at in rows.values()
    ]
    tray.waiting.clear()
    return made
