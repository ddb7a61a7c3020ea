"""The small language model: what it has read, padding, and the pictures that it sees."""

from __future__ import annotations

import pytest
import torch

from chat_kit import tiny_parts
from geoglot.core.errors import InputError
from geoglot.nn.pointer import Objects, move_to, moved, pairs
from geoglot.nn.saying import answer, padded
from geoglot.nn.talk import Sight, Talk


@pytest.fixture(scope="module")
def talk() -> Talk:
    return tiny_parts().talk


def sight(count: int, pictures: int = 1, seed: int = 0) -> Sight:
    rng = torch.Generator().manual_seed(seed)
    sizes = ((9, 32), (16,), (8,), (6,), (8,))
    parts = [torch.randn(count, pictures, *size, generator=rng) for size in sizes]
    return Sight(*parts, torch.ones(count, pictures, dtype=torch.bool))


def test_padding_on_the_left_changes_nothing(talk: Talk) -> None:
    seen = sight(2)
    rows = [[2, 9, 10, 11, 3], [2, 8, 3]]
    together = answer(talk, talk.prefix(seen), *padded(rows, 0), 4, 12)
    for k, row in enumerate(rows):
        alone = answer(talk, talk.prefix(seen.rows(torch.tensor([k]))), *padded([row], 0), 4, 12)
        assert alone.ids[0] == together.ids[k]
        assert alone.chance[0] == pytest.approx(together.chance[k], abs=1e-5)


def test_reading_at_once_and_word_by_word_are_the_same(talk: Talk) -> None:
    ids = torch.tensor([[2, 9, 10, 11, 3, 12]])
    real = torch.ones_like(ids, dtype=torch.bool)
    past = talk.prefix(sight(1))
    whole, _ = talk.read(ids, real, past)
    for k in range(ids.shape[1]):
        state, past = talk.read(ids[:, k : k + 1], real[:, k : k + 1], past)
        torch.testing.assert_close(state[:, 0], whole[:, k], atol=1e-5, rtol=1e-4)


def test_a_word_sees_those_before_it_and_the_picture(talk: Talk) -> None:
    ids = torch.tensor([[2, 9, 10, 11]])
    real = torch.ones_like(ids, dtype=torch.bool)
    first, _ = talk.read(ids, real, talk.prefix(sight(1)))
    later = ids.clone()
    later[0, -1] = 13
    other, _ = talk.read(later, real, talk.prefix(sight(1)))
    torch.testing.assert_close(first[:, :-1], other[:, :-1])
    elsewhere, _ = talk.read(ids, real, talk.prefix(sight(1, seed=1)))
    assert not torch.allclose(first, elsewhere, atol=1e-3)


def test_an_absent_second_picture_says_nothing(talk: Talk) -> None:
    one, two = sight(1), sight(1, 2)
    both = Sight(*(torch.cat([a, b[:, :1]], 1) for a, b in zip(one, two, strict=True)))
    both.there[0, 1] = False
    ids = torch.tensor([[2, 9, 3]])
    real = torch.ones_like(ids, dtype=torch.bool)
    alone, _ = talk.read(ids, real, talk.prefix(one))
    beside, _ = talk.read(ids, real, talk.prefix(both))
    torch.testing.assert_close(alone, beside, atol=1e-5, rtol=1e-4)


def test_too_much_is_refused(talk: Talk) -> None:
    with pytest.raises(InputError, match="two dates at a time"):
        talk.prefix(sight(1, 3))
    ids = torch.full((1, talk.config.longest + 1), 9)
    with pytest.raises(InputError, match="longer than"):
        talk.read(ids, ids > 0, talk.prefix(sight(1)))


def test_drawn_words_follow_the_seed(talk: Talk) -> None:
    ids, real = padded([[2, 9, 3]] * 4, 0)
    past = talk.prefix(sight(1)).rows(torch.zeros(4, dtype=torch.long))
    one, same, other = (answer(talk, past, ids, real, 4, 8, heat=1.0, seed=seed).ids for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_the_pointer_takes_one_of_the_objects_that_are_there() -> None:
    pointer = tiny_parts().pointer
    rng = torch.Generator().manual_seed(0)
    low = torch.rand(2, 5, 2, generator=rng) / 2
    boxes = torch.cat([low, low + 0.2], -1)
    features = torch.randn(2, 5, pointer.config.features, generator=rng)
    there = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    words = torch.randn(2, 4, 32, generator=rng)
    real = torch.ones(2, 4, dtype=torch.bool)
    logits, by = pointer(Objects(boxes, features, there), words, real)
    assert logits.shape == (2, 6)
    assert by.shape == (2, 5, 4)
    assert (logits[1, 3:5] < -1e3).all()
    alone, _ = pointer(Objects(boxes[1:, :3], features[1:, :3], there[1:, :3]), words[1:], real[1:])
    torch.testing.assert_close(alone[0], logits[1, [0, 1, 2, 5]], atol=1e-5, rtol=1e-4)
    order = torch.tensor([4, 2, 0, 1, 3])
    turned, _ = pointer(Objects(boxes[:1, order], features[:1, order], there[:1]), words[:1], real[:1])
    torch.testing.assert_close(turned[0, :5], logits[0, order], atol=1e-5, rtol=1e-4)


def test_boxes_are_moved_to_where_they_belong() -> None:
    box = torch.tensor([0.2, 0.2, 0.4, 0.5])
    wanted = torch.tensor([0.25, 0.18, 0.4, 0.44])
    torch.testing.assert_close(moved(box, move_to(box, wanted)), wanted)
    lie = pairs(torch.stack([box, wanted])[None])
    assert lie.shape == (1, 2, 2, 9)
    torch.testing.assert_close(lie[..., :4], -lie.transpose(1, 2)[..., :4])
