"""Study: prompt, adapter, LoRA and full tuning of nano on a task that it never saw: accuracy, size, time and memory."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.data.sample import Sample
from geoglot.data.sources.harvey import CARD
from geoglot.evals.figure import Figure
from geoglot.evals.material import prepared, spread
from geoglot.evals.panels import Line, Panel
from geoglot.evals.protocol import Prepare
from geoglot.evals.study import Measured, Report
from geoglot.models import files, lora
from geoglot.models.lora import LoraConfig
from geoglot.models.nano import Nano, restore
from geoglot.nn.batch import ImageBatch
from geoglot.train import checkpoint
from geoglot.train.loop import Group, Split, TrainConfig, fit
from geoglot.train.optimise import put
from geoglot.zoo._study import Ints, StudyConfig, Taught, conduct, numbered, right

Method = Literal["words", "prompt", "adapter", "lora", "full"]
METHODS: tuple[Method, ...] = ("words", "prompt", "adapter", "lora", "full")
CLASSES = sorted(CARD.classes)
TEXTS = [f"a satellite photo of {CARD.classes[name][0]}." for name in CLASSES]
STAGES = 2  # of the image tower that low-rank updates leave alone


class Rate(Config):
    """The learning rate of a method, set beforehand."""

    prompt: float = 5e-3
    adapter: float = 1e-3
    lora: float = 1e-3
    full: float = 3e-5


class Recipe(StudyConfig):
    """``pictures`` to train on and ``held`` to choose the step by (at even distances), ``context`` vectors of a learnt prompt,
    ``inner`` units of the adapter.
    """

    recipe: Literal["study_tuning"] = "study_tuning"
    methods: tuple[Method, ...] = METHODS
    pictures: int = Field(default=400, ge=2)
    held: int = Field(default=200, ge=2)
    batch: int = Field(default=32, ge=2)
    context: int = Field(default=8, ge=1, le=32)
    inner: int = Field(default=96, ge=1)
    rate: Rate = Rate()
    lora: LoraConfig = LoraConfig(rank=8, alpha=16.0, targets=("conv1", "conv3", "up", "down"))
    train: TrainConfig = TrainConfig(
        steps=80, warmup=10, ema=0.0, weight_decay=0.0, precision="bf16", best="accuracy", validate_every=20, save_every=1000
    )


class Tuned(nn.Module):
    """The model with what a method learns; gives logits of the classes for pictures, or for vectors that are already known."""

    def __init__(self, base: Nano, method: str, recipe: Recipe) -> None:
        super().__init__()
        self.base, self.method = base.requires_grad_(method == "full"), method
        ids, mask = base.tokens(TEXTS)
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("mask", mask, persistent=False)
        self.ids: Tensor
        self.mask: Tensor
        dim, words = base.config.head.dim, base.config.text.dim
        if method == "prompt":
            self.context = nn.Parameter(0.02 * torch.randn(recipe.context, words))
        if method == "adapter":
            self.down, self.up = nn.Linear(dim, recipe.inner), nn.Linear(recipe.inner, dim)
            nn.init.zeros_(self.up.weight)
            nn.init.zeros_(self.up.bias)
        if method == "lora":
            base.image.frozen_stages = STAGES
            for part in (base.image.stages[STAGES:], base.head):
                lora.wrap(part, recipe.lora)
            lora.wrap(base.text, recipe.lora.model_copy(update={"targets": ()}))
        base.scale.requires_grad_(False)

    @property
    def sees(self) -> bool:
        """Whether pictures go through the tower in training."""
        return self.method in ("lora", "full")

    def classes(self) -> Tensor:
        """Unit vectors (K, D) of the classes."""
        text = self.base.text
        words, mask = text.words(self.ids), self.mask
        if self.method == "prompt":  # learnt vectors after the first token, before the words
            own = self.context.expand(len(words), -1, -1)
            words = torch.cat([words[:, :1], own, words[:, 1:]], 1)
            mask = torch.cat([mask[:, :1], mask[:, :1].expand(-1, own.shape[1]), mask[:, 1:]], 1)
        return F.normalize(text.map(text.pooled(words, mask)).float(), dim=-1)

    def forward(self, given: Tensor) -> Tensor:
        """Logits (B, K) of pictures (B, 3, S, S) or of vectors (B, D)."""
        image = self.base.features(ImageBatch.of(given)).pooled if given.ndim == 4 else given
        if self.method == "adapter":
            image = F.normalize(image + self.up(F.relu(self.down(image))).float(), dim=-1)
        logits: Tensor = image @ self.classes().T * self.base.scale.clamp(max=4.6).exp()
        return logits


class Views:
    """Batches by number: vectors as they are, pictures turned and mirrored at random."""

    def __init__(self, given: Tensor, labels: Tensor, size: int, seed: int) -> None:
        self.given, self.labels, self.size, self.seed = given, labels, size, seed

    def __call__(self, index: int) -> tuple[Tensor, Tensor]:
        """Give inputs and labels."""
        rng = np.random.default_rng([self.seed, index])
        rows = torch.from_numpy(rng.choice(len(self.labels), self.size, replace=self.size > len(self.labels)))
        given = self.given[rows]
        if given.ndim == 4:
            given = torch.rot90(given.float() / 255, int(rng.integers(4)), (2, 3))
            given = given.flip(3) if rng.random() < 0.5 else given
        return given, self.labels[rows]


def embed(worker: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Logits of a batch."""
    return (worker(batch[0]),)


