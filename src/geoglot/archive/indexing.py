"""`index` and `plan`: the two verbs that look at sources and write, or only count."""

from __future__ import annotations

import time as clock
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.archive import nearest_build
from geoglot.archive.ingest import Ingest, Report
from geoglot.archive.pipeline import Reader
from geoglot.archive.rows import Asked
from geoglot.archive.sources import Source, Sources, check_size, listed, recorded
from geoglot.archive.store import Store, Tables, Writer
from geoglot.archive.tiling import Options, tiling
from geoglot.core.errors import ArchiveError, GeoglotError, InputError, ModelMismatchError, RasterError
from geoglot.core.progress import track
from geoglot.core.protocols import ModelSpec, Scorer, VectorScorer

_ROW_BYTES = 180  # of a stored tile beside its vector, compressed: measured
_INDEX_BYTES = 420  # of a tile in the index of a large archive: measured with nano


def index(
    sources: Sources = (),
    *,
    model: Any,
    out: str | Path,
    stac: Iterable[str | Path] | str | Path = (),
    collections: Sequence[str] = (),
    bbox: tuple[float, float, float, float] | None = None,
    between: str | None = None,
    tile: int | None = None,
    gsd: float | None = None,
    overlap: float | None = None,
    sensor: str | None = None,
    bands: Sequence[str] | None = None,
    time: str | None = None,
    workers: int | None = None,
    batch: int = 32,
    re_embed: bool = False,
    cloud: Scorer | VectorScorer | None = None,
    max_cloud: float | None = None,
    progress: bool = True,
) -> Report:
    """Take scenes into the archive at `out`, which is made if it is not there.

    `sources` are rasters, folders, globs, addresses and open scenes; `stac` are catalogues, of whose items `collections`,
    `bbox` (west, south, east, north) and `between` (a span of time) choose some. `tile` (pixels), `gsd` (metres) and
    `overlap` (fraction) say how scenes are cut (see `archive.tiling`); an archive keeps to what it was made with. `sensor`,
    `bands` and `time` override what the files say, and stay with the scenes. `cloud` tells the share of cloud of each tile
    (`tasks.cloud.scorer`), which is kept with it; tiles above `max_cloud` are left out.

    What is in the archive already is passed over; what has changed is replaced. With `re_embed` every scene of the archive is
    read again with `model` (and with new ways to cut tiles) into a new generation, which takes the place of the old one at
    the end. An interrupted run goes on where it was. Broken scenes are told in the report and never stop the run.

    Raises `LockedError` while another process writes, `ModelMismatchError` for another model than the archive's,
    `ArchiveError` for other tiles than the archive's, `RasterError` when there is nothing but broken scenes.
    """
    from geoglot.archive.encoding import tile_encoder

    started = clock.monotonic()
    if max_cloud is not None and cloud is None:
        raise InputError("max_cloud needs a cloud scorer: pass cloud=geoglot.tasks.cloud.scorer(model).")
    if max_cloud is not None and not 0 <= max_cloud <= 1:
        raise InputError(f"The most cloud of a tile is a share from 0 to 1, got {max_cloud}.")
    if batch < 1:
        raise InputError(f"A batch holds at least one tile, got {batch}.")
    encoder = tile_encoder(model)
    options, asked = Options(tile, gsd, overlap), Asked(sensor, tuple(bands) if bands else None, time)
    wanted = listed(sources, asked, stac, collections=collections, bbox=bbox, between=between)
    store = Store(out)
    with store.lock():
        writer = Writer(store, encoder.spec, options)
        tables, wanted = _generation(writer, encoder.spec, options, re_embed, wanted)
        run = Ingest(writer, tables, encoder, batch, cloud, max_cloud)
        reader = Reader(wanted, run.prepare, workers)
        with track(None, "index", quiet=not progress) as shown:
            run.run(reader, wanted, shown)
        ledger = run.ledger
        usable = len(ledger.added) + len(ledger.replaced) + ledger.unchanged
        if ledger.skipped and not usable:
            raise RasterError(nothing(ledger.skipped))
        if writer.state.next is not None and tables.generation.number == writer.state.next.number:
            writer.switch()
        tables.tidy()
        writer.publish(tables, ())
        writer.tidy()
    return Report(
        store.path,
        tuple(ledger.added),
        tuple(ledger.replaced),
        ledger.unchanged,
        ledger.tiles,
        ledger.empty,
        ledger.cloudy,
        tuple(ledger.skipped),
        clock.monotonic() - started,
    )


