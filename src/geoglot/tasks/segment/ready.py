"""From a request to what is run: the model loaded, words looked up or a head fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot import models
from geoglot.archive.sources import Source
from geoglot.archive.tiling import Options
from geoglot.data.sample import Picture
from geoglot.models import decoder, upsampler
from geoglot.models.decoder import Segmenter
from geoglot.models.dense import variant_of
from geoglot.nn import heads
from geoglot.nn.batch import ImageBatch
from geoglot.tasks.classify import prompts, scores
from geoglot.tasks.segment.asked import Request
from geoglot.tasks.segment.scoring import Look, Masks, Rule, by_head, by_words
from geoglot.tasks.segment.stream import Run
from geoglot.tasks.segment.train import fit

DEFAULT = 1  # how many times finer maps are made where nobody says so
EVEN = 0.5  # chance of a class at which a decoder's mask ends


def ready(request: Request, model: Any, found: Sequence[Source]) -> Run:
    """Load the model where it is a name or a function, and make ready what is asked of it; fit a head where one is."""
    restored = None if request.settings.decoder is None else decoder.restore(decoder.file_of(request.settings.decoder))
    if isinstance(model, str | Path):
        model = models.load(model)
    elif callable(model) and not hasattr(model, "spec"):
        model = model()
    asked = request.settings
    look = Look(model, variant_of(asked.variant))
    _ = look.whole  # a model without dense features is told here
    if request.head is not None:
        head, card = heads.load(request.head, model.spec, "cells")
        return _by_head(request, _finer(request, look, card.look.get("factor", 1)), head, card)
    look = _finer(request, look, DEFAULT)
    if request.train is not None and request.marks is not None:
        bare = _run(request, look, Rule(1.0), (), model.spec.dim, asked.options)
        head, card = fit(request.marks, found, bare, request.train)
        if request.save is not None:
            heads.save(request.save, head, card)
        return _by_head(request, look, head, card)
    if restored is not None:
        return _by_decoder(request, look, Segmenter(model, *restored))
    return _by_words(request, look)


def _finer(request: Request, look: Look, factor: int) -> Look:
    """Make maps as many times finer as was asked for, else `factor` times."""
    asked = request.settings
    factor = factor if asked.upsample is None else asked.upsample
    if factor == 1:
        return look
    look = replace(look, factor=factor)
    _ = look.cell  # more than the model's cells can be cut into is told here
    if callable(asked.upsampler):
        return replace(look, upsampler=asked.upsampler)
    spec = look.model.spec
    found = upsampler.restore(upsampler.file_of(spec, asked.upsampler), spec, factor.bit_length() - 1)
    return replace(look, upsampler=found.to(look.model.device))


def _run(request: Request, look: Look, rule: Rule, names: tuple[str, ...], channels: int, options: Options, **told: Any) -> Run:
    asked = request.settings
    if look.upsampler is not None:
        told["upsampler"] = getattr(look.upsampler, "hash", repr(look.upsampler))
    fixed = {
        "model": look.model.spec.hash,
        "dtype": str(getattr(look.model, "dtype", "")),
        "names": names,
        "variant": look.variant,
        "bias": look.bias,
        "factor": look.factor,
        "options": vars(options),
        "asked": [asked.sensor, asked.bands, asked.time],
        "threshold": asked.threshold or 0.0,
        "least": asked.least,
        **told,
    }
    how = Run(look, rule, names, options, fixed, channels, asked.least, None, asked.batch, asked.workers, asked.progress)
    _ = how.frame  # a window that is no multiple of the cells is told here
    return how


def _phrases(request: Request, look: Look) -> tuple[dict[str, tuple[str, ...]], prompts.Prompts, tuple[int, ...]]:
    """The classes with the background, a vector a phrase, and the class of each.

    The best phrase of a class is taken: on Dubai's tiles three points of mIoU above the phrases' mean.
    """
    assert request.classes is not None
    classes = {**request.classes, **({"the background": request.background} if request.background else {})}
    phrases: dict[str, tuple[str, ...]] = {phrase: (phrase,) for part in classes.values() for phrase in part}
    owners = tuple(k for k, part in enumerate(classes.values()) for _ in part)
    return classes, prompts.encode(look.model, phrases, request.settings.templates), owners


def _by_decoder(request: Request, look: Look, segmenter: Segmenter) -> Run:
    assert request.classes is not None
    classes, known, owners = _phrases(request, look)
    conditions = _shown(request, segmenter, segmenter.texts(torch.from_numpy(known.vectors)), tuple(classes), owners)
    look = replace(look, masks=Masks(segmenter, conditions, owners))
    apart = request.settings.none or len(classes) == 1
    threshold = request.settings.threshold
    if threshold is None:
        threshold = EVEN if apart else 0.0
    rule = Rule(1.0, bool(request.background), threshold, alone=True)
    asked = hashlib.sha256(conditions.cpu().numpy().tobytes()).hexdigest()
    told = {"conditions": asked, "owners": owners, "decoder": segmenter.hash, "least score": threshold}
    return _run(request, look, rule, tuple(request.classes), len(classes), request.settings.options, **told)


def _shown(request: Request, segmenter: Segmenter, conditions: Tensor, names: tuple[str, ...], owners: tuple[int, ...]) -> Tensor:
    """The conditions (P, D), those of labels with examples halfway to what their pictures show."""
    made, model = conditions.clone(), segmenter.model
    for name, files in request.settings.examples.items():
        pixels = np.stack([Picture(Path(file)).read(model.spec.size) for file in files])
        vectors = model.image(ImageBatch.of(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255))
        example = segmenter.images(vectors).mean(0)
        rows = [row for row, owner in enumerate(owners) if names[owner] == name]
        made[rows] = F.normalize(conditions[rows] + F.normalize(example, dim=-1), dim=-1)
    return made


def _by_words(request: Request, look: Look) -> Run:
    assert request.classes is not None
    asked, spec = request.settings, look.model.spec
    chosen = scores.calibration(spec, asked.calibration)
    if asked.none:
        scores.check_none(True, chosen, spec)
    classes, known, owners = _phrases(request, look)
    look = replace(
        look,
        bias=look.model.cells.bias if asked.bias is None else asked.bias,
        numbers=by_words(known.vectors, owners, look.model.device),
    )
    rule = Rule(1 / chosen.temperature, bool(request.background), asked.threshold or 0.0)
    if asked.none:
        rule = replace(rule, none=chosen, reach=chosen.reach(known.vectors, owners))
    told = {
        "phrases": list(classes.values()),
        "templates": known.templates,
        "none": asked.none,
        "temperature": chosen.temperature,
    }
    return _run(request, look, rule, tuple(request.classes), len(classes), asked.options, **told)


def _by_head(request: Request, look: Look, head: heads.Head, card: heads.HeadCard) -> Run:
    recorded: dict[str, Any] = dict(card.options)
    variant = variant_of(card.look["variant"])
    look = replace(look, variant=variant, numbers=by_head(head))
    rule = Rule(1.0, threshold=request.settings.threshold or 0.0)
    digest = hashlib.sha256(b"".join(value.tobytes() for value in head.arrays().values())).hexdigest()
    options = request.settings.options.filled(Options(**recorded))
    made = _run(request, look, rule, card.names, len(card.names), options, head=digest)
    return replace(made, figures=card.figures)
