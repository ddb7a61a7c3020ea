"""From a request to what is run: the model loaded, words looked up or a head fitted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from geoglot import models
from geoglot.archive.sources import Source
from geoglot.archive.tiling import Options
from geoglot.models import upsampler
from geoglot.models.dense import variant_of
from geoglot.nn import heads
from geoglot.tasks.classify import prompts, scores
from geoglot.tasks.segment.asked import Request
from geoglot.tasks.segment.scoring import Look, Rule, by_head, by_words
from geoglot.tasks.segment.stream import Run
from geoglot.tasks.segment.train import fit

DEFAULT = 1  # how many times finer maps are made where nobody says so


def ready(request: Request, model: Any, found: Sequence[Source]) -> Run:
    """Load the model where it is a name or a function, and make ready what is asked of it; fit a head where one is."""
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
        "threshold": asked.threshold,
        "least": asked.least,
        **told,
    }
    how = Run(look, rule, names, options, fixed, channels, asked.least, None, asked.batch, asked.workers, asked.progress)
    _ = how.frame  # a window that is no multiple of the cells is told here
    return how


def _by_words(request: Request, look: Look) -> Run:
    assert request.classes is not None
    asked, spec = request.settings, look.model.spec
    chosen = scores.calibration(spec, asked.calibration)
    if asked.none:
        scores.check_none(True, chosen, spec)
    classes = {**request.classes, **({"the background": request.background} if request.background else {})}
    # a vector a phrase, and the best phrase of a class: on Dubai's tiles three points of mIoU above the phrases' mean
    known = prompts.encode(look.model, {phrase: (phrase,) for part in classes.values() for phrase in part}, asked.templates)
    owners = tuple(k for k, part in enumerate(classes.values()) for _ in part)
    look = replace(
        look,
        bias=look.model.cells.bias if asked.bias is None else asked.bias,
        numbers=by_words(known.vectors, owners, look.model.device),
    )
    rule = Rule(1 / chosen.temperature, bool(request.background), asked.threshold)
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
    rule = Rule(1.0, threshold=request.settings.threshold)
    digest = hashlib.sha256(b"".join(value.tobytes() for value in head.arrays().values())).hexdigest()
    options = request.settings.options.filled(Options(**recorded))
    made = _run(request, look, rule, card.names, len(card.names), options, head=digest)
    return replace(made, figures=card.figures)
