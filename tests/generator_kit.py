"""Small random pipelines of diffusers, saved as the hub would give them."""

from __future__ import annotations

import json

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    PixArtTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerFast

WORDS = 1000


def words(length=16):
    """A tokenizer of letters, filled up as CLIP's is."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {letter: k for k, letter in enumerate(letters)} | {"<|start|>": 256, "<|end|>": 257}
    made = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = processors.TemplateProcessing(
        single="<|start|> $A <|end|>", special_tokens=[("<|start|>", 256), ("<|end|>", 257)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<|start|>", eos_token="<|end|>", pad_token="<|end|>", model_max_length=length
    )


def reader():
    torch.manual_seed(3)
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=WORDS, hidden_size=32, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=16, eos_token_id=257, bos_token_id=256, pad_token_id=257,
        )
    ).eval()  # fmt: skip


def unet(channels=4, side=8, out=4, **more):
    torch.manual_seed(1)
    return UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=side, in_channels=channels, out_channels=out,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32, attention_head_dim=4, **more,
    ).eval()  # fmt: skip


def vae(bands=3):
    torch.manual_seed(2)
    return AutoencoderKL(
        block_out_channels=(32, 64), in_channels=bands, out_channels=bands, latent_channels=4, sample_size=16,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
    ).eval()  # fmt: skip


def schedule(**more):
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1, **more,
    )  # fmt: skip


def pipeline(core=None, scheduler=None):
    return StableDiffusionPipeline(
        vae=vae(), text_encoder=reader(), tokenizer=words(), unet=core or unet(), scheduler=scheduler or schedule(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def saved(folder, core=None, scheduler=None):
    made = pipeline(core, scheduler)
    made.set_progress_bar_config(disable=True)
    made.save_pretrained(folder)
    return made


def control_net(core, kind, folder, channels=3):
    """Put a ControlNet into a folder, with weights that are not zero."""
    torch.manual_seed(len(kind))
    made = ControlNetModel.from_unet(core, conditioning_channels=channels, conditioning_embedding_out_channels=(16, 32))
    with torch.no_grad():
        for value in made.parameters():
            value += 0.02 * torch.randn_like(value)
    made.save_pretrained(folder / (f"controlnet-{kind}" if kind else "controlnet"))
    return made.eval()


def diffusion_sat(folder):
    """A folder as DiffusionSat's authors write it: the U-Net's class is theirs, and has an embedding of metadata."""
    made = saved(folder)
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    rng = torch.Generator().manual_seed(5)
    for k in range(7):
        for name, shape in {"linear_1": (128, 32), "linear_2": (128, 128)}.items():
            state[f"metadata_embedding.{k}.{name}.weight"] = 0.2 * torch.randn(shape, generator=rng)
            state[f"metadata_embedding.{k}.{name}.bias"] = 0.2 * torch.randn(shape[0], generator=rng)
    save_file(state, file, metadata={"format": "pt"})
    config = json.loads((folder / "unet" / "config.json").read_text())
    config |= {"_class_name": "SatUNet", "use_metadata": True, "num_metadata": 7}
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["diffusionsat", "SatUNet"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return made, {name: value for name, value in state.items() if name.startswith("metadata")}


def flow(folder):
    """A transformer on latents with a flow's schedule."""
    torch.manual_seed(4)
    core = PixArtTransformer2DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, num_layers=2, cross_attention_dim=32,
        caption_channels=32, sample_size=8, patch_size=2, norm_num_groups=4, use_additional_conditions=False,
    )  # fmt: skip
    core.save_pretrained(folder / "transformer")
    vae().save_pretrained(folder / "vae")
    reader().save_pretrained(folder / "text_encoder")
    words().save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    index = {"_class_name": "FlowPipeline", "transformer": ["diffusers", "PixArtTransformer2DModel"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    return core
