"""The verb: from scenes of several dates to what changed for good, and when; memory holds blocks."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError, RasterError
from geoglot.core.progress import track
from geoglot.geo.grid import Window
from geoglot.geo.write import check_apart
from geoglot.tasks.change import level
from geoglot.tasks.change.asked import Settings
from geoglot.tasks.change.changemap import NODATA, STEPS, check_output, check_outputs
from geoglot.tasks.change.clouds import Clouds, clouds_of
from geoglot.tasks.change.kinds import KINDS, kinds
from geoglot.tasks.change.series import breaks, cover
from geoglot.tasks.change.series.seasons import Season, season
from geoglot.tasks.change.series.seriesmap import SeriesMap, write_raster
from geoglot.tasks.change.series.stack import Stack, align, stacked
from geoglot.tasks.change.stream import histogram
from geoglot.tasks.change.threshold import clipped, otsu
from geoglot.tasks.work import Planes, Work, folder_of

Bytes = NDArray[np.uint8]
LEAST = 5.0  # standard deviations that a lasting change has to gain, whatever Otsu says: a place may not change at all
_BYTES = ("step", "first", "rest", "kind")
_PLANES: Planes = dict.fromkeys(("lasting", "other"), np.dtype(np.float32)) | dict.fromkeys(_BYTES, np.dtype(np.uint8))
_STRIP = 512


def series(
    scenes: Sequence[Any],
    *,
    out: str | Path | Sequence[str | Path] = (),
    dates: Sequence[str] | None = None,
    labels: Any = None,
    threshold: float | None = None,
    radius: int | None = None,
    register: bool = True,
    how: str | None = None,
    least: float = 0.0,
    sensor: str | None = None,
    bands: Sequence[str] | None = None,
    clouds: Any = None,
    model: Any = "nano",
    progress: bool = True,
) -> SeriesMap:
    """Find what changed for good over several dates of a place, and when, on the grid of the first.

    `dates` are those of the scenes where files do not say them. `labels` are the classes of which areas are told by date, by
    words (as in `segment`, with `model`); without them water, vegetation and other ground by indices, where the bands allow. A
    pixel changed where a lasting step explains its values by more than `threshold` standard deviations of noise better than
    whatever does not last; without one it is Otsu's, at least `LEAST`. Values are averaged over `radius` pixels around (1, radar
    2) and levelled by `how` (invariant or none). `clouds`, `out` and `least` as in `change`,
    masks in the order of `scenes`; an interrupted run goes on.

    Raises `InputError` for what makes no series, before any long work; `RasterError` where no pixel was observed twice.
    """
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    check_outputs(outputs)
    if threshold is not None and not threshold > 0:
        raise InputError(f"The threshold is a number of standard deviations above 0, got {threshold}.")
    if radius is not None and not 0 <= radius <= 10:
        raise InputError(f"Values are averaged over 0 to 10 pixels around, got {radius}.")
    asked = Settings(sensor=sensor, bands=bands, labels=labels, level=how, least=least, model=model, register=register)
    stack = stacked(scenes, asked, dates, radius)
    check_apart(outputs, [layer.href for scene in stack.scenes for layer in scene.layers])
    if isinstance(clouds, Sequence) and not isinstance(clouds, str) and len(clouds) == len(stack):
        clouds = [clouds[k] for k in stack.order]
    made = _Run(stack, asked, threshold, progress, clouds_of(stack.scenes, clouds, progress))
    return made.run(outputs)


class _Run:
    """One series on its way to a map."""

    def __init__(
        self, stack: Stack, asked: Settings, threshold: float | None, progress: bool, clouds: Clouds | None = None
    ) -> None:
        self.stack, self.asked, self.threshold, self.progress, self.clouds = stack, asked, threshold, progress, clouds
        self.covered: list[str] = []  # how much clouds hide of each date, in words
        self.season: Season = season(stack.times)
        self.dates = tuple(time.date().isoformat() for time in stack.times)

    def digest(self) -> str:
        """What names the answer for one state of all scenes."""
        stack, asked = self.stack, self.asked
        told = {
            "scenes": [scene.fingerprint for scene in stack.scenes],
            "bands": [[pair.first, pair.second, [band.common for band in pair.bands]] for pair in stack.pairs],
            "sensors": [scene.sensor.id for scene in stack.scenes],
            "dates": self.dates,
            "clouds": None if self.clouds is None else self.clouds.request,
            "how": [stack.radius, asked.register, asked.level, repr(asked.labels), str(asked.model), self.threshold],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def run(self, outputs: tuple[Path, ...]) -> SeriesMap:
        """Fit, find the threshold, count, write."""
        held = (
            None
            if any(check_output(path) == "raster" for path in outputs)
            else tempfile.TemporaryDirectory(prefix="geoglot-series-")
        )
        folder = folder_of(outputs[0]) if outputs else Path(held.name) / "part"  # type: ignore[union-attr]
        covers = {f"class{k}": np.dtype(np.uint8) for k in range(len(self.stack))}
        work = Work(folder, self.stack.shape, self.digest(), {**_PLANES, **covers})
        try:
            with nullcontext() if self.clouds is None else self.clouds.hiding(self.covered):
                self._fit(work)
                classes = self._cover(work)
            made = self._finish(work, outputs, held, classes)
        except BaseException:
            work.close()  # an interrupted run goes on from what is done
            raise
        work.remove()
        return made

    def _fit(self, work: Work) -> None:
        stack = self.stack
        known = work.fitted()
        if known is None:
            how = level.level_of(self.asked.level or "invariant")
            steps = align(stack, self.asked.register, how)
            for pair, told in zip(stack.pairs, steps, strict=True):
                level.taken(pair, told)  # as it is written down, so that an interrupted run goes on with the same numbers
            stack.measure()
            assert stack.whiten is not None
            work.learned({"whiten": stack.whiten}, {"steps": steps})
        else:
            stack.whiten = known["whiten"]
            for pair, told in zip(stack.pairs, work.report["steps"], strict=True):
                level.taken(pair, told)
        windows = stack.windows()
        with track(len(windows), "series", "blocks", quiet=not self.progress) as shown:
            shown.advance(work.done)
            for window in windows[work.done :]:
                self._block(work, window)
                work.mark(work.done + 1)
                shown.advance(1)

    def _block(self, work: Work, window: Window) -> None:
        shape = window[2:]
        found = breaks.fit(*self.stack.whitened(window), self.season)
        for name in ("lasting", "other", "step", "first", "rest"):
            work.write(name, window, getattr(found, name).reshape(shape))
        values, seen = self.stack.read(window)
        work.write("kind", window, _kinds(self.stack, values, seen, found.first.reshape(shape)))

    def _finish(self, work: Work, outputs: tuple[Path, ...], held: Any, classes: dict[str, Any]) -> SeriesMap:
        limit = self.threshold
        if limit is None:
            scores = histogram(lambda a, b: work.read("lasting", a, b), self.stack.shape)
            limit = max(otsu(clipped(scores)), LEAST)

        def found(top: int, bottom: int) -> Bytes:
            return painted({name: work.read(name, top, bottom) for name in _PLANES}, float(limit))

        raster = next((path for path in outputs if check_output(path) == "raster"), None)
        path = raster or Path(held.name) / "series.tif"
        report = self._report(work, found, float(limit)) | classes
        covers = [f"class{k}" for k in range(len(self.stack))] if report["classes"] else []

        def rows(top: int, bottom: int) -> Bytes:
            return np.concatenate([found(top, bottom), *(work.read(name, top, bottom)[None] for name in covers)])

        scenes = self.stack.scenes
        names = tuple(scene.id for scene in scenes)
        made = SeriesMap(path, self.dates, names, self.stack.grid, self.stack.shape, report, scenes, held)
        write_raster(path, rows, made)
        for target in outputs:
            if target != path:
                made.write(target, self.asked.least)
        return made

    def _report(self, work: Work, rows: Any, limit: float) -> dict[str, Any]:
        stack = self.stack
        assumed = [*dict.fromkeys(text for pair in stack.pairs for text in pair.assumptions), *self.covered]
        if self.season.said:
            assumed.append(self.season.said)
        if len(stack) < 3:
            assumed.append("two dates: whether a change lasts cannot be told")
        counts, areas = _counted(stack, rows, self.dates)
        report: dict[str, Any] = {"dates": list(self.dates), "seasons": list(self.season.group), "threshold": limit}
        report |= {"bands": [band.common or band.name for band in stack.bands], "steps": work.report["steps"]}
        return report | {"assumptions": assumed, "courses": counts, "periods": areas}

    def _cover(self, work: Work) -> dict[str, Any]:
        """Classes of all dates, onto the disk; their areas, and whether they hold, as a part of the report."""
        stack, asked = self.stack, self.asked
        if asked.labels is None:
            classes = cover.by_indices(stack)
        else:
            classes = cover.by_words(stack, asked.labels, asked.model, self.progress)
        if classes is None:
            return {"classes": [], "consistency": None, "classes by": None}
        tally = cover.Tally(classes.names, len(stack), self.season)
        for window in stack.windows():
            made = classes.cover(window, *stack.read(window))
            tally.add(made, cover.ground(stack.grid, window))
            for k, part in enumerate(made):
                work.write(f"class{k}", window, part)
        found = {"classes": tally.rows(self.dates, stack.grid is not None), "consistency": tally.consistency}
        return found | {"classes by": classes.report | {"names": list(classes.names)}}


def painted(part: dict[str, Any], limit: float) -> Bytes:
    """The six bands (6, r, W) of rows of what was found."""
    gain = part["lasting"]
    seen = np.isfinite(gain)
    flat = {name: np.nan_to_num(part[name]) for name in ("lasting", "other")}
    found = breaks.Found(flat["lasting"], flat["other"], part["step"], part["first"], part["rest"])
    course, first = breaks.decided(found, limit)
    change = np.isin(course, breaks.LASTS)
    score = np.rint(STEPS * flat["lasting"] / (flat["lasting"] + limit)).astype(np.uint8)
    score = np.where(change, np.maximum(score, STEPS // 2 + 1), np.minimum(score, STEPS // 2))
    seasonal = np.isin(course, (breaks.SEASONAL, breaks.BOTH))
    bands = (change, score, np.where(change, part["kind"], 0), first, seasonal, course)
    return np.stack([np.where(seen, band, NODATA).astype(np.uint8) for band in bands])


def _kinds(stack: Stack, values: Any, seen: Any, first: Bytes) -> Bytes:
    """Which kind the step at date `first` (h, w) is of, by the means of the dates before and after it."""
    number = np.arange(len(stack))[:, None, None]
    sides = []
    for side in (number < first, number >= first):
        inside = (side & seen)[:, None]
        sides.append(np.where(inside, values, np.float32(0)).sum(axis=0) / np.maximum(inside.sum(axis=0), 1))
    return kinds(sides[0], sides[1], stack.bands)


def _counted(stack: Stack, rows: Any, dates: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What each course covers, and what each kind of lasting change by period."""
    height, width = stack.shape
    shape = len(breaks.COURSES), len(dates), len(KINDS) + 1
    pixels, area = np.zeros(shape, np.int64), np.zeros(shape)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        change, _, kind, first, _, course = rows(top, bottom)
        each = np.broadcast_to(cover.ground(stack.grid, (top, 0, bottom - top, width)), change.shape)
        seen = change != NODATA
        place = np.ravel_multi_index((course[seen], first[seen], kind[seen]), shape)
        pixels += np.bincount(place, minlength=pixels.size).reshape(shape)
        area += np.bincount(place, weights=each[seen], minlength=pixels.size).reshape(shape)
    total = int(pixels.sum())
    if not total:
        raise RasterError("No pixel was observed at two dates: the scenes overlap only where they have no data.")

    def row(many: Any, ground: Any) -> dict[str, Any]:
        return {"pixels": int(many), "share": float(many / total), "area": float(ground) if stack.grid is not None else None}

    courses = [
        {"label": name, **row(pixels[k].sum(), area[k].sum())}
        for k, name in enumerate(breaks.COURSES)
        if pixels[k].any() or not k
    ]  # fmt: skip
    lasts = list(breaks.LASTS)
    periods = [
        {"before": dates[k - 1], "after": dates[k], "label": name} | row(pixels[lasts, k, n].sum(), area[lasts, k, n].sum())
        for k in range(1, len(dates))
        for n, name in enumerate(KINDS, 1)
        if pixels[lasts, k, n].any()
    ]
    return courses, periods
