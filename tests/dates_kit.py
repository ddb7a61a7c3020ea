"""One rendered place at three dates, the last under clouds, as an archive of the embedded model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from geoglot.archive import index
from geoglot.data.synth import Pair, pair
from geoglot.geo.write import write_geotiff

DATES = (datetime(2019, 6, 1, tzinfo=UTC), datetime(2021, 6, 3, tzinfo=UTC), datetime(2022, 6, 5, tzinfo=UTC))
ELSEWHERE = datetime(2020, 6, 2, tzinfo=UTC)


def rendered(folder: Path) -> Pair:
    """Write `woods_<day>.tif` of each date, in which a clearing comes after the first, and `far_<day>.tif` of another place.

    Gives the truth of the first two dates; a third of the last is cloud.
    """
    place = {"gsd": 2.0, "size": 256, "changes": ["clearing"]}
    made = pair(4, "woods", dates=DATES[:2], **place)
    cloudy = pair(4, "woods", dates=(DATES[0], DATES[2]), clouds=(0.0, 0.35), **place).after
    for view in (made.before, made.after, cloudy):
        write_geotiff(folder / f"woods_{view.raster.time:%Y%m%d}.tif", view.raster)
    far = pair(8, "river", gsd=2.0, size=192, dates=(ELSEWHERE, DATES[1]), changes=0, at=(12.0, 48.0)).before
    write_geotiff(folder / f"far_{ELSEWHERE:%Y%m%d}.tif", far.raster)
    return made


def archive(folder: Path) -> tuple[Path, Pair]:
    """The archive of the four scenes, and the truth of the first two dates."""
    scenes = folder / "scenes"
    scenes.mkdir()
    made = rendered(scenes)
    index([scenes], model="nano", out=folder / "archive", progress=False)
    return folder / "archive", made