def compare(outputs: tuple[Tensor, ...], batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Mapping[str, float]]:
    """Cross-entropy of a batch."""
    return F.cross_entropy(outputs[0].float(), batch[1]), {}


@torch.inference_mode()
def answers(module: Tuned, given: Tensor, batch: int = 64) -> Ints:
    """Class numbers of pictures (N, 3, S, S) uint8 or of vectors (N, D)."""
    module.eval()
    found = []
    for part in torch.split(given, batch):
        with torch.autocast("cpu", torch.bfloat16, enabled=part.ndim == 4):
            found.append(module(part.float() / 255 if part.ndim == 4 else part).argmax(1))
    made: Ints = torch.cat(found).numpy()
    return made


@torch.inference_mode()
def known(base: Nano, pictures: Tensor, batch: int = 64) -> Tensor:
    """Vectors (N, D) of pictures by the untouched model."""
    parts = []
    for part in torch.split(pictures, batch):
        with torch.autocast("cpu", torch.bfloat16):
            parts.append(base.features(ImageBatch.of(part.float() / 255)).pooled.float())
    return torch.cat(parts).clone()


def stacked(items: Sequence[Sample], size: int) -> tuple[Tensor, Ints]:
    """Pictures (N, 3, size, size) uint8 and class numbers (N,)."""
    pixels: NDArray[np.uint8] = np.stack([prepared(item, Prepare(), size) for item in items])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), numbered(items, CLASSES)


def learn(values: Mapping[str, Any], method: str, folder: str, threads: int) -> dict[str, Any]:
    """Tune by one method and answer the test: what one process does, so that its peak of memory is the method's own."""
    torch.set_num_threads(threads)
    recipe = Recipe.build(values)
    torch.manual_seed(recipe.seed)
    base, spec = restore(files.native(recipe.model))
    module = Tuned(base, method, recipe)
    parts = {
        "train": spread(recipe.samples("harvey", "train"), recipe.pictures),
        "val": spread(recipe.samples("harvey", "val"), recipe.held),
        "test": recipe.samples("harvey", "test"),
    }
    taught, held, asked = ((given, y) for given, y in (stacked(part, base.config.size) for part in parts.values()))
    learnt = [p for p in module.parameters() if p.requires_grad]
    spent, started, step = 0.0, time.monotonic(), 0
    if learnt:
        x, v = (taught[0], held[0]) if module.sees else (known(base, taught[0]), known(base, held[0]))

        def validate(worker: nn.Module) -> dict[str, float]:
            nonlocal spent
            start = time.monotonic()
            found = {"accuracy": 100 * float(np.mean(answers(module, v) == held[1]))}
            spent += time.monotonic() - start
            return found

        rate = float(getattr(recipe.rate, method))
        stream = Views(x, torch.from_numpy(taught[1]), recipe.batch, recipe.seed)
        made = Taught(of=spec.hash, train=recipe.train)
        fit(module, stream, Split(embed, compare), [Group(learnt, rate)], recipe.train, Path(folder), made, validate)
        spent = time.monotonic() - started - spent
        best = checkpoint.load(Path(folder) / "best.pt")
        put(module, best["model"])
        step = int(best["step"])
    seen = asked[0] if module.sees else known(base, asked[0])
    hits = answers(module, seen).tolist()
    return {"answers": hits, "parameters": sum(p.numel() for p in learnt), "seconds": spent, "peak": peak(), "step": step}


