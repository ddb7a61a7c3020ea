"""Human questions of UC Merced answered by five models, each of which was taught four fifths of the pictures that have any."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geoglot.core.config import Config
from geoglot.metrics.bootstrap import interval, paired
from geoglot.models import chat_parts
from geoglot.models.detector import file_of, open_detector
from geoglot.models.dual import open_native
from geoglot.models.nano_eyes import Eyes, Seen
from geoglot.text.answers import kind_of, normal
from geoglot.train.distribute import is_main
from geoglot.zoo import _talk_figures as figures
from geoglot.zoo import nano_chat
from geoglot.zoo._talk_batches import Row, rows_of
from geoglot.zoo._talk_concepts import CONCEPTS
from geoglot.zoo._talk_presence import Known


class Recipe(Config):
    """The run ``chat`` is done five times, each time without the questions and object labels of a fifth of the pictures of
    training and validation that people asked about; it goes on from a model that was taught none of them."""

    recipe: Literal["nano_chat_folds"] = "nano_chat_folds"
    chat: nano_chat.Recipe = nano_chat.Recipe(only="talk")


def run(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Train what is not trained yet and measure; writes ``folds.json`` and gives what is in it."""
    chat = recipe.chat
    asked: list[tuple[Row, str, str]] = []
    said: list[str] = []
    for fold in range(figures.FOLDS):
        nano_chat.run(chat.model_copy(update={"fold": fold}), folder / f"fold{fold}")
        parts = chat_parts.restore(folder / f"fold{fold}" / nano_chat.FILE)
        rows, seen = _held(chat, fold)
        own = [(row, ask.questions[0], ask.answers[0]) for row in rows for ask in row.asks.get("human", ())]
        known = Known(parts.presence, parts.card.kinds) if parts.presence is not None else None
        leaning = figures.Leaning(known, parts.card.calibration, parts.card.answers)
        made = figures.replies(parts.talk, figures.Held(rows, seen, parts.pieces), [(row, q) for row, q, _ in own], leaning)
        said += [normal(parts.pieces.words(ids)) for ids in made.ids]
        asked += own
    told = measured(asked, said)
    if is_main():
        (folder / "folds.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def _held(recipe: nano_chat.Recipe, fold: int) -> tuple[list[Row], list[Seen]]:
    """Pictures of a fold with what people asked of them, as they are."""
    model = open_native(recipe.model, "auto", "bfloat16" if recipe.train.precision == "bf16" else "float32")
    eyes = Eyes(model, open_detector(model, file_of(recipe.find)), CONCEPTS, recipe.talk.side)
    rows: list[Row] = []
    everything: list[Seen] = []
    for split in ("train", "val"):
        told, seen, places = nano_chat.looked(recipe.model_copy(update={"views": 1}), eyes, split, ("ucm",))
        start = len(everything)
        some = [one for one in told if one.human and figures.fold_of(one.id) == fold]
        rows += rows_of(some, {name: start + place for name, place in places.items()})
        everything += seen
    return rows, everything


def measured(asked: Sequence[tuple[Row, str, str]], said: Sequence[str]) -> dict[str, Any]:
    """Accuracy of answers, and of the commonest answer of the other folds to the same question, with intervals over pictures."""
    names = sorted({row.told.id for row, _, _ in asked})
    place = np.array([names.index(row.told.id) for row, _, _ in asked])
    wanted = [normal(answer) for _, _, answer in asked]
    prior = _prior(asked, wanted)
    right, blind = (np.array([a == b for a, b in zip(some, wanted, strict=True)]) for some in (said, prior))
    kinds = np.array([kind_of(question) for _, question, _ in asked])

    def share(good: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
        each = weight[place]
        return 100 * float((good * each).sum() / each.sum())

    gap = paired(lambda w: share(right, w), lambda w: share(blind, w), len(names))
    low, high = interval(lambda w: share(right, w), len(names))
    by_kind = {str(k): [100 * float(right[kinds == k].mean()), 100 * float(blind[kinds == k].mean())] for k in np.unique(kinds)}
    return {
        "pictures": len(names),
        "questions": len(asked),
        "accuracy": 100 * float(right.mean()),
        "interval": [low, high],
        "prior": 100 * float(blind.mean()),
        "above the prior": [gap.value, gap.low, gap.high],
        "by kind, answers and prior": by_kind,
    }


def _prior(asked: Sequence[tuple[Row, str, str]], wanted: Sequence[str]) -> list[str]:
    """The commonest answer to each question in the other folds, or to questions of its kind."""
    counts: Mapping[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for (row, question, _), answer in zip(asked, wanted, strict=True):
        for fold in range(figures.FOLDS):
            if fold != figures.fold_of(row.told.id):
                counts[fold, question.lower()][answer] += 1
                counts[fold, f"kind {kind_of(question)}"][answer] += 1
    made = []
    for row, question, _ in asked:
        fold = figures.fold_of(row.told.id)
        some = counts[fold, question.lower()] or counts[fold, f"kind {kind_of(question)}"]
        made.append(min(some, key=lambda text, some=some: (-some[text], text)) if some else "")  # type: ignore[misc]
    return made
