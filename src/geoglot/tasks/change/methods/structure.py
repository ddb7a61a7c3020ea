"""Radar against optical: what looked alike in one scene is expected to look alike in the other, whatever the values.

Pixels of a scene are put into groups by how they and their neighbourhood look (k-means). Of each group the other scene shows
what its pixels usually look like there and how much that varies; a pixel changed as far as it differs from its group. Both ways.
After the self-similarity of patch graphs (Sun et al. 2021), with groups in the place of nearest neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geoglot.tasks.change.filters import Floats, box_mean
from geoglot.tasks.change.pair import Block, Pair

CROSSES = True
POWER = 2  # of scores, for Otsu's threshold: on rendered pairs of radar and optical far nearer to the best one
_POINTS = 2**16
_CHUNK = 2**16


@dataclass(frozen=True)
class Options:
    """`groups` of pixels; `near` and `wide`: radii of the two neighbourhoods; `smooth`: radius of the mean of the scores."""

    groups: int = 24
    near: int = 2
    wide: int = 6
    smooth: int = 1


def halo(how: Options) -> int:
    """Pixels around a block."""
    return how.wide + how.smooth


def fit(pair: Pair, how: Options) -> dict[str, NDArray[np.float32]]:
    """Groups of both scenes, and what the pixels of each look like in the other."""
    rows: list[tuple[Floats, Floats]] = []
    rng = np.random.default_rng(0)
    blocks = list(pair.sample(halo(how), 2**18))
    for block in blocks:
        one, other = (features(values, block.valid, how)[:, block.valid].T for values in (block.before, block.after))
        at = rng.choice(len(one), min(len(one), max(_POINTS // len(blocks), 256)), replace=False)
        rows.append((one[at], other[at]))
    known: dict[str, Floats] = {}
    both = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    for name, x in zip(("before", "after"), both, strict=True):
        known[f"{name}_mean"] = x.mean(axis=0)
        known[f"{name}_std"] = np.maximum(x.std(axis=0), 1e-6)
    unit = [(x - known[f"{name}_mean"]) / known[f"{name}_std"] for name, x in zip(("before", "after"), both, strict=True)]
    for name, x, y in (("before", unit[0], unit[1]), ("after", unit[1], unit[0])):
        centres = clusters(x, how.groups)
        group = nearest(x, centres)
        usual = np.stack(
            [np.median(y[group == k], axis=0) if (group == k).any() else np.zeros(y.shape[1]) for k in range(len(centres))]
        )
        gap = np.abs(y - usual[group])
        varied = np.stack(
            [np.median(gap[group == k], axis=0) if (group == k).any() else np.ones(y.shape[1]) for k in range(len(centres))]
        )
        known[f"{name}_centres"] = centres.astype(np.float32)
        known[f"{name}_usual"] = usual.astype(np.float32)
        known[f"{name}_varied"] = np.maximum(1.4826 * varied, 0.15).astype(np.float32)
    return known


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """Root mean square of how far a pixel lies from its group, in both directions."""
    unit = []
    for name, values in (("before", block.before), ("after", block.after)):
        found = features(values, block.valid, how)
        unit.append((found - known[f"{name}_mean"][:, None, None]) / known[f"{name}_std"][:, None, None])
    shape = block.valid.shape
    total = np.zeros(shape[0] * shape[1], np.float32)
    flat = [values.reshape(len(values), -1).T for values in unit]
    for name, x, y in (("before", flat[0], flat[1]), ("after", flat[1], flat[0])):
        for top in range(0, len(x), _CHUNK):
            part = slice(top, top + _CHUNK)
            group = nearest(x[part], known[f"{name}_centres"])
            far = (y[part] - known[f"{name}_usual"][group]) / known[f"{name}_varied"][group]
            total[part] += np.minimum((far * far).mean(axis=1), 100.0)
    return block.inner(box_mean(np.sqrt(total / 2).reshape(shape), block.valid, how.smooth))


def features(values: Floats, valid: NDArray[np.bool_], how: Options) -> Floats:
    """What a place looks like (F, H, W): each band near and around it, and how much it varies there."""
    near, wide = box_mean(values, valid, how.near), box_mean(values, valid, how.wide)
    varied = np.sqrt(np.maximum(box_mean(values * values, valid, how.near) - near * near, 0))
    return np.concatenate([near, wide, np.log1p(varied)])


def nearest(x: Floats, centres: Floats) -> NDArray[np.intp]:
    """The nearest centre (N,) of each row of x (N, F)."""
    found: NDArray[np.intp] = ((centres * centres).sum(axis=1) - 2 * x @ centres.T).argmin(axis=1)
    return found


def clusters(x: Floats, count: int, rounds: int = 25) -> Floats:
    """Centres (K, F) of groups of x (N, F), begun far apart (k-means++)."""
    rng = np.random.default_rng(0)
    centres = [x[rng.integers(len(x))]]
    far = ((x - centres[0]) ** 2).sum(axis=1)
    for _ in range(min(count, len(x)) - 1):
        if not far.sum() > 0:
            break
        centres.append(x[rng.choice(len(x), p=far / far.sum())])
        far = np.minimum(far, ((x - centres[-1]) ** 2).sum(axis=1))
    made = np.stack(centres)
    for _ in range(rounds):
        group = nearest(x, made)
        new = np.stack([x[group == k].mean(axis=0) if (group == k).any() else made[k] for k in range(len(made))])
        if np.allclose(new, made, atol=1e-4):
            break
        made = new
    return made
