"""Which parts of a place were damaged or flooded between two scenes: a linear head on a model's vectors of both dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geoglot import models
from geoglot.core.errors import InputError
from geoglot.core.progress import track
from geoglot.geo import vectors
from geoglot.geo.grid import Window
from geoglot.geo.write import check_apart
from geoglot.models.files import beside
from geoglot.nn import heads
from geoglot.nn.pairs import KIND, columns
from geoglot.tasks.change import level
from geoglot.tasks.change.asked import Settings, paired
from geoglot.tasks.change.changemap import POLYGONS, Dates, check_output, check_outputs
from geoglot.tasks.change.pair import Pair
from geoglot.tasks.classify.scores import softmax
from geoglot.tasks.segment.polygons import onto_map

METRES, LEAST = 60.0, 32  # side of a part, as of the pictures that the shipped head was taught; pixels that it has at least
BATCH = 32
SUFFIX = ".damage.safetensors"


@dataclass(frozen=True)
class Damage:
    """A row for each part: scene, label, score, before and after (dates), geometry; and what was assumed."""

    parts: tuple[dict[str, Any], ...]
    assumptions: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """All but the geometry."""
        return [{key: value for key, value in part.items() if key != "geometry"} for part in self.parts]

    def table(self) -> str:
        """How many parts have which label."""
        names = [part["label"] for part in self.parts]
        return "\n".join(
            f"{name:<12} {names.count(name):>7,} parts  {names.count(name) / len(names):.1%}" for name in sorted(set(names))
        )


def damage(
    before: Any, after: Any, *, head: str | Path = "nano", out: str | Path | Sequence[str | Path] = (), **settings: Any
) -> Damage:
    """Say of each part of 60 metres (of the whole, without georeference) whether it was damaged between two scenes.

    `head` is that of a model by its name, or a file that `geoglot.evals.damage` wrote; its classes are those of its data, of the
    shipped one untouched and damaged, which counts flooded as damaged. `out` are files of polygons. Of `Settings` those count
    that say what the scenes are, the model, and whether to move the second onto the first.

    Raises `InputError` for scenes that make no pair and for other outputs, before any long work; what `heads.load` raises.
    """
    outputs = [Path(out)] if isinstance(out, str | Path) else [Path(path) for path in out]
    check_outputs(outputs)
    for path in outputs:
        if check_output(path) != "polygons":
            raise InputError(f"{path}: damage is told of parts; use one of {', '.join(POLYGONS)}.")
    asked = Settings(**settings)
    pair = paired(before, after, asked)
    if pair.radar or pair.crossed:
        raise InputError("Damage is told from pictures of light, and a scene here is radar: leave out --damage.")
    check_apart(outputs, [layer.href for scene in (pair.before, pair.after) for layer in scene.layers])
    seer = models.load(asked.model) if isinstance(asked.model, str) else asked.model
    fitted, card = heads.load(beside(head, SUFFIX) or head, seer.spec, KIND)
    gsd = pair.before.gsd
    if gsd is not None and gsd * LEAST > METRES:
        wide = f"parts are {gsd * windows(pair)[0][2]:,.0f} m wide"
        pair.assumptions.append(f"pixels of {gsd:.3g} m: {wide}, and pictures so coarse were not what a head was taught")
    if asked.register:
        pair.shift = level.register(pair)
    made = _parts(pair, seer, fitted, card.names, asked.progress)
    for path in outputs:
        vectors.write_features(path, made)
    return Damage(tuple(made), tuple(pair.assumptions))


def windows(pair: Pair) -> list[Window]:
    """Square parts that cover the first scene; the last of a row or column lie over the one before."""
    gsd = pair.before.gsd
    height, width = pair.shape
    side = min(height, width) if gsd is None else min(max(round(METRES / gsd), LEAST), height, width)
    tops, lefts = (sorted({*range(0, n - side + 1, side), n - side}) for n in (height, width))
    return [(top, left, side, side) for top in tops for left in lefts]


def _parts(pair: Pair, model: Any, head: heads.Head, names: Sequence[str], progress: bool) -> list[dict[str, Any]]:
    dates = Dates.of(pair.before, pair.after).told
    every = windows(pair)
    made: list[dict[str, Any]] = []
    with track(len(every), "damage", "parts", quiet=not progress) as shown:
        for start in range(0, len(every), BATCH):
            part = [(window, pair.read(window)) for window in every[start : start + BATCH]]
            part = [(window, block) for window, block in part if block.valid.mean() > 0.5]
            if part:
                looks = [block.shown() for _, block in part]
                one, other = (_vectors(model, np.stack([pictures[k] for pictures in looks])) for k in (0, 1))
                share = softmax(head.logits(columns(one, other)))
                for (window, _), row in zip(part, share, strict=True):
                    best = int(row.argmax())
                    made.append(_row(pair, window, names[best], float(row[best]), dates))
            shown.advance(min(BATCH, len(every) - start))
    if not made:
        raise InputError("No part was observed at both dates in more than half of its pixels: take scenes that overlap more.")
    return made


def _vectors(model: Any, pictures: np.ndarray[Any, Any]) -> heads.Floats:
    """Unit vectors (N, D) of pictures (N, 3, h, w) in [0, 1]."""
    import torch

    from geoglot.data.augment import plain

    pixels = np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    with torch.inference_mode():
        found: heads.Floats = (
            model.image(plain(torch.from_numpy(np.ascontiguousarray(pixels)), model.spec.size)).float().cpu().numpy()
        )
    return found


def _row(pair: Pair, window: Window, label: str, score: float, dates: tuple[str | None, str | None]) -> dict[str, Any]:
    top, left, height, width = window
    made: dict[str, Any] = {"scene": pair.before.id, "label": label, "score": score, "before": dates[0], "after": dates[1]}
    outline = shapely.box(left, top, left + width, top + height)
    if pair.grid is None:
        return made | {"outline": shapely.to_wkt(outline, rounding_precision=0), "geometry": None}
    return made | {"geometry": onto_map(outline, pair.grid, 512.0)}
