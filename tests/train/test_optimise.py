"""Schedules, groups of parameters, the running average, and parts of batches."""

from __future__ import annotations

import pytest
import torch
from torch import nn

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from geoglot.core.errors import ConfigError
from geoglot.nn.batch import ImageBatch
from geoglot.train import batches
from geoglot.train.config import TrainConfig
from geoglot.train.optimise import Average, Group, layerwise, optimiser_of
from geoglot.train.schedules import rate


def test_rate_warms_up_and_falls_to_zero() -> None:
    config = TrainConfig(steps=100, warmup=10)
    assert rate(0, config) == pytest.approx(0.1)
    assert rate(9, config) == pytest.approx(1.0)
    assert rate(55, config) == pytest.approx(0.5)
    assert rate(100, config) == pytest.approx(0.0)


def test_average_is_put_in_and_taken_out() -> None:
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(0.0)
    average = Average(module, 0.5)
    module.weight.data.fill_(1.0)
    average.update(module, 1000)
    with average.applied(module):
        assert module.weight.item() == 0.5
    assert module.weight.item() == 1.0


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", {10: 1.0, 55: 0.55, 100: 0.1}),
        ("constant", {10: 1.0, 99: 1.0}),
        ("wsd", {10: 1.0, 80: 1.0, 90: 0.55, 100: 0.1}),
        ("one_cycle", {0: 1 / 25 + 24 / 25 * 0.0244717, 9: 1.0, 55: 0.55, 100: 0.1}),
        ("cosine", {0: 0.1, 55: 0.55, 100: 0.1}),
    ],
)
def test_schedules(schedule: str, expected: dict[int, float]) -> None:
    config = TrainConfig(steps=100, warmup=10, schedule=schedule, floor=0.1)
    assert {step: rate(step, config) for step in expected} == pytest.approx(expected, abs=1e-6)
    assert all(0 < rate(step, config) <= 1 for step in range(100))


def test_norms_and_biases_do_not_decay() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    made = optimiser_of([Group(list(module.parameters()), 0.1)], TrainConfig(weight_decay=0.3))
    assert [(len(group["params"]), group["weight_decay"]) for group in made.param_groups] == [(1, 0.3), (3, 0.0)]
    before = module[0].weight.detach().clone()
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    made.step()
    torch.testing.assert_close(module[0].weight, before * (1 - 0.1 * 0.3))
    assert torch.equal(module[1].weight, torch.ones(4))


def test_rates_fall_with_depth() -> None:
    module = nn.Module()
    module.embeddings = nn.Embedding(3, 2)
    module.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    module.head = nn.Linear(2, 2)
    module.layers[0].bias.requires_grad_(False)
    rates = {id(p): group.lr for group in layerwise(module, 1.0, 0.5) for p in group.parameters}
    assert rates[id(module.head.weight)] == 1.0
    assert [rates[id(layer.weight)] for layer in module.layers] == [0.25, 0.5, 1.0]
    assert rates[id(module.embeddings.weight)] == 0.125
    assert id(module.layers[0].bias) not in rates
    assert len(rates) == 8


def test_layers_of_published_towers_are_found() -> None:
    from transformers import CLIPConfig, CLIPModel

    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = CLIPModel(CLIPConfig(text_config=sizes | {"vocab_size": 9}, vision_config=sizes | {"image_size": 8, "patch_size": 4}))
    rates = {id(p): group.lr for group in layerwise(model, 1.0, 0.5) for p in group.parameters}
    found = {name: rates[id(p)] for name, p in model.named_parameters()}
    assert found["vision_model.embeddings.patch_embedding.weight"] == found["vision_model.pre_layrnorm.weight"] == 0.25
    assert found["vision_model.encoder.layers.0.self_attn.q_proj.weight"] == 0.5
    assert found["text_model.encoder.layers.1.mlp.fc1.bias"] == 1.0
    assert found["visual_projection.weight"] == found["text_model.final_layer_norm.weight"] == 1.0


def test_rows_of_nested_batches() -> None:
    images = ImageBatch.of(torch.arange(4.0)[:, None, None, None].expand(4, 3, 2, 2))
    made = batches.rows((images, {"a": torch.arange(4), "names": list("wxyz")}, torch.tensor(7)), slice(1, 3))
    assert made[0].pixels[:, 0, 0, 0].tolist() == [1, 2]
    assert made[1]["a"].tolist() == [1, 2]
    assert made[1]["names"] == ["x", "y"]
    assert int(made[2]) == 7
    assert batches.count(made) == 2
    with pytest.raises(ConfigError, match="no tensors"):
        batches.count(("a", 3))
    with pytest.raises(ConfigError, match="tensors of 3, 4 rows cannot be cut"):
        batches.count((torch.zeros(4), torch.zeros(3, 2)))


def test_batches_ahead_stop_with_their_errors() -> None:
    def make(index: int) -> int:
        if index == 3:
            raise ConfigError("enough")
        return index

    stream = batches.ahead(make, 0, 6, 2)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ConfigError, match="enough"):
        next(stream)
