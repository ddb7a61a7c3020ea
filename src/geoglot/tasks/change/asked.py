"""What a user may ask of `change`, and whether two scenes make a pair: told before any long work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import InputError, RasterError
from geoglot.geo.identify import parse_time
from geoglot.geo.scene import Scene
from geoglot.tasks.change.level import level_of
from geoglot.tasks.change.pair import Pair, spread
from geoglot.tasks.segment.asked import check_count
from geoglot.text import templates

THRESHOLDS = ("own", "otsu")
DAY = 86400.0


@dataclass(frozen=True)
class Settings:
    """How two scenes are compared; what is None is as the preset of the sensor says (see `presets`).

    - `method`: difference, cva, pca-kmeans, ir-mad, log-ratio, scm, trained or structure; `options`: the `Options` of its
      module; `level`: invariant or none.
    - `threshold`: "otsu", "own" (the method's own, or Otsu's of scores whose highest 0.5 % are clipped) or a score;
      `false_alarm`: a share of unchanged pixels that may pass instead.
    - `query`: words for what should have changed ("new buildings"), with scm; `labels`: words for what was there before and
      after.
    - `register`: measure how far the second lies off, and move it.
    - `sensor`, `bands`, `dates`: what files do not say, for both scenes (`sensor` may name two).
    - `clouds`: leave out what lies under cloud or its shadow: by a model or its name ("nano"), or by files of masks, one for
      each scene (see `cloud`).
    - `least`: polygons of less than so many square metres are left out.
    """

    method: str | None = None
    options: Any = None
    level: str | None = None
    threshold: str | float | None = None
    false_alarm: float | None = None
    query: str | None = None
    labels: Any = None
    register: bool = True
    sensor: str | Sequence[str] | None = None
    bands: Sequence[str] | None = None
    dates: Sequence[str] | None = None
    clouds: Any = None
    least: float = 0.0
    model: Any = "nano"
    progress: bool = True

    def __post_init__(self) -> None:
        if self.false_alarm is not None:
            if not 0 < self.false_alarm < 0.5:
                raise InputError(f"A rate of false alarms lies between 0 and 0.5, got {self.false_alarm}.")
            if self.threshold is not None:
                raise InputError("Say where change begins in one way: a threshold, or a rate of false alarms.")
        if isinstance(self.threshold, str) and self.threshold not in THRESHOLDS:
            raise InputError(f"The threshold is {', '.join(THRESHOLDS)} or a score, got {self.threshold!r}.")
        if self.least < 0:
            raise InputError(f"The smallest polygon has no negative area, got {self.least}.")
        if self.labels is not None:
            check_count(tuple(templates.read_labels(self.labels)))
        if self.level is not None:
            level_of(self.level)
        if self.dates is not None and len(self.dates) != 2:
            raise InputError(f"A pair has two dates, one for each scene, got {len(self.dates)}.")
        if not isinstance(self.sensor, str | None) and len(self.sensor) != 2:
            raise InputError(f"Name one sensor for both scenes, or one for each, got {len(self.sensor)}.")
        if self.query is not None and not self.query.strip():
            raise InputError("The query is empty: say in words what should have changed, or leave it out.")
        if self.query is not None and self.method not in (None, "scm"):
            raise InputError(f"A query pilots the method scm, not {self.method}: leave one of them out.")


def paired(before: str | Path | Scene, after: str | Path | Scene, asked: Settings) -> Pair:
    """Open and check two scenes. Raises `InputError` for what makes no pair, and what `Scene.open` raises."""
    pair = matched(before, after, asked)
    _check_pixels(pair)
    return pair


def matched(before: str | Path | Scene, after: str | Path | Scene, asked: Settings) -> Pair:
    """As `paired`, by what the files say alone: no pixel is read."""
    one, other = (_open(source, asked, k) for k, source in enumerate((before, after)))
    assumed: list[str] = []
    _check_same(one, other)
    _check_dates(one, other, asked)
    _check_place(one, other, assumed)
    first, second = _bands(one, other, assumed)
    for scene in (one, other):
        assumed += [f"{Path(scene.id).name}: {text}" for text in scene.assumptions]
    return Pair(one, other, first, second, tuple(one.bands[i] for i in first), assumptions=assumed)


def _open(source: str | Path | Scene, asked: Settings, k: int) -> Scene:
    if isinstance(source, Scene):
        return source
    named = asked.sensor if isinstance(asked.sensor, str | None) else asked.sensor[k]
    return Scene.open(source, named, asked.bands)


def _check_same(one: Scene, other: Scene) -> None:
    if one.href == other.href or Path(one.href).resolve() == Path(other.href).resolve():
        raise InputError(f"Both are {one.id}: name the scene before and the scene after.")


def _check_dates(one: Scene, other: Scene, asked: Settings) -> None:
    """Fill in dates that are said; they must not contradict those of the files, nor run backwards."""
    for scene, said in zip((one, other), asked.dates or (None, None), strict=True):
        if said is not None:
            dated(scene, said)
    if one.time is not None and other.time is not None and one.time > other.time:
        raise InputError(
            f"{one.id} ({one.time:%Y-%m-%d}) is later than {other.id} ({other.time:%Y-%m-%d}): the scene before comes first."
        )


def dated(scene: Scene, said: str) -> None:
    """Give a scene the date that is said. Raises `InputError` where it tells another one itself."""
    when = parse_time(said)
    if scene.time is not None and not _agree(scene.time, when, said):
        raise InputError(f"{scene.id} is of {scene.time:%Y-%m-%d} by what it says itself, not of {said}: correct one of them.")
    scene.time = when


def _agree(found: datetime, when: datetime, said: str) -> bool:
    """Whether a date is the one that is said, as exactly as it is said."""
    if len(said.strip()) <= 4:
        return found.year == when.year
    if len(said.strip()) <= 7:
        return (found.year, found.month) == (when.year, when.month)
    if (found.month, found.day, found.hour) == (1, 1, 0) and found.year == when.year:
        return True  # of a file that tells its year alone
    return abs((found - when).total_seconds()) < 2 * DAY


def _check_place(one: Scene, other: Scene, assumed: list[str]) -> None:
    if one.grid is None or other.grid is None:
        missing = [scene.id for scene in (one, other) if scene.grid is None]
        if one.shape != other.shape:
            raise InputError(
                f"{' and '.join(missing)} without georeference, and {one.shape[0]} x {one.shape[1]} pixels are not "
                f"{other.shape[0]} x {other.shape[1]}: bring them to one grid first, or georeference them."
            )
        assumed.append("without georeference: both are taken to show the same ground, pixel by pixel")
        return
    a, b = one.footprint, other.footprint
    assert a is not None
    assert b is not None
    if not a.intersects(b) or a.intersection(b).area <= 0:
        raise InputError(f"{one.id} and {other.id} do not overlap: they show different places. Look at `geoglot info` of both.")
    share = a.intersection(b).area / a.area
    if share < 0.995:
        assumed.append(f"{share:.1%} of the first scene lies in the second; the rest counts as not observed")


def _bands(one: Scene, other: Scene, assumed: list[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of the bands that are compared."""
    if one.sensor.radar != other.sensor.radar:
        assumed.append("one scene is radar and the other is not: what is alike in one is expected to be alike in the other")
        return _useful(one, assumed), _useful(other, assumed)
    if one.sensor.radar:
        keys = [{b.name.lower(): k for k, b in enumerate(s.bands) if k in _useful(s, assumed)} for s in (one, other)]
    else:
        keys = [{b.common: k for k, b in reversed(list(enumerate(s.bands))) if b.common} for s in (one, other)]
    shared = [name for name in keys[0] if name in keys[1]]
    shared.sort(key=lambda name: keys[0][name])
    if len(keys[0]) == len(keys[1]) == len(shared) and shared:
        unknown = max(len(one.bands), len(other.bands)) - len(shared) if not one.sensor.radar else 0
        if unknown and len(one.bands) == len(other.bands):
            return tuple(range(len(one.bands))), tuple(range(len(other.bands)))
        return tuple(keys[0][n] for n in shared), tuple(keys[1][n] for n in shared)
    if shared:
        assumed.append(f"the scenes have different bands: only {', '.join(map(str, shared))} are compared")
        return tuple(keys[0][n] for n in shared), tuple(keys[1][n] for n in shared)
    if len(one.bands) == len(other.bands) and not (keys[0] and keys[1] and not one.sensor.radar):
        if len(one.bands) > 1:
            assumed.append("the bands are unknown: they are taken to stand in the same order in both")
        return tuple(range(len(one.bands))), tuple(range(len(other.bands)))
    told = [", ".join(band.name for band in scene.bands) for scene in (one, other)]
    raise InputError(
        f"The scenes share no band: {one.id} has {told[0]}, {other.id} has {told[1]}. Name the bands (--bands) or the sensor."
    )


def _useful(scene: Scene, assumed: list[str]) -> tuple[int, ...]:
    """All bands, but one of a radar picture that was saved in colours."""
    if scene.sensor.radar and [band.common for band in scene.bands[:3]] == ["red", "green", "blue"]:
        text = "radar saved as a colour picture: the first band is read"
        if text not in assumed:
            assumed.append(text)
        return (0,)
    return tuple(range(len(scene.bands)))


def _check_pixels(pair: Pair) -> None:
    """Raise `InputError` where both hold the same pixels, by a few windows, and `RasterError` where none was observed in both."""
    seen, same = 0, True
    for window in spread(pair.shape, 128, 9):
        block = pair.read(window)
        seen += int(block.valid.sum())
        if len(block.before) == len(block.after):
            same = same and bool(np.array_equal(block.before[:, block.valid], block.after[:, block.valid]))
        else:
            same = False
    if not seen and not pair.observed:
        raise RasterError(
            f"No pixel was observed in both {pair.before.id} and {pair.after.id}: where one has data the other has none."
        )
    if seen and same:
        raise InputError(f"{pair.before.id} and {pair.after.id} hold the same pixels: one of them is a copy of the other.")
