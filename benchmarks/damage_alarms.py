"""False alarms of `geoglot change --damage` on real pairs in which nothing was damaged: the NAIP series of scenes.

A share of parts called damaged, of all and of those in which the share of water (one threshold for all dates) is the same within
two points: a pond that rose is a flood, rightly told. --head is a file that `geoglot.evals.damage` wrote.

Usage: python benchmarks/damage_alarms.py [--head FILE] [--data FOLDER]
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.stats import beta

from common import machine
from geoglot.tasks.change.asked import Settings, paired
from geoglot.tasks.change.damage import damage, windows
from geoglot.tasks.change.pair import Pair
from geoglot.tasks.change.series import series

SAME = 0.02  # of a part


def main() -> None:
    """A row for each pair of neighbouring dates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--head", default="nano")
    given = parser.parse_args()
    files = sorted((given.data / "scenes" / "naip").glob("*.tif"))
    print(machine())
    water = series(files, progress=False)
    print("| pair | parts | called damaged | parts without new water | called damaged |\n|---|---|---|---|---|")
    for k, (one, other) in enumerate(pairwise(files)):
        wet = [water.read(band=7 + k + step) == 1 for step in (0, 1)]
        every = windows(pair := paired(one, other, Settings()))
        found = damage(one, other, head=given.head, progress=False).parts
        assert len(found) == len(every), "a part was not observed"
        bad = np.array([part["label"] == "damaged" for part in found])
        gap = [abs(float(cut(wet[1], window).mean() - cut(wet[0], window).mean())) for window in every]
        same = np.array(gap) < SAME
        print(f"| {told(pair)} | {len(bad)} | {share(bad)} | {same.sum()} | {share(bad[same])} |", flush=True)


def cut(values: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """The part (h, w) of values (H, W) in a window."""
    row, col, height, width = window
    return values[row : row + height, col : col + width]


def told(pair: Pair) -> str:
    """Both years."""
    return " to ".join("" if scene.time is None else str(scene.time.year) for scene in (pair.before, pair.after))


def share(hits: np.ndarray) -> str:
    """A share with its interval (Clopper and Pearson), as if parts were independent."""
    low, high = beta.ppf((0.025, 0.975), (hits.sum(), hits.sum() + 1), (len(hits) - hits.sum() + 1, len(hits) - hits.sum()))
    return f"{hits.mean():.1%} ({low:.1%} to {high:.1%})"


if __name__ == "__main__":
    main()
