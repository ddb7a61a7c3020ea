"""`geoglot change` over several dates: lasting change of rendered series, and the real series of NAIP and Landsat.

- rendered: F1 of lasting change against the exact truth, by a series and by its first and last date alone (the preset of the
  sensor); the share of found change that is dated rightly.
- pictures: the real series, as pictures, with the table of water by date.

Usage: python benchmarks/series.py [rendered|pictures] [--data FOLDER] [--out FOLDER] [--seeds 2]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from change import write
from common import machine
from geoglot.core.errors import InputError
from geoglot.data.synth.series import series as rendered_series
from geoglot.metrics.change import Change
from geoglot.tasks.change import change
from geoglot.tasks.change.series import series

DATES = {
    "2 dates, another season": ("2016-07-05", "2020-10-12"),
    "3 dates, one season": ("2016-07-05", "2018-07-15", "2020-07-01"),
    "3 dates, two seasons": ("2016-07-05", "2018-10-15", "2020-07-01"),
    "4 dates, two seasons": ("2016-07-05", "2017-10-08", "2019-07-12", "2020-10-05"),
    "6 dates, two seasons": ("2016-07-05", "2016-10-08", "2018-07-12", "2018-10-02", "2020-07-01", "2020-10-12"),
}
SENSORS = {"sentinel-2": {"gsd": 10.0, "bands": ("B02", "B03", "B04", "B08")}, "naip": {"gsd": 2.0}}
LANDSAT = ("swir16", "nir", "red", "green")


def places(work: Path, sensor: str, dates: tuple[str, ...], seeds: int) -> Iterator[tuple[list[Path], np.ndarray, np.ndarray]]:
    """Files of a place at dates, where (H, W) it changed for good between the first and the last, and which date shows it."""
    for seed in range(seeds):
        when = [datetime.fromisoformat(date).replace(tzinfo=UTC) for date in dates]
        try:
            made = rendered_series(300 + seed, dates=when, changes=6, size=256, sensor=sensor, **SENSORS[sensor])
        except InputError:  # no room for so many changes
            continue
        first = np.zeros(made.grid.shape, np.uint8)
        for k in range(1, len(dates)):
            first[made.pair(k - 1, k).lasting] = k
        files = [write(work / f"{k}-{seed}.tif", view.raster) for k, view in enumerate(made.views)]
        yield files, made.pair().lasting, first


def rendered(seeds: int) -> None:
    """A row for each sensor and set of dates."""
    print("| series | lasting | series F1 | first and last alone F1 | dated rightly |\n|---|---|---|---|---|")
    for sensor in SENSORS:
        for name, dates in DATES.items():
            ours, plain, right, all_of, share = Change(), Change(), 0, 0, []
            with tempfile.TemporaryDirectory() as folder:
                for files, truth, first in places(Path(folder), sensor, dates, seeds):
                    found = series(files, dates=dates, sensor=sensor, progress=False)
                    ours.add(found.read(), truth.astype(np.uint8))
                    two = change(files[0], files[-1], dates=(dates[0], dates[-1]), sensor=sensor, progress=False)
                    plain.add(two.read(), truth.astype(np.uint8))
                    both = truth & (found.read() == 1)
                    right, all_of = right + int((found.read(band=4) == first)[both].sum()), all_of + int(both.sum())
                    share.append(float(truth.mean()))
            f1 = [metric.result()["f1"] for metric in (ours, plain)]
            dated = f"{right / max(all_of, 1):.0%}"
            print(f"| {sensor}, {name} | {np.mean(share):.1%} | {f1[0]:.1f} | {f1[1]:.1f} | {dated} |", flush=True)


def pictures(data: Path, out: Path) -> None:
    """Both real series: a picture, a moving one, the tables."""
    for name, bands in (("naip", None), ("landsat", LANDSAT)):
        with tempfile.TemporaryDirectory() as folder:
            moving = out / f"change-series-{name}-moving.webp"
            beside = Path(folder) / "beside.png"
            made = series(sorted((data / "scenes" / name).glob("*.tif")), bands=bands, out=[beside, moving], progress=False)
            with Image.open(beside) as image:
                image.thumbnail((2000, 2000))
                image.save(out / f"change-series-{name}.webp", quality=80)
        print(f"{name}\n{made.table()}\n{made.report['classes by']}\n", flush=True)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["rendered"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--seeds", type=int, default=2)
    given: Any = parser.parse_args()
    print(machine())
    if "rendered" in given.what:
        rendered(given.seeds)
    if "pictures" in given.what:
        pictures(given.data, given.out)


if __name__ == "__main__":
    main()
