"""The small conversational model: a prefix language model and a pointer on the frozen tower of `nano`, trained together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geoglot.core.config import Config
from geoglot.data.sample import Split
from geoglot.models import chat_parts, closed, record
from geoglot.models.chat_parts import ChatCard, Parts
from geoglot.models.detector import file_of, open_detector
from geoglot.models.detector import restore as head_of
from geoglot.models.dual import open_native
from geoglot.models.nano_eyes import Eyes, Seen
from geoglot.nn.pointer import Pointer, PointerConfig, move_to
from geoglot.nn.talk import Talk, TalkConfig
from geoglot.text.pieces import Pieces, learn
from geoglot.train.distribute import is_main
from geoglot.train.loop import Group, TrainConfig, fit
from geoglot.zoo import _talk_corpus as corpus
from geoglot.zoo import _talk_figures as figures
from geoglot.zoo import _talk_presence as presence
from geoglot.zoo._talk_batches import Batch, Mix, Row, Stream, rows_of
from geoglot.zoo._talk_concepts import CONCEPTS
from geoglot.zoo._talk_corpus import Told
from geoglot.zoo._talk_seen import seen

HELD_PLACES = 30
NOTHING = np.zeros((0, 0, 3), np.uint8)


class Recipe(Config):
    """Everything that decides a run.

    ``model`` is the frozen model, ``find`` the head for objects that it sees with (see the recipe detect). ``places`` made-up
    places are rendered; of photographs there are ``views``, turned and cut. A batch has ``pictures``, ``each`` of which is asked
    so many questions, and ``pointed`` expressions. ``human`` says whether questions that people made of UC Merced are taught;
    without, neither are the object labels of the pictures that have any. ``fold`` of five leaves out a part of the pictures with
    such questions, and takes in the validation's. ``start`` is a model to go on from; with ``only`` "talk" or "pointer" that part
    alone learns, words stay as they are, and a pointer that learns alone begins anew.
    """

    recipe: Literal["nano_chat"] = "nano_chat"
    root: str = "../shared/data"
    cache: str = "runs/cache"
    model: str = "nano"
    find: str = "nano"
    places: int = 300
    views: int = 2
    words: int = 3000
    pictures: int = 20
    each: int = 6
    pointed: int = 40
    longest: int = 96
    human: bool = True
    fold: int | None = None
    start: str | None = None
    only: Literal["both", "talk", "pointer"] = "both"
    lr: float = 1e-3
    talk: TalkConfig = TalkConfig()
    pointer: PointerConfig = PointerConfig()
    weight: float = 0.5
    mix: Mix = Mix()
    train: TrainConfig = TrainConfig(
        steps=1800, warmup=80, weight_decay=0.05, clip=1.0, ema=0.995, precision="bf16", validate_every=300, save_every=100
    )


class Trained(nn.Module):
    """Both parts as they are called in training."""

    def __init__(self, talk: Talk, pointer: Pointer) -> None:
        super().__init__()
        self.talk, self.pointer = talk, pointer

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (A, W) of the pieces that are to be said, (Q, K + 1) of the objects that may be meant, and moves of these."""
        if not self.talk.cell.weight.requires_grad:
            self.talk.eval()
        logits = self.talk(batch.sight, batch.of, batch.ids, batch.real, batch.asked, batch.shift)
        return logits, *self.pointer(batch.objects, self.talk.words(batch.question), batch.heard)


def compare(module: nn.Module, batch: Batch, weight: float) -> tuple[Tensor, dict[str, float]]:
    """Give the objective of one batch - answers only - and what to log beside it."""
    said, pointed, by = module(batch)
    answers = F.cross_entropy(said.float(), batch.target, label_smoothing=0.02)
    judged = batch.meant.any(1)  # where the head for objects found nothing near, there is nothing to point at
    if not bool(judged.any()):
        return answers + 0 * (pointed.sum() + by.sum()), {"answers": float(answers.detach()), "pointed": 0.0}
    chance = pointed.float().log_softmax(-1)[judged]
    meant = torch.where(batch.meant[judged], chance, -torch.inf).logsumexp(-1)
    right = batch.meant[judged].gather(1, chance.argmax(1, keepdim=True)).float().mean()
    near = batch.nearest >= 0
    at = batch.nearest.clamp(min=0)[:, None, None].expand(-1, 1, 4)
    wanted = move_to(batch.objects.boxes.gather(1, at)[:, 0], batch.box)[near]
    apart = F.smooth_l1_loss(by.gather(1, at)[:, 0][near].float(), wanted.clamp(-1, 1), beta=0.1, reduction="sum") / max(
        1, len(wanted)
    )
    loss = answers + weight * (apart - meant.mean())
    told = {"answers": float(answers.detach()), "pointed": float(-meant.mean().detach()), "right": float(right),
            "apart": float(apart.detach())}  # fmt: skip
    return loss, told


