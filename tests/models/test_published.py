"""Published checkpoints against open_clip's and transformers' own outputs, and the ways in which they go wrong."""

import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from geoglot import models
from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NetworkError, NotFoundError
from geoglot.models import catalogue, open_clip, published
from geoglot.nn.batch import ImageBatch
from published_kit import COMMIT, GOLDENS, TEXTS, Exact, Shell, config, golden, hub, images, state

CASES = [("vit", "vit_gelu", "gelu"), ("vit", "vit_quickgelu", "quick_gelu"), ("resnet", "resnet", "quick_gelu")]


def opened(path, activation=None, dtype="float32"):
    return models.load(path, device="cpu", dtype=dtype, activation=activation)


def check(model, name, tolerance=1e-4):
    expected = golden(name)
    image, text = model.image(images(name)), model.text(TEXTS)
    assert np.abs(image.numpy() - expected["image_features"]).max() < tolerance
    assert np.abs(text.numpy() - expected["text_features"]).max() < tolerance
    return image


@pytest.mark.parametrize(("weights", "name", "activation"), CASES)
def test_goldens(weights, name, activation):
    model = opened(GOLDENS / f"open_clip_{weights}.pt", activation)
    image = check(model, name)
    torch.testing.assert_close(image.norm(dim=1), torch.ones(3))
    cells = model.dense(images(name))
    side = 4 if weights == "vit" else 2
    assert cells.shape == (3, side, side, 64)
    torch.testing.assert_close(cells.norm(dim=-1), torch.ones(3, side, side))
    assert (model.spec.dim, model.spec.size, model.spec.activation) == (64, 64, activation)


@pytest.mark.parametrize("form", ["safetensors", "wrapped", "nested", "archive", "folder"])
def test_goldens_in_every_form(tmp_path, form):
    tensors, path, name = state("vit"), tmp_path / "a.pt", "vit_quickgelu"
    if form == "safetensors":
        path = tmp_path / "a.safetensors"
        save_file(tensors, path)
        config(tmp_path, name)
    elif form == "wrapped":
        torch.save({"epoch": 1, "state_dict": {f"module.{key}": value.float() for key, value in tensors.items()}}, path)
        config(tmp_path, name)
    elif form == "nested":
        torch.save(
            {key if key.startswith("visual") or key == "logit_scale" else f"text.{key}": v for key, v in tensors.items()}, path
        )
        config(tmp_path, name)
    elif form == "archive":
        torch.jit.save(torch.jit.trace(Shell(tensors | {"context_length": torch.tensor(77)}), torch.rand(2)), path)
        config(tmp_path, name)
    else:
        save_file(tensors, tmp_path / "open_clip_model.safetensors")
        config(tmp_path, name)
        path = tmp_path
    check(opened(path), name)


def test_bfloat16_is_near():
    check(opened(GOLDENS / "open_clip_resnet.pt", dtype="bfloat16"), "resnet", 0.03)
    check(opened(GOLDENS / "open_clip_vit.pt", "gelu", dtype="bfloat16"), "vit_gelu", 0.03)


def test_activation_is_asked_for_and_not_guessed(tmp_path):
    with pytest.raises(InputError, match="does not say whether"):
        opened(GOLDENS / "open_clip_vit.pt")
    with pytest.raises(InputError, match="not known: use gelu"):
        opened(GOLDENS / "open_clip_vit.pt", "relu")


def test_activation_of_an_archive_is_read(tmp_path):
    wide = {name: torch.zeros(shape) for name, shape in shapes(64, 32, 1, 64).items()}
    for kind, activation in ((Shell, "quick_gelu"), (Exact, "gelu")):
        torch.jit.save(torch.jit.trace(kind(wide), torch.rand(2)), tmp_path / f"{activation}.pt")
        assert opened(tmp_path / f"{activation}.pt").spec.activation == activation


def shapes(width, patch, layers, text_width, dim=32, cells=4, vocabulary=49408):
    """Shapes of a vision transformer checkpoint of open_clip."""
    result = {
        "positional_embedding": (77, text_width),
        "text_projection": (text_width, dim),
        "logit_scale": (),
        "token_embedding.weight": (vocabulary, text_width),
        "visual.class_embedding": (width,),
        "visual.positional_embedding": (cells + 1, width),
        "visual.proj": (width, dim),
        "visual.conv1.weight": (width, 3, patch, patch),
    }
    for name, size in (("ln_final", text_width), ("visual.ln_pre", width), ("visual.ln_post", width)):
        result |= {f"{name}.weight": (size,), f"{name}.bias": (size,)}
    for start, size in (("", text_width), ("visual.", width)):
        for number in range(layers):
            block = f"{start}transformer.resblocks.{number}."
            result |= {f"{block}attn.in_proj_weight": (3 * size, size), f"{block}attn.in_proj_bias": (3 * size,)}
            for name, out, into in (("attn.out_proj", size, size), ("mlp.c_fc", 4 * size, size), ("mlp.c_proj", size, 4 * size)):
                result |= {f"{block}{name}.weight": (out, into), f"{block}{name}.bias": (out,)}
            for name in ("ln_1", "ln_2"):
                result |= {f"{block}{name}.weight": (size,), f"{block}{name}.bias": (size,)}
    return result


