"""The fine-tuning recipe's own parts: shares of a batch, what learns, merging, SigLIP."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from run_kit import tiny_ucm

from geoglot.core.errors import ConfigError, InputError
from geoglot.data.augment import AugmentConfig
from geoglot.models import published
from geoglot.models.lora import LoraConfig
from geoglot.nn.batch import ImageBatch
from geoglot.zoo import finetune
from published_kit import GOLDENS

RECIPE = finetune.Recipe(
    sources=("ucm",), measures=("ucm",), side=64, batch=8, unit=2, augment=AugmentConfig(size=64), lora=LoraConfig(rank=3)
)


def model() -> published.PublishedModel:
    return published.open_published(GOLDENS / "open_clip_vit.pt", "cpu", "float32", "gelu")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> finetune.Stream:
    root = tiny_ucm(tmp_path_factory.mktemp("data"))
    recipe = RECIPE.model_copy(update={"root": str(root), "cache": str(root / "cache")})
    teach, held = finetune.material(recipe)
    assert len(held["ucm"]) == 4
    return finetune.Stream(teach, *finetune.token_table(model(), teach.texts), recipe)


def test_a_process_makes_its_rows_alone(stream: finetune.Stream) -> None:
    whole, parts = stream(5), [stream.part(5, rank, 2) for rank in range(2)]
    assert torch.equal(whole[0].pixels, torch.cat([part[0].pixels for part in parts]))
    assert torch.equal(whole[0].valid, torch.cat([part[0].valid for part in parts]))
    assert torch.equal(whole[2], torch.cat([part[2] for part in parts]))
    assert len(stream.names(5)) == 8
    assert not torch.equal(stream(6)[0].pixels, whole[0].pixels)
    with pytest.raises(ConfigError, match="8 does not divide into 3 x units of 2"):
        stream.part(5, 0, 3)


def test_short_texts_are_cut_without_a_change(stream: finetune.Stream) -> None:
    towers, ids = model().towers, stream(0)[1]
    full = stream.ids[stream(0)[2]]
    assert ids.shape[1] < full.shape[1]
    torch.testing.assert_close(towers.text(ids), towers.text(full), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tune", ["full", "lora", "adapter"])
def test_merged_it_answers_as_it_did_in_training(tune: str, stream: finetune.Stream) -> None:
    recipe = RECIPE.model_copy(update={"tune": tune})
    ready = model()
    pair = finetune.Pair(ready, recipe)
    learns = {name for name, p in pair.named_parameters() if p.requires_grad}
    assert "scale" in learns
    assert "towers.model.logit_scale" not in learns
    if tune != "full":
        assert all(("lora_" in name) or name.startswith("after.") for name in learns - {"scale"})
    assert {p for group in finetune.groups(pair, recipe) for p in group.parameters} == {
        p for p in pair.parameters() if p.requires_grad
    }
    with torch.no_grad():
        for name, parameter in pair.named_parameters():
            if name in learns:
                parameter += 0.02 * torch.randn_like(parameter)
        batch = ImageBatch.of(torch.rand(2, 3, 64, 64))
        image, text, scale = pair.eval()(batch, stream.ids[:2])
        pair.merged()
    torch.testing.assert_close(ready.image(batch), image, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ready.text(stream.material.texts[:2]), text, atol=1e-5, rtol=1e-4)
    assert float(ready.towers.model.logit_scale.exp()) == pytest.approx(float(scale), rel=1e-4)


def test_siglip_towers(tmp_path: Path) -> None:
    from transformers import SiglipConfig, SiglipModel

    from geoglot.models.towers import SiglipTowers

    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = sizes | {"vocab_size": 20, "max_position_embeddings": 5, "projection_size": 8}
    ready = model()
    ready.towers = SiglipTowers(
        SiglipModel(SiglipConfig(text_config=text, vision_config=sizes | {"image_size": 64, "patch_size": 16}))
    )
    batch, ids = ImageBatch.of(torch.rand(2, 3, 64, 64)), torch.randint(0, 20, (2, 5))
    pair = finetune.Pair(ready, RECIPE.model_copy(update={"tune": "lora", "objective": "siglip"}))
    outputs = pair(batch, ids)
    value, report = finetune.compare(RECIPE.model_copy(update={"objective": "siglip"}), outputs, (batch, ids, torch.arange(2)))
    value.backward()
    assert all(p.grad is not None for p in pair.parameters() if p.requires_grad)
    assert report["scale"] == pytest.approx(10.0)
    with pytest.raises(InputError, match="tune='lora'"):
        finetune.Pair(ready, RECIPE.model_copy(update={"tune": "adapter"}))
