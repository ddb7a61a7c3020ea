"""A trained module of change: the one that comes with a model, or the file of another.

`geoglot train` makes such files by the recipe change (see `geoglot.models.changer`). Scores are probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.tasks.change.filters import Floats
from geoglot.tasks.change.pair import Block, Pair

SIDE, MARGIN = 384, 48  # pixels of a part that the model looks at, as it is shown, and of its edge that is not used
LEAST = 0.5


@dataclass(frozen=True)
class Options:
    """`file`: of a module of change; else what comes with the model.

    `scale`: how many times larger pictures are shown; by default as the module's card says for so large pixels.
    """

    file: str | None = None
    scale: float | None = None
    weights: str = ""  # the hashes of model and module
    module: Any = field(default=None, repr=False, compare=False)


def halo(how: Options) -> int:
    """Pixels around a block."""
    return MARGIN


def ready(how: Options, model: Any, query: str | None) -> Options:
    """Load model and module. Raises `ModelError` where there is no module for the model.

    In place of a model, its name or a function that gives it, the file of a module may be given: the model is then the one
    that it was made for.
    """
    from geoglot import models
    from geoglot.core.errors import ModelError
    from geoglot.models import changer

    if callable(model) and not hasattr(model, "spec"):
        model = model()
    name = how.file or (model if isinstance(model, str) else model.spec.id)
    file = changer.file_of(name)
    if file is None:
        raise ModelError(
            f"{name} has no module of change: take nano, or train one (geoglot recipe change) and give its file as --model."
        )
    module, card, digest = changer.restore(file)
    if not card.model:
        model = None
    elif isinstance(model, str):
        model = models.load(card.of if str(file) == model else model)
    made = changer.ChangeModel(module, card, model, digest)
    return replace(how, file=None, weights=f"{card.model} {digest}", module=made)


def fit(pair: Pair, how: Options) -> dict[str, Floats]:
    """Nothing is learned of a pair: change begins where validation put it, and coarse pictures are shown larger."""
    told = how.module.card.calibration
    scale = how.scale
    if scale is None:
        coarse = pair.before.gsd is not None and pair.before.gsd > told.get("coarse", np.inf)
        scale = told.get("scale", 1.0) if coarse else 1.0
    return {"threshold": np.array(told.get("least", LEAST), np.float32), "scale": np.array(scale, np.float32)}


def score(block: Block, known: dict[str, Floats], how: Options) -> Floats:
    """The probability that a pixel changed for good."""
    one, other = block.shown()
    height, width = block.valid.shape
    made = np.zeros((height, width), np.float32)
    scale = float(known["scale"])
    outer, margin = round(SIDE / scale), min(MARGIN, round(MARGIN / scale))
    step = outer - 2 * margin
    for top in range(0, max(height - 2 * margin, 1), step):
        for left in range(0, max(width - 2 * margin, 1), step):
            cut = slice(top, min(top + outer, height)), slice(left, min(left + outer, width))
            if not block.valid[cut].any():
                continue
            found = _looked(one[:, *cut], other[:, *cut], block.valid[cut], scale, how.module)
            inner = tuple(slice(margin if s.start else 0, s.stop - s.start) for s in cut)
            place = tuple(slice(s.start + i.start, s.stop) for s, i in zip(cut, inner, strict=True))
            made[place] = found[inner]
    return block.inner(made)


def _looked(one: Floats, other: Floats, valid: NDArray[np.bool_], scale: float, module: Any) -> Floats:
    """Probabilities (h, w) of one part."""
    import torch
    import torch.nn.functional as F

    from geoglot.nn.batch import ImageBatch

    pixels = torch.from_numpy(np.stack([one, other]) * valid)
    seen = torch.from_numpy(valid.copy())[None]
    if scale != 1:
        size = [max(1, round(side * scale)) for side in valid.shape]
        pixels = F.interpolate(pixels, size, mode="bilinear", align_corners=False)
        seen = F.interpolate(seen[:, None].float(), size, mode="nearest")[:, 0] > 0
    found = module.logits(ImageBatch.of(pixels[:1], seen), ImageBatch.of(pixels[1:], seen)).sigmoid()
    if found.shape[1:] != valid.shape:
        found = F.interpolate(found[:, None], valid.shape, mode="bilinear", align_corners=False)[:, 0]
    made: Floats = found[0].numpy()
    return made
