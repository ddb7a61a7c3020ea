"""`geoglot change` without labels: each method on labelled sets, on synthetic change, memory and time by size, shifts.

- synthetic: F1 and kappa of each method on rendered pairs with exact truth (Sentinel-2, Landsat and radar, other seasons) and on
  changes pasted into real scenes. Presets were chosen by this, before the labelled sets were scored.
- table: F1 and kappa of each method on landsat_taizhou, sar_ottawa and oscd, of labelled pixels only.
- size: seconds and peak memory of pairs of growing side, each in a process of its own: under 1.5 GiB at 10,000 x 10,000.

Usage: python benchmarks/change.py [synthetic|table|size ...] [--data FOLDER] [--sides 2500 5000 10000] [--seeds 4]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from common import machine, make_raster, whole
from geoglot.core.errors import GeoglotError, InputError
from geoglot.core.parts import names
from geoglot.data.synth.series import series
from geoglot.evals.kinds.change import PLAIN, compared
from geoglot.evals.protocol import load
from geoglot.geo.scene import Scene
from geoglot.metrics.change import Change
from geoglot.tasks.change import change
from geoglot.tasks.change.verb import ROOM

LIMIT = 1.5  # GiB
PROTOCOLS = ("landsat-taizhou-change", "sar-ottawa-change", "oscd-change")
Case = tuple[str, Path, Path, np.ndarray, dict[str, Any]]  # group, before, after, truth (1 changed, 0 not, 255 unknown), settings


def rendered(work: Path, seeds: Iterable[int]) -> Iterator[Case]:
    """Pairs of rendered places, a year or more apart, in the same season and in another one."""
    one = datetime(2018, 7, 5, tzinfo=UTC)
    sensors = {
        "sentinel-2": {"gsd": 10.0, "bands": ("B02", "B03", "B04", "B08")},
        "landsat-7": {"gsd": 30.0},
        "sentinel-1": {"gsd": 10.0, "bands": ("VV",), "looks": 2.0, "units": "amplitude"},
        "naip": {"gsd": 2.0},
    }
    known: dict[tuple[str, int], list[Path]] = {}
    for sensor, how in sensors.items():
        for seed in seeds:
            other = datetime(2020, 7, 20, tzinfo=UTC) if seed % 2 else datetime(2020, 10, 10, tzinfo=UTC)
            try:
                made = series(100 + seed, dates=(one, other), changes=6, size=256, sensor=sensor, **how).pair()
            except InputError:  # no room for so many changes
                continue
            paths = []
            for name, view in (("before", made.before), ("after", made.after)):
                paths.append(write(work / f"{sensor}-{seed}-{name}.tif", view.raster))
            settings = {"sensor": sensor}
            known[sensor, seed] = paths
            yield f"rendered {sensor}", *paths, made.lasting.astype(np.uint8), settings
            if sensor == "sentinel-1" and ("sentinel-2", seed) in known:  # the same place on the same dates
                optical = known["sentinel-2", seed]
                named = {"sensor": ("sentinel-2", "sentinel-1")}
                yield "rendered radar against optical", optical[0], paths[1], made.lasting.astype(np.uint8), named


def pasted(folder: Path, work: Path, seeds: int) -> Iterator[Case]:
    """Real scenes with patches of other ground pasted into the second date, which is darker, hazy, noisy and a little off."""
    found = sorted((folder / "scenes/sentinel2").glob("*.tif"))[: 2 * seeds]
    for k, file in enumerate(found):
        with Scene.open(file, "sentinel-2") as scene:
            raster = scene.read(bands=["B02", "B03", "B04", "B08", "B11", "B12"])
        rng = np.random.default_rng(k)
        before = raster.data.astype(np.float32)
        after, truth = patched(before, before, rng)
        gain = rng.uniform(0.8, 1.2, len(before))[:, None, None]
        noise = rng.normal(0, 0.03 * before.std(axis=(1, 2), keepdims=True) + 10, before.shape)
        after = after * gain + rng.uniform(-100, 200, len(before))[:, None, None] + noise
        yield "pasted sentinel-2", *both(work / f"s2-{k}", raster, before, after), truth, {"sensor": "sentinel-2"}
    for k, name in enumerate(["hh", "vv", "hv", "vh"]):
        with Scene.open(folder / f"scenes/sar/sar_{name}.tif") as scene:
            raster = scene.read()
        rng = np.random.default_rng(k)
        power = 10 ** (raster.data / 10)
        # the ground without speckle, which is drawn anew for both dates
        still = np.stack(
            [np.sort(np.stack([np.roll(p, (i, j), (0, 1)) for i in (-2, 0, 2) for j in (-2, 0, 2)]), axis=0)[4] for p in power]
        )
        for looks in (1, 4):
            other, truth = patched(still, still, rng)
            one, two = (np.sqrt(v * rng.gamma(looks, 1 / looks, v.shape)) for v in (still, other))
            scale = 200 / np.quantile(one, 0.98)
            yield (
                f"pasted radar, {looks} looks",
                *both(work / f"sar-{name}-{looks}", raster, one * scale, two * scale),
                truth,
                {"sensor": "sar"},
            )


def patched(values: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Values (C, H, W) with blobs taken from elsewhere, and where (H, W) these are; blobs that look the same do not count."""
    _, h, w = values.shape
    made, truth = values.copy(), np.zeros((h, w), np.uint8)
    rows, cols = np.mgrid[:h, :w]
    spread = values.std(axis=(1, 2), keepdims=True)
    for _ in range(int(rng.integers(3, 12))):
        r, c, size = rng.integers(0, h), rng.integers(0, w), rng.uniform(4, 18)
        angle = np.arctan2(rows - r, cols - c)
        blob = np.hypot(rows - r, cols - c) < size * (1 + 0.3 * np.sin(3 * angle + rng.uniform(0, 6)))
        moved = np.roll(source, tuple(rng.integers(h // 6, h - h // 6, 1)) + tuple(rng.integers(w // 6, w - w // 6, 1)), (1, 2))
        if np.abs((moved - values) / spread)[:, blob].mean() < 0.7:
            continue
        made[:, blob] = moved[:, blob]
        truth[blob] = 1
    return made, truth


def both(stem: Path, raster: Any, before: np.ndarray, after: np.ndarray) -> list[Path]:
    top = 65535 if raster.data.dtype != np.uint8 else 255
    kind = np.uint8 if top == 255 else np.uint16
    paths = []
    for name, values in (("before", before), ("after", after)):
        data = np.clip(np.rint(values), 1, top).astype(kind)
        paths.append(write(stem.with_name(f"{stem.name}-{name}.tif"), raster, data))
    return paths


def write(path: Path, raster: Any, data: np.ndarray | None = None) -> Path:
    """A GeoTIFF; the values are of a file that tells no sensor."""
    data = raster.data if data is None else data
    profile = {"driver": "GTiff", "count": len(data), "height": data.shape[1], "width": data.shape[2], "dtype": data.dtype.name}
    grid = {} if raster.grid is None else {"crs": raster.grid.crs, "transform": raster.grid.transform}
    with rasterio.open(path, "w", photometric="MINISBLACK", **profile, **grid) as file:
        file.write(data)
        for index, band in enumerate(raster.bands, 1):
            file.set_band_description(index, band.name)
    return path


def synthetic(work: Path, folder: Path, seeds: int, methods: list[dict[str, Any]]) -> None:
    """A line for each way and kind of pair."""
    cases = [*rendered(work, range(seeds)), *pasted(folder, work, seeds)]
    print("| pairs | method | F1 | kappa | precision | recall |\n|---|---|---|---|---|---|")
    for group in dict.fromkeys(case[0] for case in cases):
        for how in methods:
            metric = Change()
            try:
                for _, before, after, truth, settings in (case for case in cases if case[0] == group):
                    given = change(before, after, progress=False, **settings, **how)
                    metric.add(given.read(), truth)
            except GeoglotError as error:
                if "is for radar" not in str(error) and "need the method" not in str(error):
                    print(group, how, error)
                continue
            told(group, how, metric.result())


def told(group: str, how: dict[str, Any], found: dict[str, float]) -> None:
    name = "plain differencing, Otsu" if how is PLAIN else str(how.get("method", "preset of the sensor")).replace("_", "-")
    name += f' "{how["query"]}"' if "query" in how else ""
    print(f"| {group} | {name} | " + " | ".join(f"{found[key]:.1f}" for key in ("f1", "kappa", "precision", "recall")) + " |")


def ways() -> list[dict[str, Any]]:
    """Plain differencing, the preset, and each method."""
    return [PLAIN, {}, *({"method": name} for name in names(ROOM) if name not in ("difference", "structure", "scm"))]


def table(folder: Path, methods: list[dict[str, Any]]) -> None:
    """A line for each way and labelled set."""
    print("| set | method | F1 | kappa | precision | recall |\n|---|---|---|---|---|---|")
    for name in PROTOCOLS:
        rules = load(name)
        for how in methods:
            try:
                told(rules.source, how, compared(rules, folder, how).result())
            except InputError as error:
                if "is for radar" not in str(error):
                    raise


def sizes(work: Path, sides: list[int]) -> None:
    print("## time and memory by size\n")
    for side in sides:
        paths = [make_raster(work / f"{name}_{side}.tif", side, bands=4, dtype="uint16", overviews=False) for name in ("a", "b")]
        with rasterio.open(paths[1], "r+") as file:  # the same pixels twice would be refused
            file.write(file.read(1, window=((0, 512), (0, 512))) + 300, 1, window=((0, 512), (0, 512)))
        out = work / f"change_{side}.tif"
        out.unlink(missing_ok=True)
        seconds, memory = whole(["change", *map(str, paths), "--sensor", "sentinel-2", "-o", str(out), "-q"])
        rate = side * side / seconds / 1e6
        print(f"- {side} x {side}, 4 bands: {seconds:.0f} s, {rate:.2f} megapixels a second, {memory:.2f} GiB", flush=True)
        if memory > LIMIT:
            print(f"  more than {LIMIT} GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["synthetic", "table", "size"])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GEOGLOT_DATA", "../shared/data")))
    parser.add_argument("--sides", type=int, nargs="+", default=[2500, 5000, 10000])
    parser.add_argument("--seeds", type=int, default=4)
    asked = parser.parse_args()
    print(machine() + f", limit of files {resource.getrlimit(resource.RLIMIT_NOFILE)[0]}\n")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if "synthetic" in asked.what:
            synthetic(work, asked.data, asked.seeds, ways())
        if "table" in asked.what:
            table(asked.data, [*ways(), {"method": "scm"}, {"method": "scm", "query": "buildings"}])
        if "size" in asked.what:
            sizes(work, asked.sides)


if __name__ == "__main__":
    main()
