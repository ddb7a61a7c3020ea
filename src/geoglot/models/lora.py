"""Low-rank adapters in a module, through `peft`: put in, train them alone, merge them into the weights.

Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models" (arXiv 2106.09685).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field
from torch import nn

from geoglot.core.config import Config
from geoglot.core.errors import InputError, ModelError


class _Shell(nn.Module):
    """Keeps peft from a module's own attributes: it would take our ``config`` for one of transformers."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner


class LoraConfig(Config):
    """``targets`` are ends of names of linear layers and convolutions; without any, every linear layer gets an adapter."""

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ()


def wrap(module: nn.Module, config: LoraConfig) -> Any:
    """Put adapters into a module in place and freeze the rest of it; gives peft's handle, for `merge` and `save`.

    The module answers as before until the adapters are trained. Raises InputError where no layer fits the targets.
    """
    import peft

    shell = _Shell(module)
    names = [name for name, part in shell.named_modules() if _fits(name, part, config.targets)]
    if not names:
        raise InputError(f"no layer's name ends in {', '.join(config.targets) or 'that of a linear layer'}: give other targets")
    made = peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft says int, and takes any number
        lora_dropout=config.dropout,
        target_modules=names,
        bias="none",
    )
    return peft.get_peft_model(shell, made)


def merge(handle: Any) -> nn.Module:
    """Add the adapters to the weights, in place, and take them out: the module that was wrapped, of its old build."""
    plain: nn.Module = handle.merge_and_unload().inner
    return plain


def save(handle: Any, folder: Path) -> None:
    """Write the adapters alone, in peft's form (`adapter_config.json`, `adapter_model.safetensors`)."""
    handle.save_pretrained(str(folder), save_embedding_layers=False)


def restore(module: nn.Module, folder: Path) -> Any:
    """Put saved adapters into a module of the same build, ready to be used or merged. Raises ModelError."""
    import peft

    if not (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder} holds no adapters: give a folder that has adapter_config.json")
    return peft.PeftModel.from_pretrained(_Shell(module), str(folder), is_trainable=True)


def _fits(name: str, part: nn.Module, targets: tuple[str, ...]) -> bool:
    # subclasses of a linear layer (the one inside torch's attention) are used by other means than a call
    kind = type(part) in ((nn.Linear, nn.Conv2d) if targets else (nn.Linear,))
    return kind and (not targets or any(name == end or name.endswith("." + end) for end in targets))
