"""What may be asked of a tile beside its looks: place, time and attributes, in SQL, on columns, and as an exact test."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from geoglot.archive.rows import text
from geoglot.core.errors import InputError
from geoglot.geo.footprint import bounds, split
from geoglot.geo.identify import parse_time
from geoglot.geo.vectors import read_area

Box = tuple[float, float, float, float]
Columns = Mapping[str, NDArray[Any]]
Mask = NDArray[np.bool_]

# attribute -> (column, comparison)
_NUMBERS = {
    "gsd_min": ("gsd", ">="),
    "gsd_max": ("gsd", "<="),
    "valid_min": ("valid", ">="),
    "cloud_max": ("cloud", "<="),
}
# columns as conditions take them
TYPES: dict[str, str] = {
    **dict.fromkeys(("gsd", "west", "south", "east", "north"), "float64"),
    **dict.fromkeys(("valid", "cloud"), "float32"),
    **dict.fromkeys(("id", "scene", "href", "sensor", "bands"), "object"),
    "run": "int64",
    "time": "datetime64[us]",
}
_TEXTS = {"sensor": "sensor", "scene": "scene", "href": "href", "id": "id"}
ATTRIBUTES = (*_TEXTS, "bands", *_NUMBERS)


@dataclass(frozen=True)
class Condition:
    """One condition in the store's SQL, and as a test on arrays of the `columns` that it names.

    Where a value is missing (null, NaN, NaT, None) neither lets the row pass.
    """

    sql: str
    columns: tuple[str, ...]
    passes: Callable[[Columns], Mask]


@dataclass(frozen=True)
class Filter:
    """Conditions that must all hold, none for everything, and the area that an outline must meet, None for anywhere."""

    conditions: tuple[Condition, ...] = ()
    area: BaseGeometry | None = None

    @property
    def sql(self) -> str:
        """All conditions in the store's SQL; empty for none."""
        return " AND ".join(f"({condition.sql})" for condition in self.conditions)

    def passes(self, columns: Columns, count: int) -> Mask:
        """Which of `count` rows fulfil all conditions."""
        found = np.ones(count, dtype=np.bool_)
        for condition in self.conditions:
            found &= condition.passes(columns)
        return found

    def meets(self, outlines: Sequence[bytes | None]) -> NDArray[np.bool_]:
        """Which outlines (WKB) meet the area."""
        if self.area is None:
            return np.ones(len(outlines), dtype=np.bool_)
        shapely.prepare(self.area)
        shapes = shapely.from_wkb(np.array(outlines, dtype=object))
        return np.asarray(shapely.intersects(self.area, shapes), dtype=np.bool_)


def make(
    bbox: Sequence[float] | None = None,
    within: str | Path | BaseGeometry | None = None,
    time: str | None = None,
    where: Mapping[str, Any] | None = None,
    hidden: Sequence[int] = (),
) -> Filter:
    """A filter from what the user says; `InputError` says what is wrong with it.

    `bbox` is (west, south, east, north) in degrees, west > east across the antimeridian. `within` is a GeoJSON file or a
    geometry in longitude and latitude. `time` is a date, a month, a year, or an interval of them, with `..` for an open
    end. `where` are attributes: `sensor`, `scene`, `href`, `id` (a text or several), `bands` (all of them), `gsd_min`,
    `gsd_max`, `valid_min`, `cloud_max`.
    """
    parts: list[Condition] = []
    areas: list[BaseGeometry] = []
    if bbox is not None:
        edges = check_box(bbox)
        parts.append(_boxes([edges]))
        areas.append(_box_area(edges))
    if within is not None:
        area = split(within) if isinstance(within, BaseGeometry) else read_area(within)
        if area.is_empty:
            raise InputError("The area to search in is empty.")
        parts.append(_boxes(_area_boxes(area)))
        areas.append(area)
    if time is not None:
        parts += _times(time)
    parts += [_attribute(key, value) for key, value in (where or {}).items()]
    if hidden:
        without = f"run NOT IN ({', '.join(str(int(run)) for run in hidden)})"
        parts.append(Condition(without, ("run",), lambda rows: ~np.isin(rows["run"], np.array(hidden, dtype=np.int64))))
    return Filter(tuple(parts), _both(areas))


def _both(areas: list[BaseGeometry]) -> BaseGeometry | None:
    # a tile must meet the box and the area, not necessarily in one place; asking for their common part is what is meant
    return None if not areas else areas[0] if len(areas) == 1 else shapely.intersection_all(areas)


def check_box(bbox: Sequence[float]) -> Box:
    """West, south, east, north with east past 180 across the antimeridian."""
    try:
        west, south, east, north = (float(value) for value in bbox)
    except (TypeError, ValueError):
        raise InputError(f"A box is west,south,east,north in degrees, got {bbox!r}.") from None
    if not all(math.isfinite(value) for value in (west, south, east, north)):
        raise InputError(f"A box is four finite numbers, got {bbox!r}.")
    if not -90 <= south <= north <= 90:
        raise InputError(f"The box {tuple(bbox)} needs south <= north within 90 degrees; the order is west,south,east,north.")
    if not (-180 <= west <= 180 and -180 <= east <= 360):
        raise InputError(f"The box {tuple(bbox)} has longitudes beyond 180 degrees; longitude comes first.")
    if east < west:
        east += 360
    return west, south, east, north


