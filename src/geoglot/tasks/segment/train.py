"""A pixel head from polygons: a logistic regression on the dense features of what they cover, and figures by place.

Features are blended over windows and interpolated between cells exactly as in a map; a linear head may be applied before or
after. Each figure comes from places that were held out of the fit: the scene is cut into square blocks, whole blocks are held
out together, and what lies nearer to them than half a window, which saw the same pixels, is not fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely.geometry import box

from geoglot.archive.embed import Seen, embed
from geoglot.archive.encoder import DualEncoder
from geoglot.archive.sources import Source
from geoglot.core.errors import GeoglotError, InputError
from geoglot.core.progress import track
from geoglot.geo.scene import Scene
from geoglot.nn import folds
from geoglot.nn.heads import Head, HeadCard, LinearHead
from geoglot.tasks.classify.marks import Mark, about, onto_pixels, why
from geoglot.tasks.segment.asked import Train
from geoglot.tasks.segment.blend import Blend, Floats
from geoglot.tasks.segment.lattice import Lattice, windows
from geoglot.tasks.segment.stream import Run

FINE = 4  # places of a cell, along a side, at which examples are taken
MOST = 12_000  # places of the last fit
CHECKED = 3_000  # places of the cross-validation, in which there are dozens of fits


@dataclass
class Places:
    """Marked places of one scene: row and column among cells (N, 2), class (N,), how many like it each stands for (N,)."""

    source: Source
    lattice: Lattice
    at: NDArray[np.float64]
    y: NDArray[np.int64]
    weight: NDArray[np.float64]
    x: Floats = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def thinned(self, most: int, rng: np.random.Generator) -> Places:
        """At most so many places of each class, drawn evenly."""
        kept = [rng.permutation(np.flatnonzero(self.y == k))[:most] for k in np.unique(self.y)]
        rows = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
        weight = self.weight[rows].copy()
        for k in np.unique(self.y):
            weight[self.y[rows] == k] *= (self.y == k).sum() / max((self.y[rows] == k).sum(), 1)
        return replace(self, at=self.at[rows], y=self.y[rows], weight=weight)


def fit(marks: Sequence[Mark], sources: Sequence[Source], how: Run, asked: Train) -> tuple[Head, HeadCard]:
    """Fit a head on what the polygons cover in the scenes, and measure it on places held out.

    Raises `InputError` where no scene holds a polygon, or only polygons of one class are left.
    """
    skipped: list[tuple[str, str]] = []
    names = tuple(sorted({mark.label for mark in marks}))
    found, inside = _places(marks, sources, how, names, skipped)
    left = sorted({mark.label for mark in marks if mark.number in inside})
    if len(left) < 2:
        raise InputError(why(marks, sources, skipped, left))
    names = _renamed(names, found)
    rng = np.random.default_rng(0)
    share = max(MOST // (len(names) * len(found)), 50)
    found = [part.thinned(share, rng) for part in found]
    with track(None, "look at polygons", "windows", quiet=not how.progress) as shown:
        look_at(found, how, shown)
    x, y, weight = (np.concatenate([getattr(part, name) for part in found]) for name in ("x", "y", "weight"))
    seen = np.isfinite(x).all(axis=1)
    if len(np.unique(y[seen])) < len(names):
        raise InputError("Polygons of a class hold no valid pixel: draw others, or take the class out.")
    where = np.concatenate([_blocks(part, how, number) for number, part in enumerate(found)])
    x, y, weight, where = x[seen], y[seen], weight[seen], where[seen]
    fits = folds.candidates("probe", np.zeros((len(names), x.shape[1]), np.float32), 1.0)
    figures = _checked(fits, x, y, weight, where, names, asked.folds, how.side / how.look.cell / 2, rng)
    head = fits[str(figures["method"])](x, y)
    assert isinstance(head, LinearHead)
    figures |= {"polygons outside": [mark.number for mark in marks if mark.number not in inside], "skipped": skipped}
    look = {"variant": how.look.variant, "factor": how.look.factor}
    spec = how.look.model.spec
    return head, HeadCard(names, spec.name, spec.hash, asdict(how.options), figures, "cells", look)


def _renamed(names: tuple[str, ...], found: Sequence[Places]) -> tuple[str, ...]:
    """The classes that have places, whose numbers then run from 0 without a gap."""
    there = np.unique(np.concatenate([part.y for part in found]))
    for part in found:
        part.y = np.searchsorted(there, part.y)
    return tuple(names[k] for k in there)


def _places(
    marks: Sequence[Mark], sources: Sequence[Source], how: Run, names: tuple[str, ...], skipped: list[tuple[str, str]]
) -> tuple[list[Places], set[int]]:
    """What the polygons cover, scene by scene, and the numbers of those that lie within a scene; no pixel is read."""
    made, inside = [], set[int]()
    for source in sources:
        try:
            ready = source.open({})
            assert ready is not None
            with ready.scene as scene:
                cells = how.lattice(scene)
                mine = [mark for mark in marks if about(mark, scene) and (scene.grid or len(sources) == 1 or mark.scene)]
                drawn = [(mark, onto_pixels(mark.shape, scene)) for mark in mine]
        except GeoglotError as error:
            skipped.append((source.id, str(error)))
            continue
        frame = box(0, 0, scene.shape[1], scene.shape[0])
        shapes = [(mark, shape.intersection(frame)) for mark, shape in drawn if shape is not None]
        shapes = [(mark, shape) for mark, shape in shapes if shape.area]
        inside |= {mark.number for mark, _ in shapes}
        if shapes:
            made.append(_covered(source, scene, cells, shapes, names))
    return made, inside


def _covered(source: Source, scene: Scene, cells: Lattice, shapes: Sequence[tuple[Mark, Any]], names: tuple[str, ...]) -> Places:
    """Places in polygons, `FINE` a cell along a side, or one where a polygon is smaller; none that two classes claim."""
    pixel = cells.shape[0] / cells.seen[0], cells.shape[1] / cells.seen[1]
    step = cells.cell / FINE * pixel[0], cells.cell / FINE * pixel[1]  # pixels of the scene between places
    found: dict[tuple[float, float], int] = {}
    for mark, shape in shapes:
        label = names.index(mark.label)
        for spot in _grid(shape, step) or [(shape.representative_point().y, shape.representative_point().x)]:
            if found.setdefault(spot, label) != label:
                found[spot] = -1
    known = {spot: label for spot, label in found.items() if label >= 0}
    spots = np.array(list(known), dtype=np.float64).reshape(-1, 2)
    at = np.stack([cells.position(axis, spots[:, axis]) for axis in (0, 1)], axis=1)
    return Places(source, cells, at, np.array(list(known.values()), dtype=np.int64), np.ones(len(known)))


def _grid(shape: Any, step: tuple[float, float]) -> list[tuple[float, float]]:
    """Row and column in the scene of the places of a regular grid that lie within a polygon."""
    left, top, right, bottom = shape.bounds
    r0, c0 = int(top // step[0]), int(left // step[1])
    size = int(bottom // step[0]) + 1 - r0, int(right // step[1]) + 1 - c0
    drawn = rasterize([shape], size, transform=Affine(step[1], 0, c0 * step[1], 0, step[0], r0 * step[0]), dtype="uint8")
    rows, cols = np.nonzero(drawn)
    return list(zip(((rows + r0 + 0.5) * step[0]).tolist(), ((cols + c0 + 0.5) * step[1]).tolist(), strict=True))


def look_at(found: Sequence[Places], how: Run, shown: Any) -> None:
    """Fill in the features of places; they are no numbers where nothing was observed."""
    dim = how.look.model.spec.dim
    look = replace(how.look, numbers=None, bias=0.0)
    by_id = {part.source.id: part for part in found}
    blends = {part.source.id: Blend(part.lattice, how.frame, dim) for part in found}
    held: dict[str, dict[tuple[int, int], Floats]] = {name: {} for name in by_id}
    wanted = {name: _corners(part) for name, part in by_id.items()}

    def keep(name: str, parts: Any) -> None:
        for first, means in parts:
            for row, col in wanted[name]:
                if first <= row < first + len(means) and means[row - first, col, -1]:
                    held[name][row, col] = means[row - first, col, :-1].copy()

    def plan(scene: Scene) -> Any:
        return windows(by_id[scene.id].lattice, how.frame).only(wanted[scene.id])

    sources = [part.source for part in found]
    for item in embed(sources, DualEncoder(look.model, look), plan, shown, how.together, how.workers, how.side):
        if isinstance(item, Seen):
            name = item.job.scene.id
            for window, values in zip(item.windows, item.vectors, strict=True):
                keep(name, blends[name].add(window, values))
        elif item.source in by_id:
            keep(item.source, blends[item.source].until(by_id[item.source].lattice.cells[0]))
    for name, part in by_id.items():
        part.x = _between(part, held[name], dim)


def _corners(part: Places) -> set[tuple[int, int]]:
    """The cells between whose centres the places lie."""
    return {(int(r), int(c)) for r, c in np.unique(np.concatenate([_corner(part, d) for d in _STEPS]), axis=0)}


_STEPS = ((0, 0), (0, 1), (1, 0), (1, 1))


def _corner(part: Places, step: tuple[int, int]) -> NDArray[np.int64]:
    last = np.array(part.lattice.cells) - 1
    made: NDArray[np.int64] = np.minimum(np.floor(np.clip(part.at, 0, last)) + step, last).astype(np.int64)
    return made


def _between(part: Places, held: dict[tuple[int, int], Floats], dim: int) -> Floats:
    """Features (N, D) at places, interpolated between the cells that were observed."""
    last = np.array(part.lattice.cells) - 1
    share = np.clip(part.at, 0, last) % 1
    total, weight = np.zeros((len(part.at), dim), dtype=np.float32), np.zeros(len(part.at), dtype=np.float32)
    for step in _STEPS:
        near = np.prod(np.where(step, share, 1 - share), axis=1)
        for i, (row, col) in enumerate(_corner(part, step)):
            cell = held.get((int(row), int(col)))
            if cell is not None and near[i] > 0:
                total[i] += cell * near[i]
                weight[i] += near[i]
    with np.errstate(invalid="ignore", divide="ignore"):
        made: Floats = total / weight[:, None]
    return made


def _blocks(part: Places, how: Run, number: int) -> NDArray[np.float64]:
    """Where places lie (N, 3): number of the scene, row and column among cells."""
    return np.column_stack([np.full(len(part.at), float(number)), part.at])


def _checked(
    fits: Any,
    x: Floats,
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    where: NDArray[np.float64],
    names: tuple[str, ...],
    count: int,
    gap: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The setting to take and the figures in per cent of places held out; `gap` in cells."""
    rows = np.sort(rng.permutation(len(y))[:CHECKED])
    rows = np.union1d(rows, np.concatenate([np.flatnonzero(y == k)[:50] for k in range(len(names))]))
    extent = where[:, 1:].max(axis=0) - where[:, 1:].min(axis=0)
    side = max(2 * gap, float(extent.max()) / 8)
    cell = np.column_stack([where[:, 0], np.floor(where[:, 1:] / side)])[rows]
    groups = np.unique(cell, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    apart = int(folds.groups_of_class(y[rows], groups, len(names)).min())
    sample = x[rows], y[rows], groups
    figures: dict[str, Any] = {
        "method": folds.choose(fits, *sample, len(names), 3),
        "n": {name: int(weight[y == k].sum()) for k, name in enumerate(names)},
        "blocks": int(groups.max()) + 1,
        "folds": min(count, apart) if apart > 1 else 0,
    }
    if not figures["folds"]:
        return figures

    def far(held: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What lies farther from every block that is held out than half a window."""
        blocks = np.unique(cell[held], axis=0)
        near = held.copy()
        for scene, row, col in blocks:
            frame = box(col * side - gap, row * side - gap, (col + 1) * side + gap, (row + 1) * side + gap)
            points = where[rows]
            near |= (points[:, 0] == scene) & shapely.contains_xy(frame, points[:, 2], points[:, 1])
        return ~near

    answers = folds.check(fits, *sample, len(names), figures["folds"], far).answers
    common = np.full(len(rows), np.bincount(y, weights=weight).argmax())
    for name, answer in (("head", answers), ("commonest class", common)):
        figures[name] = _ious(answer, y[rows], weight[rows], names)
    return figures


def _ious(answer: NDArray[np.int64], y: NDArray[np.int64], weight: NDArray[np.float64], names: tuple[str, ...]) -> dict[str, Any]:
    """Intersection over union of each class and their mean in per cent; places count by what they stand for."""
    each = {}
    for k, name in enumerate(names):
        both = weight[(answer == k) & (y == k)].sum()
        either = weight[(answer == k) | (y == k)].sum()
        each[name] = round(100 * float(both / either), 1) if either else 0.0
    return {"IoU": each, "mIoU": round(sum(each.values()) / len(each), 1)}