def peak() -> float:
    """The most memory that this process held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # the kernel's other figure also counts the parent that started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def study(recipe: Recipe, folder: Path) -> Report:
    """Run every method in a process of its own, one after the other."""
    items = recipe.samples("harvey", "test")
    truth = numbered(items, CLASSES)
    place: Ints = np.unique([str(item.lonlat) for item in items], return_inverse=True)[1].reshape(-1)
    found: list[Figure] = []
    steps = {}
    for method in recipe.methods:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            values = recipe.model_dump(mode="python")
            told = pool.submit(learn, values, method, str(folder / method), torch.get_num_threads()).result()
        of = {"method": method}
        found.append(right(np.array(told["answers"]), truth, of, place, "places"))
        for metric, over in (("parameters", "trained"), ("seconds", "runs"), ("peak", "MB, runs")):
            found.append(Figure(of, metric, float(told[metric]), 1, over=over))
        steps[method] = told["step"]
    spec = restore(files.native(recipe.model))[1]
    return Report(
        title="Prompt, adapter, LoRA and full tuning",
        asks="What do four ways to tune nano give on a task that it never saw, and what do they cost?",
        models=[Measured(spec.name, spec.hash, recipe.told_taught(), "bf16 autocast")],
        data={
            "harvey": f"damaged or not; {recipe.pictures} pictures of train, {recipe.held} of val to choose the step by, all "
            f"{len(items)} of test once; unseen by nano"
        },
        figures=found,
        baselines={"harvey": {"chance": 100 / len(CLASSES)}},
        panels=panels(found),
        protocols={},
        notes=[
            f"{recipe.train.steps} steps of {recipe.batch} for every method, cross-entropy over the classes' texts; the learning "
            f"rates are {recipe.rate.model_dump()}, set beforehand; best step on val: {steps}.",
            f"words: nothing is learnt (zero-shot). prompt: {recipe.context} vectors before the class's words (CoOp). adapter: a "
            f"residual perceptron of {recipe.inner} units on the picture's vector (CLIP-Adapter). lora: rank {recipe.lora.rank} "
            "in the 1 x 1 convolutions of the last stage and the head, and in all linear layers of the text tower. full: all.",
            "prompt and adapter learn from vectors that are worked out once and see no turned pictures; seconds leave out the "
            "validation. peak: memory of a process that does one method from loading to the test, MB.",
        ],
    )


def panels(found: Sequence[Figure]) -> list[Panel]:
    """Four panels: accuracy and the three costs."""
    made = []
    for metric, title, unit in (
        ("accuracy", "Harvey, test", "accuracy (%)"),
        ("parameters", "Trained parameters", "thousands"),
        ("seconds", "Training time", "seconds"),
        ("peak", "Peak memory", "MB"),
    ):
        own = [one for one in found if one.metric == metric]
        if metric == "parameters":
            own = [Figure(one.of, metric, one.value / 1000, 1) for one in own]
        names = [str(one.of["method"]) for one in own]
        levels = {"chance": 100 / len(CLASSES)} if metric == "accuracy" else {}
        made.append(Panel(title, "method", unit, [Line("nano", names, own)], levels, "bars"))
    return made


def run(recipe: Recipe, folder: Path) -> Report:
    """Run the study and write its report."""
    return conduct(lambda: study(recipe, folder), recipe, folder)