FILE = "nano-chat.safetensors"
PHOTOGRAPHS = ("ucm", "aid_rsicd", "vhr10")
SOURCES = ("ucm", "aid", "vhr10", "rendered")


def material(recipe: Recipe, split: Split, names: Sequence[str] = SOURCES) -> Iterator[tuple[str, list[Told]]]:
    """Pictures of a split with what is asked, in parts under names for the cache."""
    root, cache = Path(recipe.root), Path(recipe.cache)
    views = recipe.views if split == "train" else 1
    for name, make in (("ucm", corpus.from_ucm), ("aid", corpus.from_aid)):
        for k in range(views if name in names else 0):
            every = make(root, split, k + 1)
            yield f"{name}-{split}-{k + 1}", [one for one in every if (f"@{k}" in one.id) == (k > 0)]
    if "vhr10" in names:
        yield f"vhr10-{split}", list(corpus.from_vhr10(root, split))
    if "rendered" in names:
        places = recipe.places if split == "train" else HELD_PLACES
        yield f"rendered-{split}-{places}", list(corpus.from_rendered(split, places, cache))


def looked(
    recipe: Recipe, eyes: Eyes, split: Split, names: Sequence[str] = SOURCES
) -> tuple[list[Told], list[Seen], dict[str, int]]:
    """Pictures of a split, all that was seen of them, and where among that by name; pixels are not kept."""
    told: list[Told] = []
    everything: list[Seen] = []
    places: dict[str, int] = {}
    for name, some in material(recipe, split, names):
        shown = [one for each in some for one in each.shown]
        for k, one in enumerate(seen(eyes, name, shown, Path(recipe.cache))):
            places[shown[k].name] = len(everything)
            everything.append(one)
        told += [replace(one, shown=tuple(replace(s, pixels=NOTHING) for s in one.shown)) for one in some]
    return told, everything, places


def taught(told: Sequence[Told], recipe: Recipe) -> list[Told]:
    """What may be asked in this run of each picture, see `Recipe`: of those held out nothing but captions and classes."""
    names = {one.id for one in told if one.human}

    def free(one: Told) -> bool:
        name = one.id.partition("@")[0]
        return name not in names or (recipe.human and (recipe.fold is None or figures.fold_of(name) != recipe.fold))

    plain = ("caption", "class")
    return [
        one if free(one) else replace(one, asks=tuple(ask for ask in one.asks if ask.task in plain), human=()) for one in told
    ]


