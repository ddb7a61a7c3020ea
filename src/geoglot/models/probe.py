"""Which device and which number format are fast here: measured once a process, never assumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from geoglot.core.errors import InputError

_TURNS = 7
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def device_of(name: str) -> torch.device:
    """Give the device of a name; "auto" is an accelerator where there is one, else the CPU. Raises InputError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"device {name!r} cannot be used here ({first}): use auto or cpu") from error


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """Give the number format of a name; "auto" measures. Raises InputError for an unknown one."""
    if name == "auto":
        return fast_dtype(str(device))
    if name not in DTYPES:
        raise InputError(f"dtype {name!r} is not known: use auto, {', '.join(DTYPES)}")
    return DTYPES[name]


@cache
def fast_dtype(device: str) -> torch.dtype:
    """Time a small stack of convolutions in float32 and bfloat16 and give the faster format (bfloat16 only if by 10 %).

    The formats take turns, and on a CPU the time of this thread is taken and not that on the wall: what else the machine does
    must not change the answer, for maps of two runs of one request are to be the same.
    """
    stacks = [_stack(device, dtype) for dtype in (torch.float32, torch.bfloat16)]
    clock = time.thread_time if torch.device(device).type == "cpu" else time.perf_counter
    best = [float("inf"), float("inf")]
    for turn in range(_TURNS):
        for place, stack in enumerate(stacks):
            seconds = _seconds(stack, clock)
            if turn:  # after a warm-up
                best[place] = min(best[place], seconds)
    return torch.bfloat16 if best[1] < 0.9 * best[0] else torch.float32


def _stack(device: str, dtype: torch.dtype) -> Callable[[], float] | None:
    """What is timed; None where the format does not run."""
    try:
        stack = nn.Sequential(*(nn.Conv2d(128, 128, 3, padding=1) for _ in range(2))).to(device, dtype).eval()
        x = torch.zeros(8, 128, 18, 18, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    except (RuntimeError, NotImplementedError):
        return None
    return lambda: float(stack(x)[0, 0, 0, 0])


def _seconds(stack: Callable[[], float] | None, clock: Callable[[], float]) -> float:
    """The time of one pass; infinite where the format does not run."""
    if stack is None:
        return float("inf")
    try:
        with torch.inference_mode():
            start = clock()
            stack()
            return clock() - start
    except (RuntimeError, NotImplementedError):
        return float("inf")
