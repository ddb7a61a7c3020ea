"""What a file says about itself: sensor, bands and time from tags, names and paths. What is unknown stays unknown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import PurePosixPath

from geoglot.core.errors import InputError
from geoglot.geo.sensors import UNKNOWN, Band, Sensor, band, match_file, match_word
from geoglot.geo.sensors import sensor as sensor_named

# Tags that hold the time of acquisition, the most telling first. TIFFTAG_DATETIME comes after the file name, because
# many writers put the time of processing there.
_TIME_TAGS = (
    "ACQUISITION_DATETIME",
    "ACQUISITIONDATETIME",
    "ACQUISITION_DATE",
    "DATE_ACQUIRED",
    "SENSING_TIME",
    "PRODUCT_START_TIME",
    "DATATAKE_1_DATATAKE_SENSING_START",
    "NITF_IDATIM",
    "TIME_START",
    "DATE",
    "DATETIME",
)
_SENSOR_TAGS = (
    "SENSOR",
    "PLATFORM",
    "SPACECRAFT_ID",
    "SPACECRAFT_NAME",
    "DATATAKE_1_SPACECRAFT_NAME",
    "MISSION_ID",
    "SATELLITE",
    "SATELLITEID",
    "CONSTELLATION",
)
_DATE = re.compile(
    r"(?<!\d)(?P<y>(?:19[3-9]|20[0-9])\d)(?P<s>[-_.]?)(?P<m>0[1-9]|1[0-2])(?P=s)(?P<d>0[1-9]|[12]\d|3[01])"
    # four digits after the date are a time only where a T says so
    r"(?:(?:[Tt](?P<H>[01]\d|2[0-3])[:-]?(?P<M>[0-5]\d)(?:[:-]?(?P<S>[0-5]\d))?"
    r"|[_-]?(?P<H2>[01]\d|2[0-3])[:-]?(?P<M2>[0-5]\d)[:-]?(?P<S2>[0-5]\d))(?!\d)|(?!\d))"
)
_DAY_OF_YEAR = re.compile(r"[.A](?P<y>20\d\d|19\d\d)(?P<j>[0-3]\d\d)(?:T(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d))?(?!\d)")


def parse_time(text: str) -> datetime:
    """A time in UTC from ISO 8601 (date, date and time, year and month, or year); `InputError` when it is none."""
    value = text.strip()
    try:
        if re.fullmatch(r"\d{4}", value):
            return datetime(int(value), 1, 1, tzinfo=UTC)
        if re.fullmatch(r"\d{4}-\d{2}", value):
            return datetime.fromisoformat(f"{value}-01").replace(tzinfo=UTC)
        made = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise InputError(f"{text!r} is not a time; write it as 2020-06-30 or 2020-06-30T10:15:00Z.") from None
    return utc(made)


def utc(time: datetime) -> datetime:
    """The same time in UTC; a time without zone is taken for UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def parse_interval(text: str) -> tuple[datetime | None, datetime | None]:
    """Start and end of `2019-01-01/2020-12-31`, of `2019-06` or another single time; `..` or nothing leaves an end open.

    The end of a day, month or year that is named without a time is its last moment. Raises `InputError`.
    """
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2:
        raise InputError(f"{text!r} is not a span of time; write it as 2019-01-01/2020-12-31, with .. for an open end.")
    first, last = (None if part in ("", "..") else part for part in (parts[0], parts[-1]))
    start, end = None if first is None else parse_time(first), None if last is None else _last_moment(last)
    if start is not None and end is not None and end < start:
        raise InputError(f"The span of time {text!r} ends before it begins.")
    return start, end


def _last_moment(text: str) -> datetime:
    start = parse_time(text)
    if re.fullmatch(r"\d{4}", text):
        following = start.replace(year=start.year + 1)
    elif re.fullmatch(r"\d{4}-\d{2}", text):
        following = (start + timedelta(days=31)).replace(day=1)
    elif re.fullmatch(r"\d{4}-\d{2}-\d{2}|\d{8}", text):
        following = start + timedelta(days=1)
    else:
        return start
    return following - timedelta(microseconds=1)


def find_time(tags: Mapping[str, str], name: str) -> datetime | None:
    """Time of acquisition in UTC from tags, else from the file name, else from TIFFTAG_DATETIME, else None."""
    upper = {key.upper(): value for key, value in tags.items()}
    for key in _TIME_TAGS:
        if key in upper and (found := _loose(upper[key])):
            return found
    stem = PurePosixPath(name).name
    return time_in_name(stem) or (_loose(upper["TIFFTAG_DATETIME"]) if "TIFFTAG_DATETIME" in upper else None)


