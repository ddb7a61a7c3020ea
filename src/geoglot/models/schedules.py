"""Samplers of diffusers by name, and what one carries from step to step, so that a scene can be stepped part by part.

A sampler works on each value alone, so that a part of a scene can be stepped without the rest; only those are taken that draw no
noise of their own, which would not be a function of the place.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import InputError, ModelError

Told = dict[str, Any]
CLASSES: dict[str, tuple[str, Told]] = {
    "ddim": ("DDIMScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "euler": ("EulerDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
}  # by name: the class, and what it is always told
FLOWS: dict[str, tuple[str, Told]] = {
    "flow": ("FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": False, "use_dynamic_shifting": False}),
    "flow-heun": ("FlowMatchHeunDiscreteScheduler", {}),
}


def names(flow: bool) -> tuple[str, ...]:
    """Samplers of models that learned a flow, or of those that learned to take noise away."""
    return tuple(FLOWS if flow else CLASSES)


def name_of(kind: str) -> str | None:
    """The name of a class of diffusers, if it is one of ours."""
    return next((name for name, (known, _) in (CLASSES | FLOWS).items() if known == kind), None)


def made(config: Told, sampler: str, steps: int, device: torch.device) -> Any:
    """A sampler of a schedule's configuration, its times set. Raises InputError for a name that does not suit the model."""
    flow = str(config.get("_class_name", "")).startswith("FlowMatch")
    known = FLOWS if flow else CLASSES
    if sampler not in known:
        raise InputError(f"This model has no sampler {sampler!r}: use one of {', '.join(known)}.")
    if sampler == "pndm" and predicts(config) == "sample":
        others = ", ".join(name for name in known if name != sampler)
        raise InputError(f"This model says the clean picture, which {sampler!r} does not take: use one of {others}.")
    import diffusers

    kind, told = known[sampler]
    own = {name: value for name, value in config.items() if not name.startswith("_")}
    scheduler = getattr(diffusers, kind).from_config({**own, **told})
    if sampler == "flow":  # evenly from noise to none: left to itself it spends the last step on a thousandth of the way
        scheduler.set_timesteps(sigmas=[1 - k / steps for k in range(steps)], device=device)
    else:
        scheduler.set_timesteps(steps, device=device)
    return scheduler


def begin(scheduler: Any, noise: Tensor) -> Tensor:
    """Where a drawing begins: noise of the scheduler's own deviation."""
    return noise * float(getattr(scheduler, "init_noise_sigma", 1.0))


def noised(scheduler: Any, clean: Tensor, noise: Tensor, step: int) -> Tensor:
    """What is known, with as much noise as a drawing has before a step; without after the last."""
    if step >= len(scheduler.timesteps):
        return clean
    time = scheduler.timesteps[step : step + 1]
    if hasattr(scheduler, "scale_noise"):
        made: Tensor = scheduler.scale_noise(clean[None], time, noise[None])[0]
    else:
        made = scheduler.add_noise(clean[None], noise[None], time)[0]
    return made


class Carried:
    """What a sampler carries from one step to the next: put in before a step of a part, taken out after it."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = scheduler
        if hasattr(scheduler, "is_scale_input_called"):
            scheduler.is_scale_input_called = True  # windows are scaled, and parts stepped
        self._first = {name: _copy(value) for name, value in vars(scheduler).items()}

    def put(self, state: Told) -> None:
        """Let the sampler be as it was after a step."""
        vars(self.scheduler).clear()
        vars(self.scheduler).update({name: _copy(value) for name, value in {**self._first, **state}.items()})

    def take(self) -> Told:
        """What has changed since the beginning: plain values and tensors."""
        found = {}
        for name, value in vars(self.scheduler).items():
            before = self._first.get(name)
            if value is not before and not _same(value, before):
                found[name] = _copy(value)
        return found


def _copy(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
    try:
        return bool(type(a) is type(b) and a == b)
    except (ValueError, RuntimeError):
        return False


def predicts(config: Told) -> str:
    """What a network of a schedule says: "epsilon", "v_prediction", "sample" or "flow". Raises ModelError."""
    if str(config.get("_class_name", "")).startswith("FlowMatch"):
        return "flow"
    found = str(config.get("prediction_type", "epsilon"))
    if found not in ("epsilon", "v_prediction", "sample"):
        raise ModelError(f"The schedule's prediction_type is {found!r}: only epsilon, v_prediction and sample are known.")
    return found
