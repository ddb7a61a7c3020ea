"""Fine-tunes a published image-text model on any sources: whole, by LoRA, or by a low-rank map after each tower."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError, InputError
from geoglot.core.parts import find
from geoglot.data.augment import AugmentConfig, augment
from geoglot.data.build import mixture
from geoglot.data.build.mixture import Material
from geoglot.evals import dual as figures
from geoglot.losses.infonce import InfoNCEConfig, hits, infonce
from geoglot.losses.siglip import SigLIPConfig, siglip
from geoglot.models import lora, published, saving
from geoglot.models.lora import LoraConfig
from geoglot.models.published import PublishedModel, prepared
from geoglot.models.towers import ClipTowers
from geoglot.nn.batch import ImageBatch
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, Split, TrainConfig, fit
from geoglot.train.optimise import layerwise
from geoglot.zoo._nano_record import without_overlap

Batch = tuple[ImageBatch, Tensor, Tensor]


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is a name, hub id or path of a published model, ``activation`` for weights that do not tell theirs.
    ``tune`` says what learns: all weights ("full", the layers' rates falling by ``layer_decay`` from the last to the first),
    low-rank updates of all linear layers ("lora"), or a residual map of rank ``lora.rank`` after each tower ("adapter");
    both kinds are merged into the weights at the end. ``text`` False leaves the text tower as it is. Pictures are decoded
    once at ``side`` pixels; views are drawn for ``unit`` rows at a time, so that processes can share a batch.
    """

    recipe: Literal["finetune"] = "finetune"
    model: str = "remoteclip-vit-b-32"
    activation: str | None = None
    root: str = "../shared/data"
    cache: str = "runs/cache"
    sources: tuple[str, ...] = ("aid_rsicd", "ucm")
    measures: tuple[str, ...] = ("aid_rsicd", "ucm")
    tune: Literal["full", "lora", "adapter"] = "full"
    objective: Literal["infonce", "siglip"] = "infonce"
    text: bool = True
    batch: int = Field(default=128, ge=2)
    unit: int = Field(default=8, ge=1)
    side: int = Field(default=256, ge=16)
    lr: float = Field(default=1e-5, gt=0)
    layer_decay: float = Field(default=0.8, gt=0, le=1)
    kinds: dict[str, float] = {"caption": 1.0, "class": 0.6, "things": 0.6, "cover": 0.6, "objects": 0.4}  # noqa: RUF012
    lora: LoraConfig = LoraConfig()
    augment: AugmentConfig = AugmentConfig(size=224)
    infonce: InfoNCEConfig = InfoNCEConfig()
    siglip: SigLIPConfig = SigLIPConfig()
    train: TrainConfig = TrainConfig(steps=1000, warmup=100, norms="frozen", weight_decay=0.1, ema=0.99)


