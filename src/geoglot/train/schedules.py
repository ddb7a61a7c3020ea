"""Factors on the learning rates, as functions of the step."""

from __future__ import annotations

import math

from geoglot.train.config import TrainConfig

ONE_CYCLE_START = 1 / 25  # Smith and Topin 2018 (arXiv 1708.07120), as torch's OneCycleLR begins


def rate(step: int, config: TrainConfig) -> float:
    """Give the factor on the learning rates at a step: the warm-up, then the schedule down to its floor."""
    if step < config.warmup:
        share = (step + 1) / config.warmup
        if config.schedule == "one_cycle":
            return ONE_CYCLE_START + (1 - ONE_CYCLE_START) * (1 - _cosine(share))
        return share
    share = min(1.0, (step - config.warmup) / max(1, config.steps - config.warmup))
    match config.schedule:
        case "constant":
            left = 1.0
        case "linear":
            left = 1 - share
        case "wsd":
            # the tail is a share of all steps, so that it does not depend on the warm-up
            tail = max(1, round(config.decay * config.steps))
            left = min(1.0, max(0.0, (config.steps - step) / tail))
        case _:
            left = _cosine(share)
    return config.floor + (1 - config.floor) * left


def _cosine(share: float) -> float:
    """Fall from one to zero."""
    return 0.5 * (1 + math.cos(math.pi * share))