@pytest.mark.parametrize(
    ("width", "patch", "text_width", "cells", "heads", "size"),
    [(768, 32, 512, 49, 12, 224), (1024, 14, 768, 576, 16, 336), (1280, 14, 1024, 256, 16, 224), (1408, 14, 1024, 256, 16, 224)],
)
def test_sizes_of_published_towers(tmp_path, width, patch, text_width, cells, heads, size):
    with torch.device("meta"):
        tensors = {name: torch.empty(shape) for name, shape in shapes(width, patch, 2, text_width, 512, cells).items()}
    found = open_clip.infer(tensors, open_clip.Hints(), tmp_path)
    assert (found.heads, found.text_heads, found.size, found.dim, found.layers) == (heads, text_width // 64, size, 512, (2,))


def test_sizes_of_rn50(tmp_path):
    from geoglot.encoders.clip_resnet import ClipResNet, ClipResNetConfig

    with torch.device("meta"):
        visual = {f"visual.{name}": value for name, value in ClipResNet(ClipResNetConfig()).state_dict().items()}
        text = {
            name: torch.empty(shape) for name, shape in shapes(64, 32, 1, 512, 1024).items() if not name.startswith("visual.")
        }
    found = open_clip.infer(visual | text, open_clip.Hints(), tmp_path)
    assert (found.dim, found.size, found.heads, found.layers, found.width) == (1024, 224, 32, (3, 4, 6, 3), 64)


@pytest.mark.parametrize("harm", ["missing", "extra", "shape", "no text", "narrow", "timm"])
def test_checkpoints_that_do_not_fit(tmp_path, harm):
    tensors, error = state("vit"), ModelMismatchError
    name = "visual.transformer.resblocks.1.mlp.c_fc.weight"
    if harm == "missing":
        del tensors[name]
    elif harm == "extra":
        tensors["visual.extra.weight"] = torch.ones(3)
    elif harm == "shape":
        tensors[name] = torch.ones(7, 128)
    elif harm == "no text":
        tensors = {key: value for key, value in tensors.items() if key.startswith("visual")}
    elif harm == "timm":
        tensors, error = {"visual.trunk.stem.weight": torch.ones(3)} | tensors, ModelError
    if harm != "narrow":
        config(tmp_path, "vit_gelu")
    else:
        error = ModelError
    torch.save(tensors, tmp_path / "a.pt")
    with pytest.raises(error, match=r"a\.pt"):
        opened(tmp_path / "a.pt", "gelu")


def test_masked_pixels_change_nothing():
    model = opened(GOLDENS / "open_clip_vit.pt", "gelu")
    pixels = images("vit_gelu").pixels
    valid = torch.ones(3, 64, 64, dtype=torch.bool)
    valid[:, :20, :30] = False
    noisy = torch.where(valid[:, None], pixels, torch.full_like(pixels, torch.nan))
    assert torch.equal(model.image(ImageBatch.of(pixels, valid)), model.image(ImageBatch.of(noisy, valid)))
    assert torch.equal(model.dense(ImageBatch.of(pixels, valid)), model.dense(ImageBatch.of(noisy, valid)))


def test_other_sizes_and_batches():
    model = opened(GOLDENS / "open_clip_resnet.pt")
    batch = images("resnet")
    large = F.interpolate(batch.pixels, (128, 128), mode="nearest")
    assert (model.image(ImageBatch.of(large)) * model.image(batch)).sum(1).min() > 0.95
    model.chunk = 2
    check(model, "resnet")
    for wrong, match in ((batch.pixels[:, :2], "bands"), (batch.pixels[:0], "empty")):
        with pytest.raises(InputError, match=match):
            model.image(ImageBatch.of(wrong))
    with pytest.raises(InputError, match="no text"):
        model.text([])


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """A transformers CLIP folder with the golden weights."""
    folder = tmp_path_factory.mktemp("clip")
    opened(GOLDENS / "open_clip_vit.pt", "quick_gelu").towers.model.save_pretrained(folder)
    return folder


def test_transformers_clip(clip_folder):
    model = opened(clip_folder)
    check(model, "vit_quickgelu")
    assert model.spec.activation == "quick_gelu"
    check(opened(clip_folder, "gelu"), "vit_gelu")


def test_transformers_folders_that_do_not_fit(clip_folder, tmp_path):
    from safetensors.torch import load_file

    for name in ("short", "missing", "shape", "kind"):
        shutil.copytree(clip_folder, tmp_path / name)
    weights = (tmp_path / "short" / "model.safetensors").read_bytes()
    (tmp_path / "short" / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    tensors = load_file(tmp_path / "missing" / "model.safetensors")
    bias = tensors.pop("vision_model.post_layernorm.bias")
    save_file(tensors, tmp_path / "missing" / "model.safetensors", {"format": "pt"})
    save_file(
        tensors | {"vision_model.post_layernorm.bias": bias[:5].clone()},
        tmp_path / "shape" / "model.safetensors",
        {"format": "pt"},
    )
    (tmp_path / "kind" / "config.json").write_text('{"model_type": "bert"}')
    for name in ("short", "missing", "shape", "kind"):
        with pytest.raises(ModelError, match=name):
            opened(tmp_path / name)
    (tmp_path / "bare").mkdir()
    with pytest.raises(ModelError, match=r"neither config\.json"):
        opened(tmp_path / "bare")


@pytest.fixture(scope="module")
def siglip_folder(tmp_path_factory):
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("siglip")
    side = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = side | {"vocab_size": 30, "max_position_embeddings": 8, "projection_size": 32, "bos_token_id": 1, "eos_token_id": 2}
    settings = SiglipConfig(text_config=text, vision_config=side | {"image_size": 32, "patch_size": 8})
    SiglipModel(settings).save_pretrained(folder)
    words = Tokenizer(kinds.WordLevel({"<pad>": 0, "<unk>": 1, "water": 2, "ships": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)
    return folder


def test_siglip(siglip_folder):
    from transformers import SiglipModel

    model = opened(siglip_folder)
    reference = SiglipModel.from_pretrained(siglip_folder).eval()
    pixels = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        seen = reference.vision_model(pixel_values=(pixels - 0.5) / 0.5).pooler_output
        read = reference.text_model(input_ids=torch.tensor([[2, 3] + [0] * 6])).pooler_output
    torch.testing.assert_close(model.image(ImageBatch.of(pixels)), F.normalize(seen, dim=-1))
    torch.testing.assert_close(model.text(["Water  SHIPS"]), F.normalize(read, dim=-1))
    assert model.dense(ImageBatch.of(pixels)).shape == (2, 4, 4, 32)
    assert model.spec.mean == (0.5, 0.5, 0.5)
    with pytest.raises(InputError, match="leave activation out"):
        opened(siglip_folder, "gelu")


def test_names_that_do_not_exist(tmp_path):
    with pytest.raises(NotFoundError, match="Did you mean remoteclip-vit-b-32"):
        models.load("remoteclip-vit-b32")
    with pytest.raises(NotFoundError, match="check the path"):
        models.load(tmp_path / "none.pt")
    with pytest.raises(NotFoundError, match="There are"):
        models.load("qqqq")


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """No hub, and empty folders for what is fetched."""
    monkeypatch.setenv("GEOGLOT_MODELS", str(tmp_path / "by-hand"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path


def small(name):
    """A catalogue entry whose sizes are those of the golden weights."""
    from dataclasses import replace

    return replace(catalogue.CATALOGUE[name], dim=64, size=64)


@pytest.mark.parametrize("name", [entry.name for entry in catalogue.ENTRIES] + ["owner/name"])
def test_no_network_says_how_to_fetch_by_hand(alone, monkeypatch, name):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(NetworkError, match=r"(?s)by hand.*path") as error:
        models.load(name)
    entry = catalogue.entry(name)
    assert (entry.origin if entry else "huggingface.co/owner/name") in str(error.value)
    assert entry is None or str(alone / "by-hand" / name) in str(error.value)


def test_file_fetched_by_hand(alone, monkeypatch):
    from geoglot.models.hub import by_hand, on_disk

    entry = small("remoteclip-rn50")
    assert on_disk(entry) is None
    monkeypatch.setitem(catalogue.CATALOGUE, entry.name, entry)
    by_hand(entry).parent.mkdir(parents=True)
    shutil.copy(GOLDENS / "open_clip_resnet.json", by_hand(entry).with_suffix(".json"))
    shutil.copy(GOLDENS / "open_clip_resnet.pt", by_hand(entry))
    assert on_disk(entry) == by_hand(entry)
    model = opened("RemoteCLIP-RN50")
    check(model, "resnet")
    assert model.spec.name == "remoteclip-rn50@bf1d8a3ccf2d"
    assert model.spec.licence == entry.licence


def test_wrong_file_under_a_known_name(alone):
    shutil.copy(GOLDENS / "open_clip_resnet.json", alone / "RemoteCLIP-RN50.json")
    shutil.copy(GOLDENS / "open_clip_resnet.pt", alone / "RemoteCLIP-RN50.pt")
    with pytest.raises(ModelMismatchError, match="is not remoteclip-rn50"):
        opened(alone / "RemoteCLIP-RN50.pt")


def test_hub_file_and_folder(alone, monkeypatch, clip_folder):
    entry = small("remoteclip-rn50")
    monkeypatch.setitem(catalogue.CATALOGUE, entry.name, entry)
    (alone / "hub" / "chendelong" / "RemoteCLIP").mkdir(parents=True)
    wide = {name: torch.rand(shape) * 0.02 for name, shape in shapes(64, 32, 1, 64, 64).items()}
    torch.save(wide, alone / "hub" / "chendelong" / "RemoteCLIP" / "RemoteCLIP-RN50.pt")
    shutil.copytree(clip_folder, alone / "hub" / "owner" / "name")
    (alone / "hub" / "owner" / "name" / "flax_model.msgpack").write_bytes(b"unwanted")
    with hub(alone / "hub") as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        by_name = opened("remoteclip-rn50")
        assert by_name.spec.activation == "quick_gelu"
        folder = opened("owner/name")
        check(folder, "vit_quickgelu")
        assert folder.spec.name == f"owner/name@{COMMIT[:12]}"
        path, _, _ = published.locate("owner/name")
        assert not (path / "flax_model.msgpack").exists()
        with pytest.raises(NotFoundError, match="does not exist"):
            opened("owner/none")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert opened("owner/name").spec.hash == folder.spec.hash
    assert opened("remoteclip-rn50").spec.hash == by_name.spec.hash


def test_zip_elsewhere(alone, monkeypatch):
    import zipfile
    from dataclasses import replace

    wide = {f"module.{name}": torch.rand(shape) * 0.02 for name, shape in shapes(64, 32, 1, 64, 64).items()}
    torch.save({"epoch": 20, "state_dict": wide}, alone / "epoch_20.pt")
    with zipfile.ZipFile(alone / "SkyCLIP.zip", "w") as archive:
        archive.write(alone / "epoch_20.pt", "SkyCLIP/epoch_20.pt")
    with hub(alone) as address:
        entry = replace(small("skyclip-vit-b-32"), url=f"{address}/SkyCLIP.zip")
        monkeypatch.setitem(catalogue.CATALOGUE, entry.name, entry)
        first = opened("skyclip-vit-b-32")
    assert first.spec.activation == "gelu"
    assert opened("skyclip-vit-b-32").spec.hash == first.spec.hash
    assert not list((alone / "by-hand").rglob("*.part"))


def test_text_encoder_of_an_archive(tmp_path):
    shutil.copy(GOLDENS / "open_clip_vit.pt", tmp_path / "a.pt")
    config(tmp_path, "vit_quickgelu")
    spec = opened(tmp_path / "a.pt").spec
    text = models.text_encoder(spec).text(TEXTS)
    assert np.abs(np.asarray(text) - golden("vit_quickgelu")["text_features"]).max() < 1e-4
    assert models.spec(tmp_path / "a.pt") == spec
    torch.save(state("vit") | {"logit_scale": torch.tensor(1.0)}, tmp_path / "a.pt")
    assert models.text_encoder(spec).spec.hash != spec.hash


def test_catalogue_is_whole():
    for entry in catalogue.ENTRIES:
        assert entry.activation in open_clip.ACTIVATIONS
        assert entry.evidence
        assert entry.licence
        assert (entry.repo is None) != (entry.url is None)
        assert entry.revision is None or len(entry.revision) == 40
        assert entry.origin.startswith("https://")
    names = {entry.name for entry in catalogue.ENTRIES}
    assert names >= {f"remoteclip-{size}" for size in ("rn50", "vit-b-32", "vit-l-14")}
    assert names >= {f"georsclip-vit-{size}" for size in ("b-32", "l-14", "l-14-336", "h-14")}
    assert names >= {"skyclip-vit-b-32", "skyclip-vit-l-14"}
