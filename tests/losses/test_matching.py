"""Image-text matching: which pairs are made, what they cost, and that the fusion encoder can learn it."""

import pytest
import torch
import torch.nn.functional as F

from geoglot.core.errors import InputError
from geoglot.losses.matching import hard_negatives, matching
from geoglot.nn.fusion import Fusion, FusionConfig, mean_first


def test_negatives_are_wrong_and_drawn_by_similarity() -> None:
    rng = torch.Generator().manual_seed(0)
    same = torch.tensor([0, 0, 1, 2])
    logits = torch.tensor([[9.0, 9.0, 0.0, 1.0], [9.0, 9.0, 2.0, 0.0], [0.0, 3.0, 9.0, 0.0], [0.0, 0.0, 0.0, 9.0]])
    draws = [hard_negatives(logits, same, rng) for _ in range(2000)]
    texts, pictures = torch.stack([a for a, _ in draws]), torch.stack([b for _, b in draws])
    for drawn in (texts, pictures):
        assert (same[drawn] != same).all()
    share = float((texts[:, 0] == 3).float().mean())
    assert share == pytest.approx(torch.tensor([0.0, 1.0]).softmax(0)[1].item(), abs=0.04)
    share = float((pictures[:, 2] == 1).float().mean())
    assert share == pytest.approx(torch.tensor([0.0, 2.0, 0.0]).softmax(0)[1].item(), abs=0.04)
    with pytest.raises(InputError, match="two different texts"):
        hard_negatives(logits[:2, :2], same[:2])


def test_the_loss_is_the_mean_over_three_pairs_a_row() -> None:
    torch.manual_seed(0)
    table, asked = torch.randn(3, 3, 2), []

    def fuse(pictures: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        asked.extend(zip(pictures.tolist(), texts.tolist(), strict=True))
        return table[pictures, texts]

    found = matching(fuse, torch.randn(3, 3), torch.arange(3))
    assert len(asked) == 9
    assert asked[:3] == [(0, 0), (1, 1), (2, 2)]
    assert [p for p, _ in asked[3:6]] == [t for _, t in asked[6:]] == [0, 1, 2]
    wanted = sum(-float(F.log_softmax(table[p, t], 0)[int(p == t)]) for p, t in asked) / 9
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def encoder() -> Fusion:
    torch.manual_seed(0)
    return Fusion(FusionConfig(dim=16, cells=12, layers=2, heads=2, hidden=32)).eval()


def test_fusion_does_not_see_padding_nor_cells_without_observation() -> None:
    fusion, words, cells = encoder(), torch.randn(2, 5, 16), torch.randn(2, 4, 12)
    mask, seen = torch.tensor([[1, 1, 1, 0, 0], [1] * 5]), torch.tensor([[True, True, False, False], [True] * 4])
    before = fusion(words, mask, cells, seen)
    words[0, 3:], cells[0, 2:] = 50.0, -50.0
    torch.testing.assert_close(fusion(words, mask, cells, seen), before)
    assert not torch.allclose(fusion(words, mask, cells), before)
    blind = fusion(words, mask, cells, torch.zeros(2, 4, dtype=torch.bool))
    assert blind.isfinite().all()
    with_mean = mean_first(words, mask)
    torch.testing.assert_close(with_mean[0, 0], words[0, :3].mean(0))


def test_fusion_learns_which_belong_together() -> None:
    fusion = encoder().train()
    rng = torch.Generator().manual_seed(1)
    words, cells = torch.randn(6, 3, 16, generator=rng), torch.randn(6, 4, 12, generator=rng)
    mask, logits = torch.ones(6, 3), torch.zeros(6, 6)
    optimiser = torch.optim.Adam(fusion.parameters(), 3e-3)

    def step() -> float:
        value = matching(lambda p, t: fusion(words[t], mask[t], cells[p]), logits, torch.arange(6), rng)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        return float(value.detach())

    values = [step() for _ in range(120)]
    assert sum(values[-10:]) < 0.3 * sum(values[:10])
