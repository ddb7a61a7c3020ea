from pathlib import Path

import numpy as np
import pytest
import torch

from geoglot.core.protocols import Said
from geoglot.models import chat_parts, closed
from geoglot.models.counting import counted
from geoglot.models.nano_chat import NanoChat, open_chat
from geoglot.models.nano_eyes import Seen
from geoglot.models.pointing import MIRRORS, pointed
from nano_chat_kit import picture, tiny_chat, tiny_parts, tiny_tower


def seen(scores: list[list[float]]) -> Seen:
    blank = np.zeros(1, np.float32)
    boxes = np.zeros((len(scores), 4), np.float32)
    return Seen(blank.astype(np.float16), blank, blank, blank, blank, boxes, boxes, np.array(scores, np.float32).reshape(-1, 2))


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> NanoChat:
    return tiny_chat(tmp_path_factory.mktemp("chat"))


def test_objects_of_the_kind_are_counted() -> None:
    some = seen([[0.9, 0.1], [0.4, 0.2], [0.3, 0.1], [0.5, 0.8]])
    found = counted(some, ("ship", "house"), "How many ships are there?", 0.0)
    assert found is not None
    assert (found.kind, found.rows) == (0, (0, 1))
    assert found.chance == pytest.approx(0.65)
    none = counted(some, ("ship", "house"), "How many ships are there?", -3.0)
    assert none is not None
    assert none.rows == ()
    assert counted(seen([]), ("ship", "house"), "Count the houses.", 0.0) == (1, (), 1.0)
    assert counted(some, ("ship", "house"), "How many cars are there?", 0.0) is None
    assert counted(some, ("ship", "house"), "Is there a ship?", 0.0) is None


def test_a_number_comes_with_its_boxes(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    from geoglot.models import counting

    monkeypatch.setattr(counting, "SURE", 0.0)
    reply = chat.reply((Said("user", "How many ships are there?"),), (picture(0),))
    assert reply.text == str(len(reply.boxes))
    assert set(reply.labels) <= {"ship"}
    assert reply.confidence is not None


def test_only_common_questions_for_numbers_and_places_are_known() -> None:
    pairs = [("How many boats in the picture?", "Two")] * 5 + [("how many boats in the picture", "three")] * 3
    pairs += [("Is there a boat?", "yes")] * 20 + [("How many cars?", "one")] * 7
    assert closed.learned(pairs) == {"how many boats in the picture": {"2": 5, "3": 3}}


def test_a_known_question_is_answered_by_a_known_answer(tmp_path: Path) -> None:
    parts, tower = tiny_parts(), tiny_tower()
    table = {"how many masts": {"2": 1, "ship": 10_000_000}}
    card = chat_parts.ChatCard(parts.card.model, parts.card.concepts, answers=table)
    chat_parts.save(chat_parts.Parts(*[*vars(parts).values()][:5], card), tmp_path / "with.safetensors", tower.spec)
    chat = open_chat(tmp_path / "with.safetensors", tower=tower)
    assert chat.parts.card.answers == table
    reply = chat.reply((Said("user", "How many masts?"),), (picture(0),))
    assert reply.text == "ship"
    one = chat._asked((Said("user", "How many masts?"),), (picture(0),))
    told, share = closed.chosen(chat.talk, chat._kept(one), chat.pieces, one.ids, {"2": 1, "ship": 1}, 0.0)
    alone = [closed.chosen(chat.talk, chat._kept(one), chat.pieces, one.ids, {text: 1})[1] for text in ("2", "ship")]
    assert told in ("2", "ship")
    assert 0.5 <= share <= 1
    assert alone == [1.0, 1.0]


def test_mirror_images_are_heard_where_words_are_certain(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = seen([[0.5, 0.1], [0.2, 0.1]])
    boxes = np.array([[0.1, 0.2, 0.3, 0.4], [0.6, 0.5, 0.9, 0.7]], np.float32)
    wide = chat.pointer.config.features
    looked = Seen(**{**vars(looked), "boxes": boxes, "features": np.zeros((2, wide), np.float32)})
    heard: list[torch.Tensor] = []
    forward = chat.pointer.forward

    def listen(found, words, real):  # type: ignore[no-untyped-def]
        heard.append(found.boxes)
        return forward(found, words, real)

    monkeypatch.setattr(chat.pointer, "forward", listen)
    chances, placed = pointed(chat.pointer, chat.talk, chat.pieces, looked, "Locate the leftmost ship.")
    assert len(heard) == len(MIRRORS)
    assert torch.allclose(heard[1][0, :, 0], torch.tensor([0.7, 0.1]))
    assert torch.allclose(heard[2][0, :, 1], torch.tensor([0.6, 0.3]))
    assert chances.sum().item() == pytest.approx(1)
    assert placed.shape == (2, 4)
    heard.clear()
    pointed(chat.pointer, chat.talk, chat.pieces, looked, "Locate the ship above the house.")
    assert len(heard) < len(MIRRORS)
