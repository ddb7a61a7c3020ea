"""Which device and which number format are fast here: measured once a process, never assumed."""

from __future__ import annotations

import time
from functools import cache

import torch
from torch import nn

from geoglot.core.errors import InputError

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
    """Time a small stack of convolutions in float32 and bfloat16 and give the faster format (bfloat16 only if by 10 %)."""
    return torch.bfloat16 if _seconds(device, torch.bfloat16) < 0.9 * _seconds(device, torch.float32) else torch.float32


def _seconds(device: str, dtype: torch.dtype) -> float:
    """Best of some timings, after a warm-up; infinite where the format does not run."""
    try:
        stack = nn.Sequential(*(nn.Conv2d(128, 128, 3, padding=1) for _ in range(2))).to(device, dtype).eval()
        x = torch.zeros(8, 128, 18, 18, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        best = float("inf")
        with torch.inference_mode():
            for turn in range(6):
                start = time.perf_counter()
                float(stack(x)[0, 0, 0, 0])
                if turn:
                    best = min(best, time.perf_counter() - start)
        return best
    except (RuntimeError, NotImplementedError):
        return float("inf")