def _box_area(edges: Box) -> BaseGeometry:
    west, south, east, north = edges
    if east - west >= 360:
        return _piece(-180, south, 180, north)
    parts = [
        _piece(max(west - turn, -180), south, min(east - turn, 180), north)
        for turn in (0, 360)
        if east - turn >= -180 and west - turn <= 180
    ]
    # what touches the antimeridian on one side touches it on the other
    parts += [_piece(180, south, 180, north)] if west == -180 else []
    parts += [_piece(-180, south, -180, north)] if east == 180 else []
    return shapely.union_all(parts)


def _piece(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A box, or the line or point that it has shrunk to."""
    if west < east and south < north:
        return box(west, south, east, north)
    if (west, south) == (east, north):
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


_TURNS = (-360.0, 0.0, 360.0)  # a row's east may be past 180, the box's too: compare a turn to either side as well


def _boxes(boxes: Sequence[Box]) -> Condition:
    """Rows whose bounds meet one of the boxes."""

    def passes(rows: Columns) -> Mask:
        found = np.zeros(len(rows["west"]), dtype=np.bool_)
        for west, south, east, north in boxes:
            at = np.flatnonzero((rows["south"] <= north) & (rows["north"] >= south))
            left, right = rows["west"][at], rows["east"][at]
            for turn in _TURNS:
                found[at[(left <= east + turn) & (right >= west + turn)]] = True
        return found

    parts = [_box_sql(edges) for edges in boxes]
    sql = parts[0] if len(parts) == 1 else " OR ".join(f"({part})" for part in parts)
    return Condition(sql, ("west", "south", "east", "north"), passes)


def _box_sql(edges: Box) -> str:
    west, south, east, north = edges
    turns = [f"(west <= {east + turn!r} AND east >= {west + turn!r})" for turn in _TURNS]
    return f"south <= {north!r} AND north >= {south!r} AND ({' OR '.join(turns)})"


def _area_boxes(area: BaseGeometry) -> list[Box]:
    parts = getattr(area, "geoms", [area])
    return [bounds(area)] if len(parts) > 16 else [part.bounds for part in parts]


def _times(value: str) -> list[Condition]:
    first, last = interval(value)
    parts = []
    if first is not None:
        since = _moment(first)
        parts.append(Condition(f"time >= {_timestamp(first)}", ("time",), lambda rows: rows["time"] >= since))
    if last is not None:
        until = _moment(last)
        parts.append(Condition(f"time < {_timestamp(last)}", ("time",), lambda rows: rows["time"] < until))
    return parts or [Condition("time IS NOT NULL", ("time",), lambda rows: ~np.isnat(rows["time"]))]


def interval(value: str) -> tuple[datetime | None, datetime | None]:
    """Start (included) and end (excluded) of `2020`, `2020-06/2020-08-15`, `../2019` and the like; None is open."""
    start, slash, end = value.partition("/")
    if not slash:
        start = end = value
    first = None if start.strip() in ("", "..") else parse_time(start)
    last = None if end.strip() in ("", "..") else _after(end.strip())
    if not slash and first is None:
        raise InputError("An empty time filters nothing; write 2020, 2020-06, or 2019-01-01/2020-12-31.")
    if first is not None and last is not None and first >= last:
        raise InputError(f"The interval {value!r} ends before it begins.")
    return first, last


def _after(value: str) -> datetime:
    """The first moment after a year, month, day, or second."""
    begun = parse_time(value)
    if len(value) == 4:
        return begun.replace(year=begun.year + 1) if begun.year < 9999 else datetime.max.replace(tzinfo=UTC)
    if len(value) == 7:
        return begun + timedelta(days=calendar.monthrange(begun.year, begun.month)[1])
    return begun + (timedelta(days=1) if len(value) == 10 else timedelta(seconds=1))


def _moment(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _timestamp(moment: datetime) -> str:
    return f"timestamp '{moment.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f').rjust(26, '0')}'"


def _attribute(key: str, value: Any) -> Condition:
    if key in _NUMBERS:
        return _number(key, value)
    values = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else None
    if key not in ATTRIBUTES or values is None or not values or not all(isinstance(entry, str) for entry in values):
        if key in ATTRIBUTES:
            raise InputError(f"{key} is a text or several, got {value!r}.")
        raise InputError(f"There is no attribute {key!r} to filter by; there are {', '.join(ATTRIBUTES)}.")
    if key == "bands":
        wanted = [f",{entry.lower()}," for entry in values]
        sql = " AND ".join(f"contains(bands, {text(entry)})" for entry in wanted)
        return Condition(sql, ("bands",), lambda rows: _each(rows["bands"], lambda has: all(entry in has for entry in wanted)))
    column, chosen = _TEXTS[key], frozenset(values)
    sql = f"{column} IN ({', '.join(text(entry) for entry in values)})"
    return Condition(sql, (column,), lambda rows: _each(rows[column], chosen.__contains__))


def _each(values: NDArray[Any], test: Callable[[str], bool]) -> Mask:
    return np.fromiter((value is not None and test(value) for value in values), dtype=np.bool_, count=len(values))


def _number(key: str, value: Any) -> Condition:
    column, sign = _NUMBERS[key]
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{key} is a number, got {value!r}.")
    compare = np.greater_equal if sign == ">=" else np.less_equal
    with np.errstate(over="ignore"):
        limit = np.dtype(TYPES[column]).type(number)  # the store, too, compares in the column's own type

    def passes(rows: Columns) -> Mask:
        found: Mask = compare(rows[column], limit)
        return found

    return Condition(f"{column} {sign} {number!r}", (column,), passes)