def _generation(
    writer: Writer, spec: ModelSpec, options: Options, re_embed: bool, wanted: list[Source]
) -> tuple[Tables, list[Source]]:
    """The tables to write to, and what to read for them."""
    live = writer.state.live
    same = live.model.hash == spec.hash
    if not re_embed:
        check_model(live.model, spec, "index with it, or pass --re-embed to move the whole archive to the new model")
        if other := options.differs(live.options):
            raise ArchiveError(
                f"The archive was cut with {', '.join(other)}: leave the option out, or pass --re-embed to cut all scenes anew."
            )
        return writer.tables(live), wanted
    filled = options.filled(live.options)
    if same and filled == live.options:
        return writer.tables(live), wanted or recorded(writer.tables(live).records())
    writer.begin_next(spec, filled)
    coming = writer.state.next
    assert coming is not None
    named = {source.id for source in wanted}
    old = [source for source in recorded(writer.tables(live).records()) if source.id not in named]
    return writer.tables(coming), [*wanted, *old]


def check_model(mine: ModelSpec, other: ModelSpec, advice: str) -> None:
    """Raise `ModelMismatchError` when two models do not share one space of vectors."""
    if mine.hash != other.hash:
        raise ModelMismatchError(
            f"The archive was made with {mine.name} (hash {mine.hash[:12]}), and this is {other.name} (hash {other.hash[:12]}), "
            f"whose vectors cannot be compared: {advice}."
        )


def nothing(skipped: Sequence[tuple[str, str]]) -> str:
    """Say that no source was of use, with the first reasons."""
    first = "; ".join(f"{source}: {reason}" for source, reason in skipped[:3])
    more = f" (and {len(skipped) - 3} more)" if len(skipped) > 3 else ""
    return f"None of {len(skipped)} sources could be taken in. {first}{more}"


@dataclass(frozen=True)
class Plan:
    """What an ingest would do: scenes and tiles to take in, bytes that it would store, seconds that encoding would take."""

    scenes: int
    unchanged: int
    tiles: int
    bytes: int
    seconds: float
    skipped: tuple[tuple[str, str], ...]


def plan(
    sources: Sources = (),
    *,
    model: Any,
    out: str | Path | None = None,
    stac: Iterable[str | Path] | str | Path = (),
    collections: Sequence[str] = (),
    bbox: tuple[float, float, float, float] | None = None,
    between: str | None = None,
    tile: int | None = None,
    gsd: float | None = None,
    overlap: float | None = None,
    sensor: str | None = None,
    bands: Sequence[str] | None = None,
    time: str | None = None,
    batch: int = 32,
    re_embed: bool = False,
) -> Plan:
    """Count what `index` would do, and time the model on one batch; nothing is written and no pixels are read."""
    from geoglot.archive.encoding import tile_encoder

    encoder = tile_encoder(model)
    options, asked = Options(tile, gsd, overlap), Asked(sensor, tuple(bands) if bands else None, time)
    wanted = listed(sources, asked, stac, collections=collections, bbox=bbox, between=between)
    records: dict[str, dict[str, Any]] = {}
    if out is not None and Store(out).exists():
        store = Store(out)
        live = store.state().live
        known = store.read(live)[1].to_arrow().to_pylist()
        if re_embed:
            named = {source.id for source in wanted}
            wanted += [source for source in recorded({row["scene"]: row for row in known}) if source.id not in named]
        else:
            check_model(live.model, encoder.spec, "plan with it, or pass --re-embed")
            records = {row["scene"]: row for row in known}
        options = options.filled(live.options)
    tiles, scenes, unchanged, skipped = 0, 0, 0, []
    for source in wanted:
        try:
            ready = source.open(records)
            if ready is None:
                unchanged += 1
                continue
            with ready.scene as scene:
                check_size(scene)
                tiles += len(tiling(scene.shape, scene.gsd, encoder.spec.size, options))
            scenes += 1
        except GeoglotError as error:
            skipped.append((source.id, str(error)))
    stored = tiles * (4 * encoder.spec.dim + _ROW_BYTES + (_INDEX_BYTES if tiles >= nearest_build.LEAST_ROWS else 0))
    return Plan(scenes, unchanged, tiles, stored, tiles / _rate(encoder, batch) if tiles else 0.0, tuple(skipped))


def _rate(encoder: Any, batch: int) -> float:
    """Tiles a second of the model, the better of two batches of noise."""
    size = encoder.spec.size
    tiles = np.random.default_rng(0).random((batch, 3, size, size), dtype=np.float32)
    seen, gsd = np.ones((batch, size, size), dtype=np.bool_), np.full(batch, 10.0, dtype=np.float32)
    best = float("inf")
    for _ in range(2):
        began = clock.perf_counter()
        encoder.encode(tiles, seen, gsd)
        best = min(best, clock.perf_counter() - began)
    return batch / max(best, 1e-9)
