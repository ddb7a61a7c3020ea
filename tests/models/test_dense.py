"""Cells of vision transformers, computed anew from the weights of small random checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from geoglot import models
from geoglot.core.errors import InputError, ModelError
from geoglot.models import decoder
from geoglot.models.decoder import DecoderCard
from geoglot.models.dense import VARIANTS, variant_of
from geoglot.nn.batch import ImageBatch
from geoglot.nn.decoder import Decoder, DecoderConfig
from geoglot.tasks.segment import segment
from published_kit import GOLDENS

SIZE, PATCH, WIDTH, HEADS, DEEP, OUT = 32, 8, 24, 3, 3, 20


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    side = {"hidden_size": WIDTH, "intermediate_size": 40, "num_hidden_layers": DEEP, "num_attention_heads": HEADS}
    settings = CLIPConfig(
        text_config=side | {"vocab_size": 49408, "max_position_embeddings": 12},
        vision_config=side | {"image_size": SIZE, "patch_size": PATCH, "hidden_act": "quick_gelu"},
        projection_dim=OUT,
    )
    return saved(CLIPModel(settings), tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("siglip")
    side = {"hidden_size": WIDTH, "intermediate_size": 40, "num_hidden_layers": DEEP, "num_attention_heads": HEADS}
    text = side | {"vocab_size": 9, "max_position_embeddings": 8, "projection_size": WIDTH, "bos_token_id": 1, "eos_token_id": 2}
    words = Tokenizer(kinds.WordLevel({"<pad>": 0, "<unk>": 1, "water": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)
    return saved(
        SiglipModel(SiglipConfig(text_config=text, vision_config=side | {"image_size": SIZE, "patch_size": PATCH})), folder
    )


def saved(model: Any, folder: Path) -> Path:
    for parameter in model.parameters():  # fresh weights are so small that attention is all the same
        parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


def linear(p: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def norm(p: dict[str, Tensor], name: str, x: Tensor, eps: float) -> Tensor:
    middle = x - x.mean(-1, keepdim=True)
    return middle / (middle.square().mean(-1, keepdim=True) + eps).sqrt() * p[f"{name}.weight"] + p[f"{name}.bias"]


def attention(p: dict[str, Tensor], name: str, x: Tensor, kind: str) -> Tensor:
    """Attention one head and one token at a time, with the loops that the definition has."""
    q, k, v = (linear(p, f"{name}.{part}_proj", x) for part in "qkv")
    out, wide = torch.zeros_like(v), WIDTH // HEADS
    for at in range(0, WIDTH, wide):
        some = slice(at, at + wide)
        for row in range(len(x)):
            pairs = {"plain": [(q, k)], "segearth": [(q, q), (k, k), (v, v)], "maskclip": []}[kind]
            for a, b in pairs:
                weight = torch.softmax(torch.stack([(a[row, some] * other[some]).sum() for other in b]) / wide**0.5, 0)
                out[row, some] += (weight[:, None] * v[:, some]).sum(0)
            if kind == "maskclip":
                out[row, some] = v[row, some]
    return linear(p, f"{name}.out_proj", out)


def expected(p: dict[str, Tensor], pixels: Tensor, variant: str, family: str, eps: float) -> tuple[Tensor, Tensor]:
    """Pooled vector and cells of one normalised picture (3, H, W), none of them unit."""
    v, gelu = "vision_model.", {"clip": lambda x: x * torch.sigmoid(1.702 * x), "siglip": lambda x: F.gelu(x, approximate="tanh")}
    h, w = pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
    kernel = p[f"{v}embeddings.patch_embedding.weight"].flatten(1)
    patches = [pixels[:, PATCH * i : PATCH * (i + 1), PATCH * j : PATCH * (j + 1)].flatten() for i in range(h) for j in range(w)]
    x = torch.stack(patches) @ kernel.T
    places = p[f"{v}embeddings.position_embedding.weight"]
    own = SIZE // PATCH
    grid = places[-own * own :]
    if (h, w) != (own, own):
        grid = F.interpolate(grid.T.reshape(1, -1, own, own), (h, w), mode="bicubic")[0].flatten(1).T
    if family == "clip":
        x = torch.cat([p[f"{v}embeddings.class_embedding"][None], x]) + torch.cat([places[:1], grid])
        x = norm(p, f"{v}pre_layrnorm", x, eps)
    else:
        x = x + p[f"{v}embeddings.patch_embedding.bias"] + grid
    for layer in range(DEEP):
        name, before = f"{v}encoder.layers.{layer}", x
        x = x + attention(p, f"{name}.self_attn", norm(p, f"{name}.layer_norm1", x, eps), "plain")
        x = x + linear(p, f"{name}.mlp.fc2", gelu[family](linear(p, f"{name}.mlp.fc1", norm(p, f"{name}.layer_norm2", x, eps))))
    cells = x if variant == "tokens" else attention(p, f"{name}.self_attn", norm(p, f"{name}.layer_norm1", before, eps), variant)
    x, cells = (norm(p, f"{v}post_layernorm", part, eps) for part in (x, cells))
    if family == "clip":
        return x[0] @ p["visual_projection.weight"].T, cells[1:] @ p["visual_projection.weight"].T
    return head(p, x, eps), torch.stack([head(p, cell[None], eps) for cell in cells])


def head(p: dict[str, Tensor], x: Tensor, eps: float) -> Tensor:
    """SigLIP's pooling of tokens (N, C): one query attends to them all."""
    name = "vision_model.head"
    weight, bias = p[f"{name}.attention.in_proj_weight"].chunk(3), p[f"{name}.attention.in_proj_bias"].chunk(3)
    q, k, v = (part @ w.T + b for part, w, b in zip((p[f"{name}.probe"][0, 0], x, x), weight, bias, strict=True))
    wide, parts = WIDTH // HEADS, []
    for at in range(0, WIDTH, wide):
        share = torch.softmax(k[:, at : at + wide] @ q[at : at + wide] / wide**0.5, 0)
        parts.append(share @ v[:, at : at + wide])
    y = linear(p, f"{name}.attention.out_proj", torch.cat(parts))
    inner = F.gelu(linear(p, f"{name}.mlp.fc1", norm(p, f"{name}.layernorm", y, eps)), approximate="tanh")
    return y + linear(p, f"{name}.mlp.fc2", inner)


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("shape", [(32, 32), (40, 24)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_against_the_definition(request: pytest.FixtureRequest, family: str, shape: tuple[int, int], variant: Any) -> None:
    folder = request.getfixturevalue(family)
    model: Any = models.load(folder, device="cpu", dtype="float32")
    torch.manual_seed(2)
    batch = ImageBatch.of(torch.rand(2, 3, *shape))
    found = model.seen(batch, variant)
    assert found.hw == (shape[0] // PATCH, shape[1] // PATCH)
    mean, std = (torch.tensor(v)[:, None, None] for v in (model.spec.mean, model.spec.std))
    weights = {name: value.clone() for name, value in model.towers.model.state_dict().items()}
    eps = model.towers.model.config.vision_config.layer_norm_eps
    for i in range(2):
        pooled, cells = expected(weights, (batch.pixels[i] - mean) / std, variant, family, eps)
        torch.testing.assert_close(found.pooled[i], F.normalize(pooled, dim=-1), atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(found.tokens[i], F.normalize(cells, dim=-1), atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(model.dense(batch, variant), found.map())
    if shape == (32, 32):
        torch.testing.assert_close(model.image(batch), found.pooled)
    assert model.cells.side == PATCH
    assert model.cells.bias == 0.3


def test_the_variants_differ_and_are_named(clip: Path) -> None:
    model: Any = models.load(clip, device="cpu", dtype="float32")
    batch = ImageBatch.of(torch.rand(1, 3, SIZE, SIZE))
    found = [model.dense(batch, variant) for variant in VARIANTS]
    assert all((a - b).abs().max() > 0.05 for a, b in ((found[0], found[1]), (found[1], found[2]), (found[0], found[2])))
    torch.testing.assert_close(model.dense(batch), found[VARIANTS.index("tokens")])
    with pytest.raises(InputError, match="segearth, maskclip, tokens"):
        variant_of("best")


def test_a_resnet_at_another_size() -> None:
    """A cell is its value in the attention pool; positions are interpolated."""
    model: Any = models.load(GOLDENS / "open_clip_resnet.pt", device="cpu", dtype="float32", activation="quick_gelu")
    assert (model.cells.side, model.cells.bias) == (32, 0.0)
    own = ImageBatch.of(torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(model.seen(own).pooled, model.image(own))
    batch = ImageBatch.of(torch.rand(2, 3, 96, 160))
    found = model.seen(batch, "segearth")
    assert found.hw == (3, 5)
    tower = model.towers.visual
    seen: dict[str, Tensor] = {}
    tower.layer4.register_forward_hook(lambda *given: seen.update(last=given[2]))
    pooled = model.seen(batch).pooled
    pool, last = tower.attnpool, seen["last"].flatten(2).transpose(1, 2)
    grid = pool.positional_embedding[1:].T.reshape(1, -1, 2, 2)
    places = F.interpolate(grid, (3, 5), mode="bicubic", align_corners=False)[0].flatten(1).T
    cells = linear(dict(pool.c_proj.named_parameters(prefix="c")), "c", pool.v_proj(last + places))
    torch.testing.assert_close(found.tokens, F.normalize(cells, dim=-1))
    assert (pooled.norm(dim=-1) - 1).abs().max() < 1e-5


def test_sizes_that_are_no_whole_cells_are_resized(clip: Path) -> None:
    model: Any = models.load(clip, device="cpu", dtype="float32")
    assert model.seen(ImageBatch.of(torch.rand(1, 3, 45, 33))).hw == (4, 4)


def test_masked_pixels_change_nothing(clip: Path) -> None:
    model: Any = models.load(clip, device="cpu", dtype="float32")
    pixels, valid = torch.rand(1, 3, 40, 40), torch.ones(1, 40, 40, dtype=torch.bool)
    valid[:, :13, 20:] = False
    noisy = torch.where(valid[:, None], pixels, torch.rand_like(pixels))
    for variant in VARIANTS:
        assert torch.equal(*(model.dense(ImageBatch.of(some, valid), variant) for some in (pixels, noisy)))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.parametrize("side", [SIZE, 2 * SIZE])
def test_depths_are_hidden_states_without_what_is_no_patch(kind: str, side: int, request: pytest.FixtureRequest) -> None:
    model = models.load(request.getfixturevalue(kind), dtype="float32")
    batch = ImageBatch.of(torch.rand(2, 3, side, side))
    assert model.levels == (0, 1)
    found = model.depths(batch, model.levels, "segearth")
    plain = model.seen(batch, "segearth")
    assert torch.allclose(found.cells, plain.map())
    assert torch.allclose(found.pooled, plain.pooled)
    vision = model.towers.model.vision_model  # type: ignore[attr-defined]
    pixels = (batch.pixels - model._mean) / model._std  # type: ignore[attr-defined]
    with torch.no_grad():
        hidden = vision(pixels, output_hidden_states=True, interpolate_pos_encoding=True).hidden_states
    cells = side // PATCH
    for level, made in zip(model.levels, found.maps, strict=True):
        wanted = hidden[level + 1][:, -(cells**2) :].transpose(1, 2).reshape(2, WIDTH, cells, cells)
        assert torch.allclose(made, wanted, atol=1e-5)
    with pytest.raises(ModelError, match="blocks, none of number 7"):
        model.depths(batch, (1, 7))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_decoder_draws_masks_with_a_transformer(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    model = models.load(request.getfixturevalue(kind), dtype="float32")
    made = Decoder(DecoderConfig(channels=(WIDTH, WIDTH), inner=(4, 8), blocks=(1, 1), up=2, dim=model.spec.dim))
    decoder.save(made, DecoderCard(model.spec.hash, model.levels, PATCH // 2), tmp_path / "d.safetensors", model.spec)
    rng = np.random.default_rng(0)
    picture = tmp_path / "scene.png"
    Image.fromarray(rng.integers(0, 255, (70, 90, 3), dtype=np.uint8)).save(picture)
    found = segment(model, picture, "water,forest", decoder=tmp_path / "d.safetensors", progress=False)
    assert found.shape == (70, 90)
    assert set(np.unique(found.read())) <= {1, 2}


def test_stages_of_a_clip_resnet_are_depths() -> None:
    model = models.load(GOLDENS / "open_clip_resnet.pt", dtype="float32", activation="gelu")
    batch = ImageBatch.of(torch.rand(1, 3, 64, 64))
    found = model.depths(batch, model.levels)
    assert model.levels == (1, 2, 3)
    assert [level.shape[-1] for level in found.maps] == [8, 4, 2]
    assert torch.allclose(found.cells, model.dense(batch), atol=1e-6)
