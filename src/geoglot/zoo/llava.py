"""Conversation models of parts after LLaVA and LHRS-Bot: a connector is aligned, then it and the language model are tuned.

LLaVA-1.5 (Liu et al. 2023, arXiv 2310.03744) has two stages: `align` trains the connector on captions, `tune` it and the language
model on instructions. LHRS-Bot (Muhtar et al. 2024, arXiv 2402.02544) has three: between them `tasks` trains the connector and
adapters of rank 128 on many tasks, and the last trains the language model alone on a weighted mixture.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from geoglot import models
from geoglot.core.config import Config
from geoglot.core.errors import ConfigError
from geoglot.losses.caption import caption
from geoglot.models import chat as chats
from geoglot.models import lora
from geoglot.models.chat import Composed
from geoglot.models.chats import OWN
from geoglot.models.conversant import Talk, Trained, tune
from geoglot.models.eyes import eye_of
from geoglot.models.lora import LoraConfig
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo._conversations import Stream, read

STAGES = ("align", "tasks", "tune")


class See(Config):
    """An eye: a model by name or path, and which depths of it, at how many pixels a side and which scales (see `models.eyes`)."""

    model: str = "remoteclip-vit-l-14"
    levels: tuple[int, ...] = (-2,)
    size: int | None = None
    scales: tuple[int, ...] = (1,)


class Parts(Config):
    """What the model is put together of: ``eyes``, the ``connector`` with its ``options``, and a causal ``language`` model of
    transformers (a folder or a hub id); or ``start``, a folder that an earlier run wrote. ``codec`` is the syntax in which it
    reads and writes boxes."""

    eyes: tuple[See, ...] = (See(),)
    language: str = "Qwen/Qwen2.5-0.5B-Instruct"
    connector: str = "mlp"
    options: dict[str, Any] = Field(default_factory=dict)
    start: str | None = None
    codec: str = "qwen3_vl"
    name: str = "chat"
    licence: str = "not stated"


class Stage(Config):
    """One stage, passed over without ``data``: files of conversations in a published ``form``, whose pictures lie in ``pictures``
    or beside them.

    ``mix`` says how often a conversation of a task is drawn, 1 where it is not named. ``learn`` says what learns (at ``lr``).
    A batch has ``batch`` conversations of at most ``longest`` tokens, several in a row of so many where it is ``packed``.
    ``held`` are files of conversations that are not learned from, whose loss is measured.
    """

    data: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    form: str = "llava"
    pictures: str | None = None
    mix: dict[str, float] = Field(default_factory=dict)
    learn: Trained = "connector"
    lora: LoraConfig = LoraConfig()
    lr: float = Field(default=1e-3, gt=0)
    batch: int = Field(default=32, ge=1)
    longest: int = Field(default=2048, ge=16)
    packed: bool = True
    train: TrainConfig = TrainConfig(steps=1000, warmup=30, weight_decay=0.0, ema=0.0, norms="frozen", prefetch=2)


class Recipe(Config):
    """Everything that decides a run: what the model is made of, and three stages, each of which may be left out."""

    recipe: Literal["llava"] = "llava"
    parts: Parts = Parts()
    align: Stage = Stage()
    tasks: Stage = Stage(learn="lora", lora=LoraConfig(rank=128, alpha=256), lr=1e-4)
    tune: Stage = Stage(learn="language", lr=2e-5)


class Run(Config):
    """What a stage's folder must be of to be gone on with."""

    parts: Parts
    stage: Stage
    train: TrainConfig


def put_together(parts: Parts) -> Composed:
    """The model before the first stage, in float32; its connector is the same every time."""
    torch.manual_seed(0)
    if parts.start is not None:
        made = chats.load(Path(parts.start), "cpu", "float32")
    else:
        eyes = [
            eye_of(models.load(see.model, device="cpu", dtype="float32"), see.levels, see.size, see.scales) for see in parts.eyes
        ]
        language, tokenizer = chats.language_of(parts.language, "cpu", "float32")
        made = chats.build(eyes, language, tokenizer, parts.connector, parts.options, parts.name, parts.licence)
    made.codec = parts.codec
    return made


def told(module: nn.Module, batch: Talk) -> tuple[Tensor, dict[str, float]]:
    """The loss on answers alone, and how many tokens of the batch they are."""
    value = caption(module(batch), batch.ids, batch.answers)
    return value, {"answered": float(batch.answers.sum() / max(int((batch.of > 0).sum()), 1))}


@torch.no_grad()
def measure(module: nn.Module, held: Stream) -> Mapping[str, float]:
    """The loss a token on conversations that are not learned from."""
    module.eval()
    where = next(module.parameters()).device
    total, count = 0.0, 0
    for batch in held.held():
        here = Talk(*(part.to(where) for part in batch))
        number = int(here.answers[:, 1:].sum())
        total, count = total + float(caption(module(here), here.ids, here.answers)) * number, count + number
    return {"held_loss": round(total / max(count, 1), 4)}


def learnt(chat: Composed, stage: Stage, parts: Parts, folder: Path) -> None:
    """Train a model in one stage, or go on with it; adapters are a part of its weights then."""
    if stage.longest > chat.context:
        raise ConfigError(f"longest={stage.longest} is more than the {chat.context} tokens that {parts.language} reads: lower it")
    seed = stage.train.seed
    rows, other = (read(files, stage.form, stage.pictures, parts.codec) for files in (stage.data, stage.held))
    stream = Stream.of(chat, rows, stage.mix, stage.batch, stage.longest, stage.packed, seed)
    held = Stream.of(chat, other, {}, stage.batch, stage.longest, stage.packed, seed) if other else None
    handle = tune(chat.module, stage.learn, stage.lora)
    fit(
        chat.module,
        stream,
        told,
        [Group([p for p in chat.module.parameters() if p.requires_grad], stage.lr)],
        stage.train,
        folder,
        Run(parts=parts, stage=stage.model_copy(update={"train": TrainConfig()}), train=stage.train),
        None if held is None else lambda module: measure(module, held),
    )
    if handle is not None:
        lora.merge(handle)
    chat.module.eval()


def run(recipe: Recipe, folder: Path) -> Composed:
    """Train stage after stage, or go on; each writes a folder ``<stage>/model`` that loads by its path. Gives the last.

    Raises ConfigError where no stage has data.
    """
    wanted = [name for name in STAGES if getattr(recipe, name).data]
    if not wanted:
        raise ConfigError("No stage has data: name files of conversations, as in --set 'align.data=[\"captions.json\"]'.")
    before: Path | None = None
    for name in wanted:
        target = folder / name / "model"
        if not (target / OWN).exists():
            with main_first():  # which fetches the weights, and has written those of the stage before
                chat = put_together(recipe.parts) if before is None else chats.load(before, "cpu", "float32")
            learnt(chat, getattr(recipe, name), recipe.parts, folder / name)
            if is_main():
                chats.save(chat, target)
        before = target
    with main_first():
        assert before is not None
        return chats.load(before)
