"""`nano-chat`, tiny: answers one by one and together, kept pictures, boxes, refusals, wrong input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from geoglot import models
from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import Chat, Reply, Said, whole
from geoglot.models import chat_parts
from geoglot.models.nano_chat import NanoChat
from geoglot.models.nano_eyes import far_size, once, sight
from geoglot.text import codec
from nano_chat_kit import CONCEPTS, picture, tiny_chat, tiny_parts

QUESTION = "Describe this image."


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> NanoChat:
    return tiny_chat(tmp_path_factory.mktemp("chat"))


def say(monkeypatch: pytest.MonkeyPatch, chat: NanoChat, ids: list[int]) -> None:
    """Have the model say certain pieces."""
    from geoglot.models import nano_chat
    from geoglot.nn.saying import Answered

    monkeypatch.setattr(nano_chat, "answer", lambda *_, **__: Answered([ids] * 32, [-0.1] * 32))


def test_it_is_a_chat_that_loads_by_its_file(chat: NanoChat, tmp_path: Path) -> None:
    assert isinstance(chat, Chat)
    file = tmp_path / "own.safetensors"
    chat_parts.save(tiny_parts(), file, chat.spec)
    assert models.converses(file)
    assert chat_parts.restore(file).card.concepts == CONCEPTS
    assert chat.spec.id == "nano-chat"
    for load in (models.load, models.text_encoder):
        with pytest.raises(InputError, match="converses"):
            load(file)
    # the tower that comes with the package is not the one that it was made for
    with pytest.raises(ModelError, match="was made for a model of hash"):
        models.opened(file, device="cpu", dtype="float32")


def test_answers_are_the_same_alone_and_together(chat: NanoChat) -> None:
    asked = [
        ((Said("user", "How many ships?"),), (picture(0),)),
        ((Said("user", "Describe this image by the water, the harbour."),), (picture(1), picture(2))),
        ((Said("user", "ships?"), Said("assistant", "2"), Said("user", "How many ships by the water?")), (picture(3),)),
    ]
    together = chat.replies(asked)
    for (turns, pictures), reply in zip(asked, together, strict=True):
        alone = chat.reply(turns, pictures)
        assert alone.text == reply.text
        assert alone.boxes == reply.boxes
        assert alone.confidence == pytest.approx(reply.confidence, abs=1e-4)


def test_a_picture_is_looked_at_once(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = picture(11)
    chat.reply((Said("user", QUESTION),), (shown,))
    monkeypatch.setattr(chat.eyes, "look", lambda *_: pytest.fail("looked again"))
    monkeypatch.setattr(chat, "_evidence", lambda *_: None)  # which reads it with gradients
    monkeypatch.setattr(chat.talk, "prefix", lambda *_: pytest.fail("read again"))
    chat.reply((Said("user", "ships?"),), (shown,))


def test_a_stream_says_the_likeliest_words(chat: NanoChat) -> None:
    turns = (Said("user", "How many ships?"),)
    parts: list[str] = []
    ended = whole(chat.stream(turns, (picture(0),)), parts.append)
    reply = chat.reply(turns, (picture(0),))
    assert (ended.text, ended.boxes, ended.refused) == (reply.text, reply.boxes, reply.refused)
    assert ended.confidence == pytest.approx(reply.confidence, abs=1e-5)
    if not reply.boxes and len(chat.pieces.ids(reply.text)) <= 5:
        assert "".join(parts) == reply.text


def test_a_mark_becomes_a_box(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, chat, [chat.pieces.locate])
    monkeypatch.setattr(chat, "_pointed", lambda one: (torch.tensor([0.7, 0.2, 0.1]), torch.tensor([[0.1, 0.2, 0.3, 0.4]] * 2)))
    reply = chat.reply((Said("user", "Locate the ship."),), (picture(0), picture(1)))
    assert reply.text == "[0.100,0.200,0.300,0.400]"
    assert codec.read(reply.text, "lhrs").boxes[0].bounds() == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert reply.heat.shape == (32, 32)
    assert (reply.heat[8, 5], reply.heat[20, 20]) == (pytest.approx(0.7), 0.0)
    assert reply.boxes[0].frame == "unit"
    assert reply.boxes[0].bounds() == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert reply.of == (1,)
    assert reply.confidence == pytest.approx(0.7)
    monkeypatch.setattr(chat, "_pointed", lambda one: (torch.tensor([0.1, 0.2, 0.7]), torch.zeros(2, 4)))
    assert chat.reply((Said("user", "Locate the ship."),), (picture(0),)).refused


def test_all_objects_of_a_class(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, chat, [chat.pieces.all])
    reply = chat.reply((Said("user", "Locate all ships."),), (picture(0),))
    assert reply.refused or set(reply.labels) == {"ship"}
    assert len(reply.boxes) == len(reply.labels) == len(reply.of)
    assert chat._class("Show me every house.") == "house"
    assert chat._class("harbour") in chat.eyes.classes


def test_the_cells_that_spoke_for_an_answer(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is the effect of each cell on the chance of what was said, to the first order."""
    ids = chat.pieces.ids("ships")
    one = chat._asked((Said("user", "How many masts?"),), (picture(4),))
    heat = chat._evidence(one, ids)
    side = chat.talk.config.side
    assert heat.shape == (side, side)
    assert (heat.min() >= 0, heat.max()) == (True, pytest.approx(1.0))
    seen = sight([one.seen])
    step, told = 1e-2, []
    for cell in range(side * side):
        less = seen.cells.clone()
        less[:, 0, cell] *= 1 - step
        chances = []
        for cells in (seen.cells, less):
            said = torch.tensor([[*one.ids, *ids, chat.pieces.end]])
            states, _ = chat.talk.read(
                said[:, :-1], torch.ones_like(said[:, :-1], dtype=torch.bool), chat.talk.prefix(seen._replace(cells=cells))
            )
            chance = chat.talk.logits(states[:, len(one.ids) - 1 :]).log_softmax(-1)
            chances.append(float(chance.gather(2, said[:, len(one.ids) :, None]).double().sum()))
        told.append(max((chances[0] - chances[1]) / step, 0.0))
    found = torch.tensor(told).reshape(side, side) / max(told)
    assert torch.allclose(torch.from_numpy(heat), found.float(), atol=0.15)
    say(monkeypatch, chat, ids)
    assert (chat.reply((Said("user", "How many masts?"),), (picture(4),)).heat == heat).all()


