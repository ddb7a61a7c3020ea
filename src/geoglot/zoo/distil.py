"""A generator of few steps from one of many: its guidance is learned too, so that a step asks the denoiser once."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.losses import distil as losses
from geoglot.losses.diffusion import clean_of
from geoglot.losses.distil import distil, goal, walk
from geoglot.models import assembled, generators, schedules
from geoglot.models.condition import Drawing
from geoglot.models.latent import Latent
from geoglot.nn.denoiser import Denoiser, Heard
from geoglot.train import batches
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo._drawn_pictures import Batch, DropConfig, Stream, gather
from geoglot.zoo.generator import HELD, VALIDATION, alphas

NEVER = DropConfig(words=0, number=0, image=0, everything=0)


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is the teacher (name, hub id or folder), which draws with ``guidance`` (None: its own); the student takes ``steps``
    steps, each of which is worth ``each`` of the teacher's.
    """

    recipe: Literal["distil"] = "distil"
    model: str = "rs-sd"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    sources: tuple[str, ...] = ("ucm", "aid_rsicd")
    steps: int = Field(default=4, ge=1)
    each: int = Field(default=8, ge=2)
    guidance: float | None = None
    batch: int = Field(default=16, ge=1)
    lr: float = Field(default=1e-5, gt=0)
    drop: DropConfig = NEVER
    train: TrainConfig = TrainConfig(steps=4000, warmup=100, weight_decay=0.0, ema=0.999)


class Teacher:
    """What a run knows of its teacher: its denoiser, the student's times, how much signal there is at a time."""

    def __init__(self, made: Latent, recipe: Recipe) -> None:
        self.made, self.recipe = made, recipe
        self.network: Denoiser = copy.deepcopy(made.parts.network).eval().requires_grad_(False)
        self.guidance = float(recipe.guidance if recipe.guidance is not None else made.defaults.guidance or 1.0)
        self.predicts = schedules.predicts(dict(made.schedule))
        self.schedule = few(dict(made.schedule))
        sampler = "flow" if self.predicts == "flow" else "ddim"
        self.drawing = Drawing(recipe.steps, 1.0, sampler)
        times = schedules.made(self.schedule, sampler, recipe.steps, torch.device("cpu")).timesteps.float()
        self.times = torch.cat([times, torch.full((1,), 0.0 if self.predicts == "flow" else -1.0)])
        self.table = None if self.predicts == "flow" else alphas(self.schedule, torch.device("cpu"))
        self.nothing = None if made.parts.phrases is None else made.parts.phrases([made.parts.nothing])[0]

    def levels(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of signal and noise (B,) at times (B,); -1 is after the last step of a diffusion."""
        if self.table is None:
            return 1 - time / 1000, time / 1000
        table = torch.cat([torch.ones(1), self.table]).to(time.device)  # first what has no noise
        alpha = table[time.round().long() + 1]
        return alpha.sqrt(), (1 - alpha).sqrt()

    def clean(self, network: nn.Module, x: Tensor, time: Tensor, batch: Batch, guidance: float) -> Tensor:
        """The clean latents that a denoiser means."""
        time = time if self.predicts == "flow" else time.round().long()
        said = self._say(network, x, time, batch, batch.words, batch.numbers)
        if guidance != 1.0:
            words = None if self.nothing is None or batch.words is None else self.nothing.to(x.device).expand_as(batch.words)
            told = batch.numbers
            if told is not None and self.made.parts.frees:
                told = torch.full_like(told, torch.nan)
            without = self._say(network, x, time, batch, words, told)
            said = without + guidance * (said - without)
        if self.predicts == "flow":
            return x - (time / 1000).reshape(-1, 1, 1, 1) * said
        assert self.table is not None
        kind: Any = self.predicts
        return clean_of(said, x, self.table.to(x.device)[time], kind)

    def _say(
        self, network: nn.Module, x: Tensor, time: Tensor, batch: Batch, words: Tensor | None, told: Tensor | None
    ) -> Tensor:
        whole = x if batch.beside is None else torch.cat([x, batch.beside], 1)
        said: Tensor = network(whole, time, Heard(words, batch.mask), told)
        return said[:, : x.shape[1]]

    def compare(self, module: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Give the objective of one batch, and what to log beside it."""
        self.network.to(batch.clean.device)
        times = self.times.to(batch.clean.device)
        number = (batch.share * self.recipe.steps).long().clamp(max=self.recipe.steps - 1)
        now, then = times[number], times[number + 1]
        signal, noise = (one.reshape(-1, 1, 1, 1) for one in self.levels(now))
        x = signal * batch.clean + noise * batch.noise
        with torch.no_grad():
            path = losses.between(now, then, self.recipe.each)
            after = walk(lambda at, t: self.clean(self.network, at, t, batch, self.guidance), x, path, self.levels)
            wanted = goal(x, after, self.levels(now), self.levels(then))
        said = self.clean(module, x, now, batch, 1.0)
        return distil(said, wanted, self.levels(now)), {}


def few(schedule: dict[str, Any]) -> dict[str, Any]:
    """A schedule whose few steps begin at noise alone and end at none."""
    if schedules.predicts(schedule) == "flow":
        return schedule
    return {
        **schedule,
        "_class_name": "DDIMScheduler",
        "timestep_spacing": "trailing",
        "set_alpha_to_one": True,
        "steps_offset": 0,
    }


@torch.no_grad()
def measure(module: nn.Module, teacher: Teacher, held: Stream) -> dict[str, float]:
    """Give the mean objective on held-out pictures."""
    device = next(module.parameters()).device
    module.eval()
    found = []
    for k in range(HELD):
        batch: Batch = batches.to(held(VALIDATION + k), device)
        found.append(float(teacher.compare(module, batch)[0]))
    return {"held": round(sum(found) / len(found), 5)}


def run(recipe: Recipe, folder: Path) -> Latent:
    """Train, or go on; write the student into ``model`` there, which loads by its path, and give it."""
    with main_first():  # which fetches weights and decodes pictures
        made = generators.load(recipe.model, "auto", "float32")
        if not isinstance(made, Latent) or made.parts.network.fusion is not None:
            raise ConfigError(f"model={recipe.model!r} is not distilled by this recipe: give one of diffusers' parts")
        root, cache = Path(recipe.root), Path(recipe.cache)
        splits: tuple[Literal["train", "val"], ...] = ("train", "val")
        pictures = [gather(root, cache, recipe.sources, one, made.native) for one in splits]
        teach, held = (Stream(one, made, recipe.batch, recipe.train.seed, recipe.drop, "", cache) for one in pictures)
    teacher = Teacher(made, recipe)
    network = made.parts.network.requires_grad_(False)
    network.core.requires_grad_(True)
    fit(
        network,
        teach,
        teacher.compare,
        [Group([p for p in network.parameters() if p.requires_grad], recipe.lr)],
        recipe.train,
        folder,
        recipe,
        lambda module: measure(module, teacher, held),
    )
    network.eval().requires_grad_(False)
    parts = replace(made.parts, schedule=teacher.schedule)
    student = Latent(parts, made.spec, made.native, teacher.drawing, made.device, made.dtype)
    if is_main():
        assembled.save(student, folder / "model", f"{made.spec.id}-{recipe.steps}", made.spec.licence)
    return student
