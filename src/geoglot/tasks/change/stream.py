"""A pair through a method to a map: learn from a sample, score block by block, find the threshold, write; memory holds blocks."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import RasterError
from geoglot.core.progress import track
from geoglot.tasks.change import changemap, level
from geoglot.tasks.change.changemap import NODATA, STEPS, ChangeMap, Dates
from geoglot.tasks.change.clouds import Clouds
from geoglot.tasks.change.kinds import OTHER, kinds
from geoglot.tasks.change.pair import Pair
from geoglot.tasks.change.threshold import Histogram, clipped, false_alarm, otsu
from geoglot.tasks.work import Planes, Work, folder_of

_PLANES: Planes = {"scores": np.dtype(np.float32), "kinds": np.dtype(np.uint8)}
_STRIP = 512  # rows that are looked at at once, beside the blocks

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Run:
    """How a pair is compared: a method's module and options, how values are levelled, where change begins."""

    method: ModuleType
    options: Any
    level: level.Level
    threshold: str | float
    false_alarm: float | None = None
    register: bool = True
    least: float = 0.0
    progress: bool = True
    said: Any = None  # what was there before and after a polygon, in words
    clouds: Clouds | None = None

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.__name__.rpartition(".")[2].replace("_", "-")

    def digest(self, pair: Pair) -> str:
        """What names the answer for one state of both scenes."""
        told = {
            "method": self.name,
            "options": repr(self.options),
            "level": self.level,
            "threshold": self.threshold,
            "false alarm": self.false_alarm,
            "register": self.register,
            "scenes": [pair.before.fingerprint, pair.after.fingerprint],
            "bands": [pair.first, pair.second],
            "sensors": [pair.before.sensor.id, pair.after.sensor.id],
            "dates": [str(pair.before.time), str(pair.after.time)],
            "clouds": None if self.clouds is None else self.clouds.request,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def run(pair: Pair, how: Run, outputs: tuple[Path, ...]) -> ChangeMap:
    """Compare a pair and write the outputs; without one the map lies in a temporary folder that lives as long as the map."""
    request = how.digest(pair)
    dates = Dates.of(pair.before, pair.after)
    if (known := changemap.finished(outputs, request)) is not None:
        return ChangeMap(dates, known[1], known[0], known[2], how.said, scenes=(pair.before, pair.after))
    held = None if outputs else tempfile.TemporaryDirectory(prefix="geoglot-change-")
    work = Work(Path(held.name) / "part" if held is not None else folder_of(outputs[0]), pair.shape, request, _PLANES)
    try:
        with nullcontext() if how.clouds is None else how.clouds.hiding(pair.assumptions):
            _score(pair, how, work)
        made = _finish(pair, how, work, outputs, request)
    except BaseException:
        work.close()  # an interrupted run goes on from what is done
        raise
    made.held = made.held or held
    work.remove()
    return made


def _score(pair: Pair, how: Run, work: Work) -> None:
    """Learn and score what an earlier run has not."""
    known = work.fitted()
    if known is None:
        known, report = _learn(pair, how)
        work.learned(known, report)
    else:
        level.taken(pair, work.report)
    windows = pair.windows()
    halo = how.method.halo(how.options)
    with track(len(windows), "change", "blocks", quiet=not how.progress) as shown:
        shown.advance(work.done)
        for window in windows[work.done :]:
            block = pair.read(window, halo)
            scores = np.asarray(how.method.score(block, known, how.options), dtype=np.float32)
            work.write("scores", window, np.where(block.seen, scores, np.float32(np.nan)))
            work.write("kinds", window, _kinds(pair, block))
            work.mark(work.done + 1)
            shown.advance(1)


def _kinds(pair: Pair, block: Any) -> NDArray[np.uint8]:
    if pair.crossed:
        return np.full(block.seen.shape, OTHER, np.uint8)
    return kinds(block.inner(block.before), block.inner(block.after), pair.bands)


def _learn(pair: Pair, how: Run) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Measure the shift, level the values, fit the method; what was found out comes as a report."""
    if how.register:
        pair.shift = level.register(pair)
    if how.clouds is not None and not pair.observed:
        raise RasterError("Clouds leave no pixel that was observed in both scenes: take clearer dates, or leave out --clouds.")
    pair.gain, pair.offset = level.levels(pair, how.level)
    report: dict[str, Any] = {"method": how.name, "level": how.level, **level.told(pair)}
    report |= {"bands": [band.common or band.name for band in pair.bands], "assumptions": list(pair.assumptions)}
    level.taken(pair, report)  # with what is written down, so that an interrupted run goes on with the same numbers
    return how.method.fit(pair, how.options), report


def _finish(pair: Pair, how: Run, work: Work, outputs: tuple[Path, ...], request: str) -> ChangeMap:
    """Find the threshold and write the outputs."""
    limit = _limit(pair, how, work)
    report = work.report | {"threshold": limit}

    def rows(top: int, bottom: int) -> Bytes:
        return painted(work.read("scores", top, bottom), work.read("kinds", top, bottom), limit)

    holder = None if outputs and _raster(outputs) else tempfile.TemporaryDirectory(prefix="geoglot-change-")
    path = _raster(outputs) or Path(holder.name) / "change.tif"  # type: ignore[union-attr]
    table = changemap.counted(rows, pair.shape, pair.grid)
    made = ChangeMap(
        Dates.of(pair.before, pair.after), table, path, report, how.said, scenes=(pair.before, pair.after), held=holder
    )
    changemap.write_raster(path, rows, made, request)
    for target in outputs:
        if target != path:
            made.write(target, how.least)
    return made


def _raster(outputs: tuple[Path, ...]) -> Path | None:
    return next((path for path in outputs if changemap.check_output(path) == "raster"), None)


def painted(scores: NDArray[np.float32], kind: Bytes, limit: float) -> Bytes:
    """The three bands (3, r, W) of rows of scores: what passes `limit` changed. The score is s / (s + limit)."""
    seen = np.isfinite(scores)
    plain = np.where(seen, np.maximum(scores, 0), 0)
    change = (plain > limit) & seen
    shown = np.rint(STEPS * plain / np.maximum(plain + limit, 1e-30)).astype(np.uint8)
    # what rounds onto the threshold's own step stays on its side of it
    shown = np.where(change, np.maximum(shown, STEPS // 2 + 1), np.minimum(shown, STEPS // 2))
    return np.stack(
        [
            np.where(seen, change, NODATA).astype(np.uint8),
            np.where(seen, shown, NODATA).astype(np.uint8),
            np.where(seen, np.where(change, kind, 0), NODATA).astype(np.uint8),
        ]
    )


def _limit(pair: Pair, how: Run, work: Work) -> float:
    """The score at which change begins."""
    known = work.fitted() or {}
    if isinstance(how.threshold, float | int) and how.false_alarm is None:
        return float(how.threshold)
    if how.false_alarm is None and how.threshold == "own" and "threshold" in known:
        return float(known["threshold"])
    scores = histogram(lambda a, b: work.read("scores", a, b), pair.shape)
    if how.false_alarm is not None:
        return false_alarm(scores, how.false_alarm)
    if how.threshold == "own":
        return otsu(clipped(scores), getattr(how.method, "POWER", 1))
    return otsu(scores)


def histogram(rows: Callable[[int, int], NDArray[np.float32]], shape: tuple[int, int]) -> Histogram:
    """Counts of all scores. Raises `RasterError` where no pixel was observed in both."""
    low, high = np.inf, -np.inf
    spans = [(top, min(top + _STRIP, shape[0])) for top in range(0, shape[0], _STRIP)]
    for span in spans:
        part = rows(*span)
        part = part[np.isfinite(part)]
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
    if not high >= low:
        raise RasterError("No pixel was observed in both scenes: they overlap only where one of them has no data.")
    made = Histogram.between(low, high)
    for span in spans:
        part = rows(*span)
        made.add(part[np.isfinite(part)])
    return made
