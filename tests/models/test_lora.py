"""Low-rank adapters: nothing changes until they are trained, only they are trained, merged and saved they answer the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("peft", reason="adapters need the extra [train]")

from geoglot.core.errors import InputError, ModelError
from geoglot.models import lora
from geoglot.models.lora import LoraConfig
from geoglot.nn.batch import ImageBatch
from nano_kit import tiny_nano

IDS, MASK = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]]), torch.tensor([[True] * 4, [True, True, True, False]])


def vectors(model: nn.Module) -> tuple[Tensor, Tensor]:
    pixels = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.features(ImageBatch.of(pixels)).pooled, model.text(IDS, MASK)


def learn(model: nn.Module, steps: int = 4) -> None:
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 1.0)
    pixels = torch.rand(2, 3, 32, 32)
    for _ in range(steps):
        image, text = model.features(ImageBatch.of(pixels)).pooled, model.text(IDS, MASK)
        optimiser.zero_grad()
        (image * text).sum().backward()
        optimiser.step()


@pytest.mark.parametrize("targets", [(), ("query", "value"), ("conv1", "conv2", "up")])
def test_train_merge_save(targets: tuple[str, ...], tmp_path: Path) -> None:
    model, names = tiny_nano(), set(tiny_nano().state_dict())
    before, frozen = vectors(model), {k: v.clone() for k, v in model.state_dict().items()}
    handle = lora.wrap(model, LoraConfig(rank=2, alpha=4, targets=targets))
    assert all("lora_" in name for name, p in model.named_parameters() if p.requires_grad)
    assert all(torch.equal(a, b) for a, b in zip(vectors(model), before, strict=True))
    learn(model)
    model.eval()
    trained = vectors(model)
    assert any(float((a - b).abs().max()) > 1e-4 for a, b in zip(trained, before, strict=True))
    lora.save(handle, tmp_path / "adapters")
    lora.merge(handle)
    assert set(model.state_dict()) == names
    for a, b in zip(vectors(model), trained, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    fresh = tiny_nano()
    fresh.load_state_dict(frozen)
    restored = lora.restore(fresh, tmp_path / "adapters")
    for a, b in zip(vectors(lora.merge(restored)), trained, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ends in nothing_like_this"):
        lora.wrap(tiny_nano(), LoraConfig(targets=("nothing_like_this",)))
    with pytest.raises(ModelError, match=r"adapter_config\.json"):
        lora.restore(tiny_nano(), tmp_path)
