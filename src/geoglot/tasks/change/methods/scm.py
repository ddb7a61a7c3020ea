"""What a model sees that is different: distances of its cells at several scales and of gradients, piloted by words.

After SCM (segment change model, Tan et al. 2023): features of both dates, each divided by its own mean, are fused and compared
by cosine; what is none of the query's is damped by its probability. Here the features are the cells of any image-text model
and the query may be any words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.tasks.change.filters import Floats, box_mean
from geoglot.tasks.change.pair import SAMPLE, Block, Pair
from geoglot.tasks.change.threshold import Histogram, clipped, otsu

SIDE, MARGIN = 384, 32  # pixels of a part that the model looks at, and of its edge that is not used
OTHERS = (
    "bare land",
    "grassland",
    "forest",
    "farmland",
    "water",
    "buildings",
    "a road",
    "a parking lot",
    "an industrial area",
    "sand",
)
_NEW = r"^(new|newly built|recent|recently built)\s+"
_GONE = r"^(lost|removed|demolished|destroyed|vanished|former)\s+"


@dataclass(frozen=True)
class Options:
    """`scales`: how many times larger the picture is shown; `gradients`: weight of gradients beside the cells.

    `query`: words for what should have changed; "new" before them asks for what was not there before, "lost" for what is gone.
    """

    scales: tuple[float, ...] = (1.0, 2.0)
    gradients: float = 0.5
    query: str | None = None
    weights: str = ""  # the hash of the model's weights
    model: Any = field(default=None, repr=False, compare=False)
    vectors: Any = field(default=None, repr=False, compare=False)
    temperature: float = 0.01


def halo(how: Options) -> int:
    """Pixels around a block."""
    return MARGIN


def ready(how: Options, model: Any, query: str | None) -> Options:
    """Load the model, where it is a name or a function, and look up the words. Raises `ModelError` without dense features."""
    from geoglot import models
    from geoglot.core.errors import ModelError
    from geoglot.tasks.classify import prompts, scores

    if isinstance(model, str):
        model = models.load(model)
    elif callable(model) and not hasattr(model, "spec"):
        model = model()
    if not hasattr(model, "dense") or not hasattr(model, "cells"):
        raise ModelError(
            f"{type(model).__name__} has no dense features, which the method scm needs: use nano, or a published CLIP."
        )
    how = replace(how, model=model, weights=model.spec.hash, query=query)
    if query is None:
        return how
    plain, _ = asked(query)
    rest = [words for words in OTHERS if not set(words.split()) & set(plain.lower().split())]
    found = prompts.encode(model, {words: (words,) for words in (plain, *rest)})
    return replace(how, vectors=found.vectors, temperature=float(scores.calibration(model.spec).temperature))


def asked(query: str) -> tuple[str, str]:
    """The words of a query for the thing itself, and the date that it is looked for: before, after or both."""
    text = query.strip()
    for pattern, date in ((_NEW, "after"), (_GONE, "before")):
        if re.match(pattern, text, re.IGNORECASE):
            return re.sub(pattern, "", text, flags=re.IGNORECASE), date
    return text, "both"


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """The mean distance of each scale and of the gradients, by which they are divided, and Otsu's threshold of what they make.

    The threshold is of distances before the words damp them: what changed is above it whether or not the words mean it.
    """
    plain = replace(how, vectors=None)
    found = []
    for block in pair.sample(MARGIN, SAMPLE // 4):
        found.append(np.stack([block.inner(part)[block.seen] for part in _parts(block, plain)[0]]))
    parts = np.concatenate(found, axis=1)
    mean = np.maximum(parts.mean(axis=1), 1e-6).astype(np.float32)
    scores = np.tensordot(_weights(how), parts / mean[:, None], 1)
    counts = Histogram.between(float(scores.min()), float(scores.max()))
    counts.add(scores)
    return {"mean": mean, "threshold": np.array(otsu(clipped(counts)), np.float32)}


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The weighted mean of distances over their means, times the probability of the words."""
    parts, mask = _parts(block, how)
    total = sum(w * part / mean for w, part, mean in zip(_weights(how), parts, known["mean"], strict=True))
    made: Floats = block.inner(np.asarray(total * mask, dtype=np.float32))
    return made


