from pathlib import Path

import numpy as np
import torch

from geoglot.models import chat_parts
from geoglot.models.leaning import leans, named, summary, witness
from geoglot.models.nano_chat import open_chat
from geoglot.nn.presence import Presence, PresenceConfig
from nano_chat_kit import picture, tiny_chat, tiny_parts, tiny_tower

KINDS = ("building", "apartment building", "ship", "grass")


def test_the_longest_kind_is_named() -> None:
    assert named("Describe the apartment buildings here.", KINDS) == 1
    assert named("Is there a building?", KINDS) == 0
    assert named("Are there Ships in the harbour?", KINDS) == 2
    assert named("What is this place? A shipyard?", KINDS) is None


def test_two_witnesses_are_heard(tmp_path: Path) -> None:
    chat = tiny_chat(tmp_path)
    _, seen = chat._look(picture(0))
    head = Presence(PresenceConfig(features=len(summary(seen)), kinds=len(KINDS)))
    with torch.no_grad():
        head.line.weight.zero_()
        head.line.bias.copy_(torch.tensor([-3.0, 0.5, 2.0, 1.0]))
    asked = ["Is there a ship?", "Locate the building.", "What is this?"]
    shows = witness(head, KINDS, asked, [seen] * 3)
    assert shows.tolist() == [2.0, -3.0, 0.0]
    told = {"refuse": {"bias": 0.5, "seen": 2.0}, "locate": {"bias": -1.0, "seen": 1.0}, "yes": {"bias": 0.25, "seen": 1.0}}
    no, mark, every, yes = leans(told, chat.pieces, asked, shows)
    assert every.more.tolist() == [0.0] * 3
    both = leans(told, chat.pieces, ["Locate all buildings."], shows[1:2])
    assert (both[1].more.item(), both[2].more.item()) == (0.0, -4.0)
    assert no.more.tolist() == [-3.5, 6.5, 0.5]
    assert mark.more.tolist() == [0.0, -4.0, 0.0]  # of questions for a box alone
    assert yes.more.tolist() == [2.25, 0.0, 0.0]  # of closed questions alone, and of kinds that are known
    assert leans({}, chat.pieces, asked, shows) == ()
    assert witness(None, (), asked, [seen] * 3).tolist() == [0.0] * 3


def test_the_head_is_a_part_of_the_file(tmp_path: Path) -> None:
    tower, parts = tiny_tower(), tiny_parts()
    seen = tiny_chat(tmp_path)._look(picture(0))[1]
    head = Presence(PresenceConfig(features=len(summary(seen)), kinds=1)).eval().requires_grad_(False)
    card = chat_parts.ChatCard(parts.card.model, parts.card.concepts, ("ship",), {"refuse": {"bias": 0.0, "seen": 1e4}})
    file = tmp_path / "with.safetensors"
    chat_parts.save(chat_parts.Parts(*[*vars(parts).values()][:5], card, head), file, tower.spec)
    chat = open_chat(file, tower=tower)
    assert chat.parts.card.kinds == ("ship",)
    x = torch.from_numpy(np.stack([summary(seen)]))
    assert chat.presence is not None
    torch.testing.assert_close(chat.presence(x), head(x), atol=0.05, rtol=0.05)