class Residual(nn.Module):
    """A low-rank map added to a vector, nothing at first: x + B A x."""

    def __init__(self, dim: int, rank: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, rank, bias=False), nn.Linear(rank, dim, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D) to (B, D)."""
        y: Tensor = x + self.up(self.down(x))
        return y

    @torch.no_grad()
    def merge(self, into: nn.Linear) -> None:
        """Make the map a part of the linear layer before it."""
        into.weight += self.up.weight @ self.down.weight @ into.weight


class Pair(nn.Module):
    """Both towers of a published model as one module to train, with its scale (and bias, for SigLIP's loss)."""

    def __init__(self, model: PublishedModel, recipe: Recipe) -> None:
        super().__init__()
        saving.check(model.towers, model.spec.name)
        self.towers = model.towers.requires_grad_(recipe.tune == "full")
        self.side = model.spec.size
        for name, values in (("mean", model.spec.mean), ("std", model.spec.std)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        self.mean: Tensor
        self.std: Tensor
        own: Any = self.towers.model
        for parameter in (own.logit_scale, getattr(own, "logit_bias", None)):
            if parameter is not None:
                parameter.requires_grad_(False)
        if not recipe.text:
            own.text_model.requires_grad_(False)
        start = math.log(recipe.siglip.scale) if recipe.objective == "siglip" else float(own.logit_scale)
        self.scale = nn.Parameter(torch.tensor(start))
        self.bias = nn.Parameter(torch.tensor(recipe.siglip.bias)) if recipe.objective == "siglip" else None
        self.handle = [lora.wrap(self.towers, recipe.lora)] if recipe.tune == "lora" else []
        if not recipe.text:
            for name, parameter in own.named_parameters():
                if name.startswith("text_"):
                    parameter.requires_grad_(False)
        self.after = nn.ModuleList()
        if recipe.tune == "adapter":
            if not isinstance(self.towers, ClipTowers):
                raise InputError("tune='adapter' is merged into CLIP's projections, which SigLIP has not: use tune='lora'")
            self.after.extend(Residual(model.spec.dim, recipe.lora.rank) for _ in range(2 if recipe.text else 1))

    def forward(self, batch: ImageBatch, ids: Tensor) -> tuple[Tensor, ...]:
        """Give unit vectors of pictures and of texts (token ids (B, T)), the scale, and the bias where there is one."""
        image = self.towers.image(prepared(batch, self.mean, self.std, (self.side, self.side))).pooled
        text = self.towers.text(ids)
        for residual, which in zip(self.after, ("image", "text"), strict=False):
            if which == "image":
                image = residual(image)
            else:
                text = residual(text)
        found = (
            F.normalize(image.float(), dim=-1),
            F.normalize(text.float(), dim=-1),
            self.scale.clamp(max=math.log(100.0)).exp(),
        )
        return found if self.bias is None else (*found, self.bias)

    def merged(self) -> None:
        """Make what was learnt beside the weights a part of them, and the scale too."""
        for handle in self.handle:
            lora.merge(handle)
        own: Any = self.towers.model
        for residual, layer in zip(self.after, ("visual_projection", "text_projection"), strict=False):
            assert isinstance(residual, Residual)
            residual.merge(getattr(own, layer))
        with torch.no_grad():
            own.logit_scale.fill_(float(self.scale))
            if self.bias is not None and hasattr(own, "logit_bias"):
                own.logit_bias.fill_(float(self.bias))


@dataclass(frozen=True)
class Stream:
    """Batches by number: pictures, one sentence each, and views; a process can make its own rows alone."""

    material: Material
    ids: Tensor
    lengths: Tensor
    recipe: Recipe

    def __call__(self, index: int) -> Batch:
        """Give views, token ids (B, T) and sentence numbers (B,)."""
        return self.part(index, 0, 1)

    def part(self, index: int, rank: int, world: int) -> Batch:
        """Give the rows of a process. Raises ConfigError where units of rows cannot be shared evenly."""
        recipe = self.recipe
        if recipe.batch % (recipe.unit * world):
            raise ConfigError(
                f"batch={recipe.batch} does not divide into {world} x units of {recipe.unit} rows: choose a batch of which "
                f"{recipe.unit * world} is a divisor, or a smaller unit"
            )
        rows, texts = self._drawn(index)
        size = recipe.batch // world
        views = []
        for first in range(rank * size, (rank + 1) * size, recipe.unit):
            pixels = torch.from_numpy(np.stack([self.material.pixels[row] for row in rows[first : first + recipe.unit]]))
            seed = (recipe.train.seed * 1_000_003 + index) * 10_007 + first
            views.append(augment(pixels, recipe.augment, torch.Generator().manual_seed(seed)))
        seen = ImageBatch.of(torch.cat([v.pixels for v in views]), torch.cat([v.valid for v in views]))
        own = torch.tensor(texts[rank * size : (rank + 1) * size])
        return seen, self.ids[own, : int(self.lengths[own].max())], own

    def names(self, index: int) -> list[str]:
        """Give the ids of the pictures of a batch."""
        return [self.material.ids[row] for row in self._drawn(index)[0]]

    def _drawn(self, index: int) -> tuple[list[int], list[int]]:
        rng = np.random.default_rng(self.recipe.train.seed * 1_000_003 + index)
        rows = rng.choice(len(self.material), self.recipe.batch, replace=self.recipe.batch > len(self.material)).tolist()
        return rows, [self._text(self.material.by_kind[row], rng) for row in rows]

    def _text(self, by_kind: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> int:
        names = list(by_kind)
        share = np.array([self.recipe.kinds.get(name, 1.0) for name in names])
        choices = by_kind[names[rng.choice(len(names), p=share / share.sum())]]
        return choices[rng.integers(len(choices))]


def embed(model: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """Give unit vectors, scale, and bias where there is one."""
    found: tuple[Tensor, ...] = model(batch[0], batch[1])
    return found


def compare(recipe: Recipe, outputs: tuple[Tensor, ...], batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    image, text, scale = outputs[:3]
    same = batch[2]
    if recipe.objective == "siglip":
        value, negatives = siglip(image, text, scale, outputs[3], same, recipe.siglip), recipe.siglip.negatives
    else:
        value, negatives = infonce(image, text, scale, same, recipe.infonce), recipe.infonce.negatives
    return value, {"hit": float(hits(image, text, same, negatives)), "scale": float(scale.detach())}


def groups(pair: Pair, recipe: Recipe) -> list[Group]:
    """Give what learns, with its rates; the scale learns as fast as the last layer."""
    if recipe.tune == "full":
        return layerwise(pair, recipe.lr, recipe.layer_decay)
    return [Group([p for p in pair.parameters() if p.requires_grad], recipe.lr)]


def token_table(model: PublishedModel, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Give token ids (M, T) and how many of a row are needed (M,): all of SigLIP's, whose padding is seen by the tower."""
    ids = torch.from_numpy(np.concatenate([model.tokens(texts[i : i + 1024]) for i in range(0, len(texts), 1024)]))
    full = torch.full((len(ids),), ids.shape[1])
    used = ids.shape[1] - (ids != 0).flip(1).int().argmax(1)
    return ids, used if isinstance(model.towers, ClipTowers) else full


@torch.no_grad()
def measure(pair: Pair, model: PublishedModel, held: Mapping[str, Material]) -> dict[str, float]:
    """Give mean recall and accuracy by class name on each validation."""
    pair.eval()

    def look(batch: ImageBatch) -> Tensor:
        device = pair.scale.device
        blank = torch.zeros((len(batch), 1), dtype=torch.long, device=device)
        vectors: Tensor = pair(batch.to(device), blank)[0]
        return vectors

    def tell(texts: Sequence[str]) -> NDArray[np.float32]:
        ids, _ = token_table(model, texts)
        found = []
        for part in ids.to(pair.scale.device).chunk(math.ceil(len(ids) / 64)):
            text = pair.towers.text(part)
            found.append(F.normalize((pair.after[1](text) if len(pair.after) > 1 else text).float(), dim=-1).cpu())
        return torch.cat(found).numpy()

    report = {}
    for name, part in held.items():
        images = figures.picture_vectors(look, part.pixels, pair.side)
        if any("caption" in row for row in part.by_kind):
            report[f"{name}/mR"] = round(figures.retrieval(images, part, tell).result()["mR"], 3)
        classes = find("data.sources", name).CARD.classes
        if classes and all(part.label):
            report[f"{name}/acc"] = round(figures.prompted(images, part.label, classes, tell).result()["accuracy"], 3)
    return report


def material(recipe: Recipe) -> tuple[Material, dict[str, Material]]:
    """Give what is taught, without what resembles held-out pictures, and the validation by source."""
    root, cache = Path(recipe.root), Path(recipe.cache)
    with main_first():  # which decodes the pictures
        held = {name: mixture.sources(root, cache, [name], "val", recipe.side) for name in recipe.measures}
        tests = [mixture.sources(root, cache, [name], "test", recipe.side) for name in recipe.measures]
        everything = mixture.sources(root, cache, recipe.sources, "train", recipe.side)
    return without_overlap(everything, [*held.values(), *tests])[0], held


def run(recipe: Recipe, folder: Path) -> PublishedModel:
    """Train, or go on; write the model as a transformers folder ``model`` there, which loads by its path, and give it."""
    with main_first():  # which fetches the weights
        model = published.open_published(recipe.model, "cpu", "float32", recipe.activation)
    pair = Pair(model, recipe)
    teach, held = material(recipe)
    stream = Stream(teach, *token_table(model, teach.texts), recipe)
    fit(
        pair,
        stream,
        Split(embed, lambda outputs, batch: compare(recipe, outputs, batch)),
        groups(pair, recipe),
        recipe.train,
        folder,
        recipe,
        lambda module: measure(pair, model, held),
    )
    pair.eval().merged()
    if is_main():
        saving.save(pair.towers, model.spec, folder / "model", published.locate(recipe.model)[0])
    return model
