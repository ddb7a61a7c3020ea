"""What decides how a run is trained, apart from what is trained."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from geoglot.core.config import Config


class TrainConfig(Config):
    """How long, how fast and how often; a step is one optimiser step of ``accumulate`` batches.

    Neither the number of processes nor ``cache`` changes what is computed: the processes share each batch by rows, and
    ``cache`` cuts a process's rows into parts of so many, for losses that come in two parts (`train.cached.Split`).

    ``schedule`` begins with a linear warm-up of ``warmup`` steps; ``wsd`` stays at the top and falls in the last ``decay``
    share of the steps; ``one_cycle`` rises and falls by cosines. ``floor`` is the lowest factor at the end. ``ema`` is the
    decay of the averaged weights (0: the last weights themselves). ``norms`` says what batch norms do: their own
    statistics a process ("batch"), those they came with ("frozen"), or those of all processes ("sync", on GPUs).
    ``best`` names a figure of the validation, the highest of which is kept beside the last checkpoint. ``skip`` is how many
    steps in a row may be passed over because their loss or gradient is not finite. ``prefetch`` batches are made ahead in
    a thread.
    """

    # what may change when a run goes on: it decides how, not what
    FREE: ClassVar[frozenset[str]] = frozenset(
        "cache parallel compile skip best prefetch log_every save_every validate_every".split()
    )

    steps: int = Field(default=2000, ge=1)
    warmup: int = Field(default=100, ge=0)
    schedule: Literal["cosine", "linear", "constant", "wsd", "one_cycle"] = "cosine"
    decay: float = Field(default=0.2, ge=0, le=1)
    floor: float = Field(default=0.0, ge=0, le=1)
    accumulate: int = Field(default=1, ge=1)
    cache: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.998, ge=0, lt=1)
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "bf16"
    norms: Literal["batch", "frozen", "sync"] = "batch"
    parallel: Literal["ddp", "fsdp"] = "ddp"
    compile: bool = False
    skip: int = Field(default=0, ge=0)
    best: str | None = None
    prefetch: int = Field(default=0, ge=0)
    log_every: int = Field(default=20, ge=1)
    save_every: int = Field(default=100, ge=1)
    validate_every: int = Field(default=500, ge=1)
