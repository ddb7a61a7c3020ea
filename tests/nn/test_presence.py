import torch

from geoglot.nn.presence import fit


def test_a_line_tells_kinds_apart_and_passes_over_what_is_not_known() -> None:
    torch.manual_seed(0)
    x = torch.randn(400, 12) * torch.linspace(0.1, 5, 12)
    has = torch.stack([x[:, 3] > 0, x[:, 8] > 6], 1)
    known = torch.rand(400, 2) < 0.7
    wrong = torch.where(known, has, ~has)
    head = fit(x, wrong, known)
    other = torch.randn(400, 12) * torch.linspace(0.1, 5, 12)
    found = head(other) > 0
    there = torch.stack([other[:, 3] > 0, other[:, 8] > 6], 1)
    right = [(found[there[:, k], k].float().mean(), (~found[~there[:, k], k]).float().mean()) for k in range(2)]
    assert all(min(pair) > 0.85 for pair in right)  # the rare kind too, as either answer weighs the same
    assert not any(p.requires_grad for p in head.parameters())


def test_the_same_pictures_give_the_same_line() -> None:
    torch.manual_seed(1)
    x, has = torch.randn(60, 5), torch.rand(60, 3) < 0.5
    one, two = (fit(x, has, torch.ones_like(has)) for _ in range(2))
    assert torch.equal(one.line.weight, two.line.weight)
