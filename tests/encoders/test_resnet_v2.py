"""The folded tower against the unfolded one, written out with torch's own batch norms."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from geoglot.encoders.resnet_v2 import ResNetV2, ResNetV2Config, fold

CONFIG = ResNetV2Config(stem=8, widths=(16, 24), blocks=(2, 1))


def unfolded_state() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(1)
    state: dict[str, Tensor] = {}

    def conv(name: str, out: int, inner: int, side: int) -> None:
        state[f"{name}.weight"] = torch.randn(out, inner, side, side, generator=rng) / (inner * side**2) ** 0.5

    def norm(name: str, channels: int) -> None:
        for key, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            state[f"{name}.{key}"] = torch.rand(channels, generator=rng) + low

    conv("stem.conv", 8, 3, 7)
    norm("stem.norm", 8)
    inner = 8
    for i, (outer, count) in enumerate(zip(CONFIG.widths, CONFIG.blocks, strict=True)):
        for j in range(count):
            name = f"stages.{i}.blocks.{j}"
            norm(f"{name}.norm1", inner)
            conv(f"{name}.conv1", outer // 4, inner, 1)
            norm(f"{name}.norm2", outer // 4)
            conv(f"{name}.conv2", outer // 4, outer // 4, 3)
            norm(f"{name}.norm3", outer // 4)
            conv(f"{name}.conv3", outer, outer // 4, 1)
            if inner != outer:
                conv(f"{name}.downsample.conv", outer, inner, 1)
            inner = outer
    norm("norm", inner)
    return state


def unfolded(state: dict[str, Tensor], image: Tensor) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        w = [state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
        return F.relu(F.batch_norm(x, *w, training=False, eps=1e-5))

    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (CONFIG.mean, CONFIG.std))
    x = F.conv2d((image - mean) / std, state["stem.conv.weight"], stride=2, padding=3)
    x = F.max_pool2d(norm(x, "stem.norm"), 3, 2, 1)
    for i, count in enumerate(CONFIG.blocks):
        for j in range(count):
            name = f"stages.{i}.blocks.{j}"
            stride = 2 if i > 0 and j == 0 else 1
            p = norm(x, f"{name}.norm1")
            down = state.get(f"{name}.downsample.conv.weight")
            shortcut = x if down is None else F.conv2d(p, down, stride=stride)
            y = norm(F.conv2d(p, state[f"{name}.conv1.weight"]), f"{name}.norm2")
            y = norm(F.conv2d(y, state[f"{name}.conv2.weight"], stride=stride, padding=1), f"{name}.norm3")
            x = F.conv2d(y, state[f"{name}.conv3.weight"]) + shortcut
    return norm(x, "norm")


def test_folded_equals_unfolded() -> None:
    state = unfolded_state()
    model = ResNetV2(CONFIG).eval()
    model.load_state_dict(fold(state))
    image = torch.rand(2, 3, 40, 56)
    with torch.inference_mode():
        assert torch.allclose(model(image), unfolded(state, image), atol=1e-5)


def test_published_weights_give_the_published_map(real_data: Path) -> None:
    folder = real_data / "pretrained" / "resnetv2_50_gluon_stages1-3"
    from safetensors.torch import load_file

    model = ResNetV2(ResNetV2Config()).eval()
    model.load_state_dict(fold(load_file(folder / "model_fp16.safetensors")))
    check = np.load(folder / "check.npz")
    with torch.inference_mode():
        found = model(torch.from_numpy(check["image01"]).float()).numpy()
    assert np.abs(found - check["feature_map"]).max() < 1e-4
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(8.5e6, rel=0.02)


def test_any_size_and_invalid_pixels_do_not_matter() -> None:
    model = ResNetV2(CONFIG).eval()
    assert CONFIG.stride == 8
    assert model(torch.rand(1, 3, 33, 70)).shape == (1, 24, 5, 9)
    image, valid = torch.rand(1, 3, 32, 32), torch.ones(1, 32, 32, dtype=torch.bool)
    valid[:, :20] = False
    other = torch.where(valid[:, None], image, torch.full_like(image, float("nan")))
    assert torch.equal(model(image, valid), model(other, valid))


def test_frozen_stages_get_no_gradient() -> None:
    model = ResNetV2(CONFIG)
    model.freeze(1)
    model(torch.rand(1, 3, 32, 32)).mean().backward()
    assert model.stem.weight.grad is None
    assert all(p.grad is None for p in model.stages[0].parameters())
    assert all(p.grad is not None for p in model.stages[1].parameters())


def test_configuration_round_trip() -> None:
    assert ResNetV2Config.build(CONFIG.model_dump(mode="json")) == CONFIG