def time_in_name(name: str) -> datetime | None:
    """A date in a file name: 20200831, 2020-08-31, with a time after it, a MODIS or HLS day of year, or a name that is a year."""
    for found in _DATE.finditer(name):
        try:
            clock = [int(found[part] or found[f"{part}2"] or 0) for part in "HMS"]
            return datetime(int(found["y"]), int(found["m"]), int(found["d"]), clock[0], clock[1], clock[2], tzinfo=UTC)
        except ValueError:
            continue
    if day := _DAY_OF_YEAR.search(name):
        try:
            made = datetime.strptime(f"{day['y']} {day['j']}", "%Y %j").replace(tzinfo=UTC)
        except ValueError:
            return None
        return made.replace(hour=int(day["H"] or 0), minute=int(day["M"] or 0), second=int(day["S"] or 0))
    stem = name.split(".")[0]
    if re.fullmatch(r"(19[3-9]|20[0-9])\d", stem):
        return datetime(int(stem), 1, 1, tzinfo=UTC)
    return None


def _loose(text: str) -> datetime | None:
    value = text.strip()
    if re.match(r"\d{4}:\d{2}:\d{2}", value):  # the TIFF way to write dates
        value = value[:10].replace(":", "-") + value[10:]
    if re.fullmatch(r"\d{14}", value):  # the NITF way
        value = f"{value[:8]}T{value[8:]}"
    try:
        made = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return time_in_name(value)
    return utc(made)


def find_sensor(tags: Mapping[str, str], href: str, descriptions: Sequence[str | None] = ()) -> Sensor:
    """The sensor from tags, else from the operator's way to name files or bands, else from a word of the path, else unknown."""
    upper = {key.upper(): value for key, value in tags.items()}
    for key in _SENSOR_TAGS:
        if key in upper and (found := match_word(re.sub(r"\s+", "-", upper[key].strip()))):
            return found
    path = PurePosixPath(href.split("?")[0])
    if found := match_file(path.name):
        return found
    if _sentinel_2_names(descriptions):
        return sensor_named("sentinel-2")
    for part in [path.stem, *list(path.parts[-2:-5:-1])]:
        if found := sensor_in(part):
            return found
    return UNKNOWN


def sensor_in(text: str) -> Sensor | None:
    """The sensor that a name holds as one word or two (`sentinel-2-l2a`, `my_landsat_8_scene`), or None."""
    if found := match_word(text):
        return found
    words = [word for word in re.split(r"[_\s.-]+", text) if word]
    for word in [f"{a}-{b}" for a, b in pairwise(words)] + words:
        if len(word) > 2 and (found := match_word(word)):
            return found
    return None


def _sentinel_2_names(descriptions: Sequence[str | None]) -> bool:
    """Whether bands are named as only Sentinel-2's are: B02 with the zero, and one that MODIS and HLS lack."""
    words = [text.strip() for text in descriptions if text]
    only = {"B08", "B8A", "B11", "B12"}
    return bool(words) and all(re.fullmatch(r"B(0[1-9]|1[0-2]|8A)", word) for word in words) and bool(only & set(words))


def find_bands(
    sensor: Sensor, descriptions: Sequence[str | None], colours: Sequence[str], wanted: Sequence[str] | None
) -> tuple[Band, ...]:
    """Bands of a file: as the user says, by its descriptions, by the sensor's only order, by colour, or else numbered."""
    count = len(descriptions)
    if wanted is not None:
        if len(wanted) != count:
            raise InputError(f"--bands names {len(wanted)} bands, but the file has {count}; name each, in the file's order.")
        return tuple(band(name, sensor) for name in wanted)
    telling = [text for text in descriptions if text]
    # a description that all bands share (a tool's signature) describes none of them
    if len(telling) == count and (count == 1 or len(set(telling)) == count):
        named = tuple(band(text, sensor) for text in telling)
        if any(entry.common or entry.name.lower() in sensor.known for entry in named):
            return named
    if layout := sensor.layout(count):
        return layout
    if {"red", "green", "blue"} <= set(colours):
        return tuple(band(colour) if colour in ("red", "green", "blue") else Band(str(i + 1)) for i, colour in enumerate(colours))
    return tuple(
        Band(text or str(i + 1)) for i, text in enumerate(descriptions if len(set(telling)) == count else [None] * count)
    )


def sensor_or(name: str | None, tags: Mapping[str, str], href: str, descriptions: Sequence[str | None] = ()) -> Sensor:
    """The sensor that the user names, else the one that the file shows."""
    return sensor_named(name) if name else find_sensor(tags, href, descriptions)
