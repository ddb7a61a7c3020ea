"""Tiny stand-ins for the tests of the image-text model."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from geoglot.encoders.minilm import MiniLMConfig
from geoglot.encoders.resnet_v2 import ResNetV2Config
from geoglot.models.nano import Nano, NanoConfig
from geoglot.nn.cells import CellHeadConfig

WORDS = "[PAD] [UNK] [CLS] [SEP] a b c h o n ##a ##r ##b ##s ##t water boat harbour ships forest field by the of".split()


def tiny_tokenizer() -> str:
    """A WordPiece tokenizer of a few words, of the published one's build."""
    tokenizer = Tokenizer(WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer.to_str()


def tiny_config() -> NanoConfig:
    """The model's build at the smallest sensible sizes."""
    return NanoConfig(
        image=ResNetV2Config(stem=8, widths=(16, 32, 32), blocks=(1, 1, 2)),
        head=CellHeadConfig(inner=24, dim=16, dropout=0.0),
        text=MiniLMConfig(vocabulary=len(WORDS), dim=16, layers=2, heads=4, hidden=320, positions=12),
        words=12,
        size=32,
    )


def tiny_nano(seed: int = 0) -> Nano:
    """A tiny model with random weights whose parts all matter."""
    torch.manual_seed(seed)
    model = Nano(tiny_config(), tiny_tokenizer())
    for parameter in model.parameters():
        if parameter.ndim:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model.eval()