def test_what_is_not_there_is_refused(chat: NanoChat, monkeypatch: pytest.MonkeyPatch) -> None:
    say(monkeypatch, chat, chat.pieces.ids("There are no ships here."))
    reply = chat.reply((Said("user", "Describe the ships."),), (picture(0),))
    assert isinstance(reply, Reply)
    assert reply.refused
    assert reply.text == "There are no ships here."


BAD = [
    ((), 1, "ends with a question"),
    ((Said("assistant", "yes"),), 1, "ends with a question"),
    ((Said("user", " "),), 1, "ends with a question"),
    ((Said("user", "a"), Said("user", "b")), 1, "a turn is missing"),
    ((Said("user", "a"),), 0, "show it one"),
    ((Said("user", "a", (3,)),), 1, "not there"),
    ((Said("user", "a"),), 3, "at most 2"),
    ((Said("user", "ship " * 90),), 1, "ask more shortly"),
]


@pytest.mark.parametrize(("turns", "pictures", "told"), BAD)
def test_what_is_no_conversation_is_answered(chat: NanoChat, turns: tuple[Said, ...], pictures: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        chat.reply(turns, [picture(k) for k in range(pictures)])


def test_a_picture_has_three_bands(chat: NanoChat) -> None:
    from geoglot.geo.raster import Raster

    one = picture(0)
    with pytest.raises(InputError, match="red, green and blue"):
        chat.reply((Said("user", "a"),), (Raster(one.data[:2], one.valid, None, one.bands[:2]),))


def test_sizes_and_boxes() -> None:
    assert far_size(150, 150, 144, 16) == (144, 144)
    assert far_size(600, 300, 144, 16) == (448, 224)
    assert far_size(20, 40, 144, 16) == (64, 144)
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 10, 10], [20, 20, 30, 30.0]]).numpy()
    assert once(boxes) == [0, 2]
