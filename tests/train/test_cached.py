"""Gradient caching against the plain large batch: the same loss and gradients, whatever the size of the parts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from dual_kit import CONFIG, ROWS, batch, loss_of, towers, train

from geoglot.train import cached
from geoglot.train.distribute import accelerator_of
from geoglot.train.folder import rows
from geoglot.train.loop import Split


@pytest.mark.parametrize("size", [1, 5, ROWS, 100])
@pytest.mark.parametrize("name", ["infonce", "siglip"])
def test_equal_to_the_plain_batch(name: str, size: int) -> None:
    plain, parts = towers(), towers()
    loss, data = loss_of(name, "local"), batch(0)
    value, _ = loss(plain, data)
    (value * 0.5).backward()
    found, _ = cached.backward(loss, accelerator_of(CONFIG), parts, data, size, 0.5, lambda _: None)
    assert float(found) == pytest.approx(float(value.detach()), rel=1e-6)
    for a, b in zip(plain.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=1e-5)


def test_dropout_drops_the_same_in_both_passes() -> None:
    """Each part's embeddings in the first pass are those of the second: with weights fixed, the surrogate is exact."""
    module, seen = nn.Sequential(nn.Linear(3, 64), nn.Dropout(0.5)), []

    def embed(part: nn.Module, data: tuple[Tensor]) -> tuple[Tensor, ...]:
        seen.append(part(data[0]))
        return (seen[-1],)

    split = Split(embed, lambda outputs, _: (outputs[0].square().mean(), {}))
    cached.backward(split, accelerator_of(CONFIG), module, (torch.randn(6, 3),), 2, 1.0, torch.manual_seed)
    assert all(torch.equal(a, b.detach()) for a, b in zip(seen[:3], seen[3:], strict=True))
    assert not torch.equal(seen[0] == 0, seen[1] == 0)


def test_a_run_with_it_is_the_same_run(tmp_path) -> None:
    plain = train(tmp_path / "plain")
    parts = train(tmp_path / "parts", CONFIG.model_copy(update={"cache": 5}))
    for a, b in zip(plain.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
    for a, b in zip(*(rows(tmp_path / name / "metrics.jsonl") for name in ("plain", "parts")), strict=True):
        assert a.get("loss", 0.0) == pytest.approx(b.get("loss", 0.0), rel=1e-4)
