"""Small random conversation models of published families, saved as folders, and pictures to ask about."""

from datetime import UTC, datetime

import numpy as np
import torch
from affine import Affine
from pyproj import CRS
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    InternVLConfig,
    InternVLForConditionalGeneration,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from geoglot.core.protocols import Said
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band

BANDS = tuple(Band(name, name) for name in ("red", "green", "blue"))
CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
QWEN = [*CHATML, "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>", "<|box_start|>", "<|box_end|>"]


def tokenizer(marks, eos, bos=None):
    """A tokenizer of bytes and some marks."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: k for k, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    whole = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=eos, pad_token=eos, bos_token=bos)
    whole.add_special_tokens({"additional_special_tokens": [mark for mark in marks if mark not in (eos, bos)]})
    return whole


def picture(height=40, width=56, seed=0, time=None, gsd=None):
    """A picture of blocks of colour."""
    rng = np.random.default_rng(seed)
    data = np.kron(rng.random((3, height // 8, width // 8), dtype=np.float32), np.ones((1, 8, 8), np.float32))
    grid = None if gsd is None else Grid(CRS.from_epsg(32631), Affine(gsd, 0, 500000, 0, -gsd, 5600000), (height, width))
    return Raster(data, np.ones((height, width), bool), grid, BANDS, time and datetime.fromisoformat(time).replace(tzinfo=UTC))


def asked(text="what is here?", pictures=(0,), before=()):
    return [*before, Said("user", text, pictures)]


def small(kind, words, seed=0, context=2048):
    """A model of a family, of random weights large enough that its answers differ."""
    torch.manual_seed(seed)
    text = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": len(words), "max_position_embeddings": context,
        "eos_token_id": words.eos_token_id, "bos_token_id": None, "pad_token_id": None,
    }  # fmt: skip
    of = words.convert_tokens_to_ids
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}
    marks = {}
    if kind.startswith("qwen"):
        marks = {
            "image_token_id": of("<|image_pad|>"), "video_token_id": of("<|video_pad|>"),
            "vision_start_token_id": of("<|vision_start|>"), "vision_end_token_id": of("<|vision_end|>"),
        }  # fmt: skip
    if kind == "llava":
        vision = CLIPVisionConfig(
            hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=28, patch_size=7
        )
        config = LlavaConfig(
            vision_config=vision.to_dict(), text_config=LlamaConfig(**text).to_dict(), image_token_index=of("<image>")
        )
        model = LlavaForConditionalGeneration(config)
    elif kind == "internvl":
        vision = {
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "image_size": [28, 28], "patch_size": [7, 7],
        }  # fmt: skip
        config = InternVLConfig(
            vision_config=vision, text_config={**text, "model_type": "qwen2"}, image_token_id=of("<IMG_CONTEXT>")
        )
        config.tie_word_embeddings = False
        model = InternVLForConditionalGeneration(config)
    elif kind == "qwen2_vl":
        vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "patch_size": 7, "mlp_ratio": 2}
        model = Qwen2VLForConditionalGeneration(
            Qwen2VLConfig(vision_config=vision, text_config={**text, "rope_parameters": rope}, **marks)
        )
    elif kind == "qwen2_5_vl":
        vision = {
            "depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "patch_size": 7, "intermediate_size": 64,
            "window_size": 28, "fullatt_block_indexes": [1],
        }  # fmt: skip
        model = Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(vision_config=vision, text_config={**text, "rope_parameters": rope}, **marks)
        )
    else:
        vision = {
            "depth": 3, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "patch_size": 7, "intermediate_size": 64,
            "num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1],
        }  # fmt: skip
        more = {"rope_parameters": {**rope, "mrope_interleaved": True}, "head_dim": 8}
        model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(vision_config=vision, text_config={**text, **more}, **marks))
    with torch.no_grad():
        for value in model.parameters():
            if value.ndim > 1:
                value.mul_(6)
    model.generation_config.eos_token_id = words.eos_token_id
    return model.eval()


def words_of(kind):
    if kind == "llava":
        return tokenizer(["<image>"], "</s>", "<s>")
    if kind == "internvl":
        return tokenizer([*CHATML, "<img>", "</img>", "<IMG_CONTEXT>"], "<|im_end|>")
    return tokenizer(QWEN, "<|im_end|>")


def saved(folder, kind, context=2048):
    """A folder with a small model of a family, as the hub would give it; the model, too."""
    words = words_of(kind)
    model = small(kind, words, context=context)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    model.generation_config.eos_token_id = None  # for comparisons: a random model would rather end than talk
    return model
