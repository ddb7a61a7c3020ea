"""`geoglot change --clouds`: the preset on rendered pairs whose second date lies under simulated clouds.

A line for each sensor and way (as it comes, masks by nano, the true masks, the same pair without clouds): how much of what clouds
cover is called changed, how much is left out, and F1 of the ground that can be seen, where what is left out counts as unchanged.

Usage: python benchmarks/clouds.py [--seeds 10 16]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from change import rendered, write
from common import machine
from geoglot.data.build import weather
from geoglot.geo.scene import Scene
from geoglot.metrics.change import Change
from geoglot.tasks.change import change

NODATA = 255
LEAST = 0.3  # share of a pair that must be seen, or there is nothing to compare


def under(file: Path, sensor: str, k: int) -> tuple[Path, np.ndarray, list[Path]]:
    """A scene under clouds: the file, its classes (H, W), and the true masks of a clear scene before and of this one."""
    with Scene.open(file, sensor) as scene:
        raster = scene.read()
    kind = raster.data.dtype
    camera = kind == np.uint8
    scale = np.array([1 / 255 if camera else band.scale for band in raster.bands], np.float32)[:, None, None]
    offset = np.array([0.0 if camera else band.offset for band in raster.bands], np.float32)[:, None, None]
    rng = np.random.default_rng([900, k])
    gsd = 10.0 if raster.grid is None else raster.grid.gsd
    how = replace(weather.drawn(rng, clear=0.0), amount=float(rng.uniform(0.05, 0.5)), gsd=gsd, haze=0.0)
    seen, index = weather.put(raster.data.astype(np.float32) * scale + offset, raster.bands, how, camera)
    values = np.clip(np.rint((seen - offset) / scale), 1, np.iinfo(kind).max).astype(kind)
    masks = []
    for name, mask in (("clear", np.zeros_like(index)), ("sky", index)):
        masks.append(write(file.with_name(f"{name}-{file.name}"), replace(raster, data=mask[None], bands=raster.bands[:1])))
    return write(file.with_name(f"under-{file.name}"), raster, values), index, masks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(10, 16), help="the first, and the one after the last")
    given = parser.parse_args()
    print(f"{machine()}\n")
    print("| sensor | covered | clouds | of that called changed | left out in all | F1 of the rest |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        cases = [case for case in rendered(Path(folder), range(*given.seeds)) if "sentinel-1" not in case[4]["sensor"]]
        skies = [under(case[2], case[4]["sensor"], k) for k, case in enumerate(cases)]
        seen = [k for k, (_, index, _) in enumerate(skies) if (index == weather.CLEAR).mean() > LEAST]
        for sensor in dict.fromkeys(case[4]["sensor"] for case in cases):
            both = [(cases[k], skies[k]) for k in seen if cases[k][4]["sensor"] == sensor]
            for way in ("as it comes", "nano", "true masks", "no clouds"):
                metric = Change()
                called = left = covered = every = 0
                for (_, before, clear, truth, settings), (after, index, masks) in both:
                    if way == "no clouds":
                        after = clear
                    clouds = {"as it comes": None, "nano": "nano", "true masks": masks}.get(way)
                    found = change(before, after, clouds=clouds, progress=False, **settings).read()
                    over = index != weather.CLEAR
                    metric.add(np.where(found == NODATA, 0, found), np.where(over, NODATA, truth))
                    called, left = called + int((found[over] == 1).sum()), left + int((found == NODATA).sum())
                    covered, every = covered + int(over.sum()), every + over.size
                figures = f"{called / covered:.1%} | {left / every:.1%} | {metric.result()['f1']:.1f}"
                print(f"| {sensor} | {covered / every:.1%} | {way} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
