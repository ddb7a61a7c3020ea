"""The number format that is fast here: the same answer whatever else the machine does."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch

from geoglot.models import probe


@pytest.mark.parametrize("busy", [range(0), range(2, 8), range(6, 14), range(1, 13)])
def test_a_machine_that_is_busy_for_a_while_changes_nothing(busy: range, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(100))

    def seconds(stack: Callable[[], float], clock: Callable[[], float]) -> float:
        assert clock is time.thread_time
        call = next(calls)
        return (0.02 if call % 2 else 0.03) * (9 if call in busy else 1)

    monkeypatch.setattr(probe, "_seconds", seconds)
    probe.fast_dtype.cache_clear()
    try:
        assert probe.fast_dtype("cpu") == torch.bfloat16
    finally:
        probe.fast_dtype.cache_clear()


def test_a_format_that_does_not_run_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_stack", lambda device, dtype: (lambda: 0.0) if dtype == torch.float32 else None)
    probe.fast_dtype.cache_clear()
    try:
        assert probe.fast_dtype("cpu") == torch.float32
    finally:
        probe.fast_dtype.cache_clear()