def build(recipe: Recipe, rows: Sequence[Row], everything: Sequence[Seen], folder: Path) -> tuple[Trained, Pieces]:
    """Give an untrained model, or the one to go on from; words are learned from all texts of the run, and kept in its folder."""
    torch.manual_seed(recipe.train.seed)
    sizes = {"features": everything[0].features.shape[1], "words": recipe.talk.dim}
    some = everything[:: max(1, len(everything) // 4000)]
    pointer = Pointer(recipe.pointer.model_copy(update=sizes))
    pointer.prepare(torch.from_numpy(np.concatenate([one.features for one in some])))
    if recipe.start is not None:
        parts = chat_parts.restore(Path(recipe.start))
        held = pointer if recipe.only == "pointer" else parts.pointer.requires_grad_(recipe.only == "both")
        talk = parts.talk.requires_grad_(recipe.only != "pointer")
        talk.words.requires_grad_(recipe.only == "both")  # the pointer reads them too
        return Trained(talk, held), parts.pieces
    words = folder / "pieces.json"
    if not words.exists():  # learning anew would give pieces of one frequency in another order
        folder.mkdir(parents=True, exist_ok=True)
        words.write_text(learn(_texts(rows), recipe.words), encoding="utf-8")
    pieces = Pieces(words.read_text(encoding="utf-8"))
    wide = {"words": len(pieces), "counts": len(everything[0].counts), "concepts": len(everything[0].concepts)}
    talk = Talk(recipe.talk.model_copy(update=wide))
    talk.prepare(*(torch.from_numpy(np.stack([getattr(one, name) for one in some])) for name in ("counts", "concepts")))
    return Trained(talk, pointer), pieces


def record_of(told: Sequence[Told], model: str) -> record.Record:
    """What a run took of each source; turned views are no pictures of their own."""
    count = Counter(one.source for one in told if "@" not in one.id)
    sources = {name: record.Taught(pictures=count[name]) for name in PHOTOGRAPHS if count[name]}
    other = [f"{name}: {count[name]:,} made-up pictures" for name in sorted(count) if name not in PHOTOGRAPHS]
    return record.Record(model=f"nano-chat@{chat_parts.VERSION}", sources=sources, other=(*other, f"what {model} was taught"))


def pieces_of(recipe: Recipe, folder: Path) -> Pieces:
    """The word pieces of a run."""
    if recipe.start is not None:
        return chat_parts.restore(Path(recipe.start)).pieces
    return Pieces((folder / "pieces.json").read_text(encoding="utf-8"))


def _texts(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        for asks in row.asks.values():
            for ask in asks:
                yield from ask.questions[:2]
                yield from ask.answers


def run(recipe: Recipe, folder: Path) -> Trained:
    """Train, resuming when ``folder`` holds a part of the same run; write ``nano-chat.safetensors`` there and give the model."""
    model = open_native(recipe.model, "auto", "bfloat16" if recipe.train.precision == "bf16" else "float32")
    eyes = Eyes(model, open_detector(model, file_of(recipe.find)), CONCEPTS, recipe.talk.side)
    told, everything, places = looked(recipe, eyes, "train")
    other = looked(recipe, eyes, "val")
    if recipe.fold is not None:  # pictures with human questions of the validation take part in the folds
        more = [replace(one, asks=()) for one in other[0] if one.human]
        start = len(everything)
        everything = everything + other[1]
        places = places | {name: start + place for name, place in other[2].items()}
        told = told + more
    rows = rows_of(taught(told, recipe), places)
    trained, pieces = build(recipe, rows, everything, folder)
    longest = min(recipe.longest, trained.talk.config.longest)
    stream = Stream(
        rows, everything, pieces, recipe.mix, recipe.pictures, recipe.each, recipe.pointed, recipe.train.seed, longest
    )
    held = figures.Held(rows_of(other[0], other[2]), other[1], pieces, eyes.classes)

    def measured(module: nn.Module, leaning: figures.Leaning = figures.UPRIGHT) -> Mapping[str, float]:
        assert isinstance(module, Trained)
        return figures.measure(module.talk, module.pointer, held, leaning)

    fit(
        trained,
        stream.batch,
        lambda module, batch: compare(module, batch, recipe.weight),
        [Group([p for p in trained.parameters() if p.requires_grad], recipe.lr)],
        recipe.train,
        folder,
        recipe,
        measured,
    )
    if is_main():
        known = presence.taught(rows, everything)
        own = figures.Held(
            rows_of(taught(other[0], recipe), other[2]), other[1], pieces, eyes.classes
        )  # nothing of what is held out
        answers = closed.learned((ask.questions[0], ask.answers[0]) for row in rows for ask in row.asks.get("human", ()))
        sure = figures.calibration(trained.talk, trained.pointer, own, known, answers)
        told_by = measured(trained, figures.Leaning(known, sure, answers))
        kinds = known.kinds if known else ()
        card = ChatCard(model.spec.hash, CONCEPTS, kinds, sure, {k: round(v, 3) for k, v in told_by.items()}, answers)
        head, found = head_of(file_of(recipe.find))
        file = folder / FILE
        record.write(record_of(told, model.spec.name), file)
        chat_parts.save(Parts(trained.talk, trained.pointer, head, found, pieces, card, known and known.head), file, model.spec)
    return trained.eval()