def _weights(how: Options) -> NDArray[np.float32]:
    """What each part counts; together 1."""
    made = np.array([1.0] * len(how.scales) + [how.gradients], np.float32)
    made /= made.sum()
    return made


def _parts(block: Block, how: Options) -> tuple[list[Floats], Floats]:
    """Distances (h, w) of each scale and of gradients, and the mask of the words, with the block's halo."""
    one, other = block.shown()
    height, width = block.valid.shape
    planes = [np.zeros((height, width), np.float32) for _ in how.scales]
    mask = np.ones((height, width), np.float32)
    step = SIDE - 2 * MARGIN
    for top in range(0, max(height - 2 * MARGIN, 1), step):
        for left in range(0, max(width - 2 * MARGIN, 1), step):
            outer = slice(top, min(top + SIDE, height)), slice(left, min(left + SIDE, width))
            found, words = _looked(one[:, *outer], other[:, *outer], block.valid[outer], how)
            inner = tuple(slice(MARGIN if s.start else 0, s.stop - s.start) for s in outer)
            place = tuple(slice(s.start + i.start, s.stop) for s, i in zip(outer, inner, strict=True))
            for plane, values in zip(planes, found, strict=True):
                plane[place] = values[inner]
            if words is not None:
                mask[place] = words[inner]
    return [*planes, _gradients(one, other, block.valid)], mask


def _looked(one: Floats, other: Floats, valid: NDArray[np.bool_], how: Options) -> tuple[list[Floats], Floats | None]:
    """Distances (h, w) of each scale in one part, and the mask of the words at the finest."""
    import torch
    import torch.nn.functional as F

    from geoglot.nn.batch import ImageBatch

    pixels = torch.from_numpy(np.stack([one, other]) * valid)
    seen = torch.from_numpy(np.broadcast_to(valid, (2, *valid.shape)).copy())
    made, mask = [], None
    cell = how.model.cells.side
    with torch.inference_mode():
        for scale in how.scales:
            size = [max(cell, round(side * scale / cell) * cell) for side in valid.shape]
            large = F.interpolate(pixels, size, mode="bilinear", align_corners=False)
            good = F.interpolate(seen[:, None].float(), size, mode="nearest")[:, 0] > 0
            cells = how.model.dense(ImageBatch.of(large, good)).float()
            far = 1 - (cells[0] * cells[1]).sum(-1)
            made.append(_spread(far, valid.shape))
            if how.vectors is not None:
                text = torch.from_numpy(how.vectors).to(cells.device)
                share = (cells @ text.T / how.temperature).softmax(-1)[..., 0]
                date = asked(how.query or "")[1]
                found = share.amax(0) if date == "both" else share[int(date == "after")]
                mask = np.minimum(1, 2 * _spread(found, valid.shape))
    return made, mask


def _spread(cells: Any, shape: tuple[int, int]) -> Floats:
    """Numbers of cells (h, w) as numbers of pixels."""
    import torch.nn.functional as F

    large = F.interpolate(cells[None, None].float().cpu(), shape, mode="bilinear", align_corners=False)
    made: Floats = large[0, 0].numpy()
    return made


def _gradients(one: Floats, other: Floats, valid: NDArray[np.bool_]) -> Floats:
    """How different the gradients of brightness are around each pixel: 0 the same, 1 nothing in common."""
    fields = [np.stack(np.gradient(picture.mean(axis=0))) for picture in (one, other)]
    gap = np.hypot(*(fields[1] - fields[0]))
    size = np.hypot(*fields[0]) + np.hypot(*fields[1])
    made: Floats = box_mean(gap.astype(np.float32), valid, 2) / (box_mean(size.astype(np.float32), valid, 2) + np.float32(0.01))
    return made
