"""Megapixels a second that one core renders, by kind of place and ground sampling distance, and by sensor, as Markdown tables."""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import datetime
from typing import Any

from common import machine
from geoglot.data.synth import KINDS, World, compose, landscape, render

GSDS = (0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
EXTENTS = ((2.0, 2500.0), (30.0, 9000.0))  # up to a ground sampling distance: side of the place in metres
WIDEST = 1024  # pixels a side
LOOKS = (0.5, 2.0, 10.0)
SENSORS: dict[str, dict[str, Any]] = {
    "three bands": {},
    "three bands, a fifth in cloud": {"clouds": 0.2},
    "panchromatic": {"bands": ("pan",)},
    "the twelve bands of Sentinel-2": {"sensor": "sentinel-2"},
    "radar, VV and VH": {"sensor": "sentinel-1"},
}


def rate(world: World, gsd: float, seconds: float) -> tuple[float, float]:
    """Return the seconds of processor time of the first picture at a distance, and megapixels a second of the best later one."""
    size = int(min(WIDEST, world.extent / gsd))
    grid = world.grid(gsd, size)
    start = time.process_time()
    render(world, grid, seed=1)
    first = time.process_time() - start
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until or best == float("inf"):
        start = time.process_time()
        render(world, grid, seed=1)
        best = min(best, time.process_time() - start)
    return first, size * size / 1e6 / best


def sensors(kind: str, rounds: int = 3) -> None:
    """Print the rates of views with their truth masks by sensor: the first of a place (which draws its shapes) and another."""
    print(f"\nViews of {WIDEST} pixels a side with their truth masks ({kind}): the first of its place, then the same again.\n")
    print("| sensor | " + " | ".join(f"{gsd:g} m, first | again" for gsd in LOOKS) + " |")
    print("|---" * (2 * len(LOOKS) + 1) + "|")
    for name, asked in SENSORS.items():
        cells = []
        for gsd in LOOKS:
            taken: tuple[list[float], list[float]] = ([], [])
            for seed in range(rounds):
                world = landscape(seed, kind, max(2500, gsd * WIDEST))
                start = time.process_time()
                plan = compose(seed, world=world, gsd=gsd, size=WIDEST, date=datetime(2021, 7, 2), **asked)
                plan.view()
                middle = time.process_time()
                plan.view()
                taken[0].append(middle - start)
                taken[1].append(time.process_time() - middle)
            cells += [f"{WIDEST**2 / 1e6 / statistics.median(part):.1f}" for part in taken]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of place, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.6, help="time spent on each figure")
    options = parser.parse_args()
    print(machine())
    print("\nThree bands; processor time of one core, the best of several pictures of the same ground.\n")
    print("| place | " + " | ".join(f"{gsd:g} m" for gsd in GSDS) + " | made, s (2.5 km, 9 km) | first at 30 m, s |")
    print("|---" * (len(GSDS) + 3) + "|")
    for kind in options.kinds.split(","):
        cells, made = [], []
        first = 0.0
        for k, (most, extent) in enumerate(EXTENTS):
            start = time.process_time()
            world = landscape(3, kind, extent)
            made.append(time.process_time() - start)
            for gsd in (g for g in GSDS if g <= most and (k == 0 or g > EXTENTS[k - 1][0])):
                first, speed = rate(world, gsd, options.seconds)
                cells.append(f"{speed:.1f}")
        print(f"| {kind} | " + " | ".join(cells) + f" | {made[0]:.2f}, {made[1]:.2f} | {first:.2f} |", flush=True)
    sensors("country")


if __name__ == "__main__":
    main()
