"""The recipe of `nano-chat` on a few drawn pictures: runs, goes on, writes a model that answers; what it is taught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from geoglot.core.protocols import Said
from geoglot.models import chat_parts, detector, nano, record
from geoglot.models.nano_chat import open_chat
from geoglot.models.nano_eyes import Seen
from geoglot.nn.pointer import PointerConfig
from geoglot.nn.talk import TalkConfig
from geoglot.text.pieces import LOCATE
from geoglot.train.loop import TrainConfig
from geoglot.zoo import _talk_figures as figures
from geoglot.zoo import _talk_words as words
from geoglot.zoo import nano_chat, nano_chat_folds
from geoglot.zoo._talk_batches import mirrored, overlap
from geoglot.zoo._talk_corpus import Told
from geoglot.zoo._talk_seen import Shown, circumstances, turned
from geoglot.zoo._talk_words import Ask
from nano_chat_kit import HASH, picture, tiny_parts, tiny_tower

TINY = {"dim": 32, "layers": 1, "heads": 2, "inner": 48, "cells": 32, "side": 3, "whole": 16, "longest": 96}


def material(recipe: nano_chat.Recipe, split: str, names: tuple[str, ...] = ()) -> Iterator[tuple[str, list[Told]]]:
    """Pictures of noise of three sources."""
    told = []
    for number, source in enumerate(("ucm", "aid_rsicd", "rendered", "vhr10", "dates") * 2):
        rng = np.random.default_rng([number, split == "val"])
        count = 2 if source == "dates" else 1
        name = f"{source}/{split}/{number}"
        pixels = (rng.integers(0, 255, (6, 6, 3), np.uint8)).repeat(8, 0).repeat(8, 1)
        shown = tuple(Shown(f"{name}/{k}", pixels, circumstances(0.5, "2019-05-31" if count > 1 else None)) for k in range(count))
        asks = [
            Ask("caption", words.CAPTION, ("some ships in a harbour .",)),
            *words.presence("ship", True),
            *words.presence("car", False),
        ]
        asks += [words.locating("the ship", "ship", (0.1, 0.1, 0.9, 0.9)), words.counting("ship", 3)]
        human = (Ask("human", ("How many boats?",), ("3",)),) if source == "ucm" else ()
        told.append(Told(name, source, shown, tuple(asks), human))
    yield split, told


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nano_chat.Recipe:
    monkeypatch.setattr(nano_chat, "material", material)
    tower = tiny_tower()
    nano.save(tower.model, tmp_path / "tower.safetensors", "none")
    parts = tiny_parts()
    own = nano.restore(tmp_path / "tower.safetensors")[1]
    detector.save(parts.head, replace(parts.found, model=own.hash), tmp_path / "find.safetensors", own)
    return nano_chat.Recipe(
        model=str(tmp_path / "tower.safetensors"),
        find=str(tmp_path / "find.safetensors"),
        cache=str(tmp_path / "cache"),
        words=200,
        pictures=4,
        each=3,
        pointed=4,
        talk=TalkConfig(**TINY),  # type: ignore[arg-type]
        pointer=PointerConfig(dim=16, layers=1, heads=2),
        train=TrainConfig(steps=4, warmup=1, validate_every=4, save_every=2, log_every=1, precision="no"),
    )


def test_a_run_goes_on_and_gives_a_model_that_answers(recipe: nano_chat.Recipe, tmp_path: Path) -> None:
    whole = nano_chat.run(recipe, tmp_path / "whole").state_dict()
    # words of one frequency come in another order each time they are learned
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "pieces.json").write_text((tmp_path / "whole" / "pieces.json").read_text())
    short = recipe.model_copy(update={"train": recipe.train.model_copy(update={"save_every": 1})})
    folder = tmp_path / "cut"
    calls = iter(range(100))

    def stop(module: torch.nn.Module, *_: object) -> dict[str, float]:
        raise KeyboardInterrupt if next(calls) == 0 else AssertionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "measure", stop)
        with pytest.raises(KeyboardInterrupt):
            nano_chat.run(short, folder)
    again = nano_chat.run(short, folder).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    model, _ = nano.restore(Path(recipe.model))
    from geoglot.models.dual import DualModel

    tower = DualModel(model, nano.restore(Path(recipe.model))[1], torch.device("cpu"), torch.float32)
    chat = open_chat(tmp_path / "whole" / "nano-chat.safetensors", tower=tower)
    reply = chat.reply((Said("user", "How many ships are there?"),), (picture(0),))
    assert reply.confidence is None or 0 <= reply.confidence <= 1
    card = chat_parts.restore(tmp_path / "whole" / "nano-chat.safetensors").card
    known = record.of(tmp_path / "whole" / "nano-chat.safetensors")
    assert known is not None
    assert {name: taught.pictures for name, taught in known.sources.items()} == {"ucm": 2, "aid_rsicd": 2, "vhr10": 2}
    assert set(card.calibration) == {"words", "box", "count", "refuse", "locate", "yes"}
    assert card.figures["ucm cider"] >= 0
    alone = recipe.model_copy(update={"start": str(tmp_path / "whole" / "nano-chat.safetensors"), "only": "pointer"})
    kept = nano_chat.run(alone, tmp_path / "pointer").state_dict()
    same = {name: bool(torch.allclose(value, kept[name], atol=2e-2)) for name, value in whole.items() if name.startswith("talk.")}
    assert all(same.values())


def test_what_is_held_out_is_not_taught(recipe: nano_chat.Recipe) -> None:
    (_, told), *_ = material(recipe, "train")
    plain = nano_chat.taught(told, recipe.model_copy(update={"human": False}))
    held = [one for one in plain if one.source == "ucm"]
    assert all({ask.task for ask in one.asks} == {"caption"} and not one.human for one in held)
    assert nano_chat.taught(told, recipe) == told
    name = next(one.id for one in told if one.human)
    folded = nano_chat.taught(told, recipe.model_copy(update={"fold": figures.fold_of(name)}))
    assert not next(one for one in folded if one.id == name).human


def test_words_of_the_tasks() -> None:
    yes, premise = words.presence("airplane", True)
    assert yes.answers == ("yes",)
    assert premise.answers == ("There are airplanes here.",)
    assert all(ask.answers == ("There is no sand here.",) for ask in words.presence("sand", False)[1:])
    assert words.locating("the leftmost ship", "ship", (0, 0, 1, 1)).answers == (LOCATE,)
    assert not words.locating("the leftmost ship", "ship", (0, 0, 1, 1)).turned
    things = [("ship", (0.1, 0.1, 0.2, 0.2)), ("ship", (0.5, 0.5, 0.9, 0.9)), ("bridge", (0.0, 0.0, 1.0, 0.1))]
    told = {text: box for text, _, box, _ in words.expressions(things)}
    assert told["the bridge"] == things[2][1]
    assert told["the largest ship"] == told["the rightmost ship"] == things[1][1]


def test_a_mirrored_picture_keeps_what_is_meant() -> None:
    boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.6, 0.5, 0.9, 0.7]], np.float32)
    blank = np.zeros(1, np.float32)
    seen = Seen(
        blank.astype(np.float16), blank, blank, blank, blank, boxes, np.zeros((2, 3), np.float32), np.zeros((2, 1), np.float32)
    )
    for seed in range(8):
        other, text, box = mirrored(seen, "the topmost leftmost ship", (0.1, 0.2, 0.3, 0.4), np.random.default_rng(seed))
        assert box is not None
        assert overlap(other.boxes, box)[0] == pytest.approx(1.0)
        assert ("leftmost" in text) == (box[0] < 0.5)
        assert ("topmost" in text) == (box[1] < 0.5)


def test_chances_become_shares() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.3, 0.99, 2000)
    good = rng.random(2000) < chance**2
    found = figures.platt(chance.tolist(), good.tolist())
    made = 1 / (1 + np.exp(-(found["slope"] * np.log(chance / (1 - chance)) + found["bias"])))
    assert abs(float(made.mean() - good.mean())) < 0.01
    assert float(np.abs(made - chance**2).mean()) < 0.06


def test_another_view_has_the_old_size() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    assert turned(pixels, (1, 2)).shape == pixels.shape
    assert HASH


def test_folds_are_measured_beside_their_prior(recipe: nano_chat.Recipe, tmp_path: Path) -> None:
    nano_chat.run(recipe.model_copy(update={"human": False}), tmp_path / "base")
    start = str(tmp_path / "base" / "nano-chat.safetensors")
    found = nano_chat_folds.run(
        nano_chat_folds.Recipe(chat=recipe.model_copy(update={"start": start, "only": "talk"})), tmp_path / "folds"
    )
    assert found["questions"] == found["pictures"] == 4
    assert 0 <= found["accuracy"] <= 100
    assert len(found["above the prior"]) == 3
    assert (tmp_path / "folds" / "folds.json").exists()
