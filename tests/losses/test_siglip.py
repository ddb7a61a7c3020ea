"""SigLIP against its formula written out pair by pair."""

import math

import pytest
import torch
import torch.nn.functional as F

from geoglot.losses.siglip import siglip


@pytest.mark.parametrize("same", [[0, 1, 2, 3], [0, 0, 1, 2]])
def test_pair_by_pair(same: list[int]) -> None:
    torch.manual_seed(0)
    image, text = (F.normalize(torch.randn(4, 8), dim=-1) for _ in range(2))
    scale, bias = 7.0, -3.0
    total = 0.0
    for i in range(4):
        for j in range(4):
            z = 1 if same[i] == same[j] else -1
            total += math.log(1 + math.exp(-z * (scale * float(image[i] @ text[j]) + bias)))
    found = siglip(image, text, torch.tensor(scale), torch.tensor(bias), torch.tensor(same))
    assert float(found) == pytest.approx(total / 4, rel=1e-5)


def test_agrees_with_transformers() -> None:
    transformers = pytest.importorskip("transformers", reason="the reference is in the extra [hub]")
    sizes = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = sizes | {"vocab_size": 20, "max_position_embeddings": 5, "projection_size": 8}
    torch.manual_seed(0)
    config = transformers.SiglipConfig(text_config=text, vision_config=sizes | {"image_size": 8, "patch_size": 4})
    model = transformers.SiglipModel(config).eval()
    model.logit_scale.data.fill_(1.2)
    model.logit_bias.data.fill_(-2.0)
    out = model(pixel_values=torch.rand(3, 3, 8, 8), input_ids=torch.randint(0, 20, (3, 5)), return_loss=True)
    found = siglip(out.image_embeds, out.text_embeds, model.logit_scale.exp(), model.logit_bias, torch.arange(3))
    torch.testing.assert_close(found, out.loss.reshape(()))
