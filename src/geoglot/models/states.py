"""State dicts from published files, read without running anything that a file says.

safetensors are read as they are; torch files with `weights_only`; a TorchScript archive (how OpenAI published CLIP) by
`torchscript`, which takes the tensors and leaves the code. Everything else is refused.
"""

from __future__ import annotations

import hashlib
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from geoglot.core.errors import ModelError, NotFoundError
from geoglot.models import torchscript

WRAPPINGS = ("state_dict", "model_state_dict", "model", "module")
PREFIXES = ("module.", "_orig_mod.", "model.", "clip_model.")

State = dict[str, Tensor]


def read(path: Path, prefixes: Sequence[str] = PREFIXES) -> State:
    """Read the tensors of one file by name, wrappings and ``prefixes`` that all names have taken off.

    Raises NotFoundError without the file, and ModelError for a truncated file, one that holds objects other than tensors
    and plain values, or one without tensors.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no checkpoint {path}: check the path.")
    with path.open("rb") as file:
        start = file.read(16)
    if path.suffix == ".safetensors":
        return plain(path, _safetensors(path), prefixes)
    if start[:2] == b"PK":
        if not zipfile.is_zipfile(path):
            raise ModelError(f"{path} is cut off ({path.stat().st_size:,} bytes): fetch or copy it again.")
        if torchscript.is_archive(path):
            return plain(path, torchscript.read(path), prefixes)
    elif start[:1] != b"\x80":
        raise ModelError(f"{path} is neither safetensors nor a torch file: give a state dict (.safetensors, .pt, .pth, .bin).")
    return plain(path, _torch(path), prefixes)


def plain(path: Path, found: Any, prefixes: Sequence[str] = PREFIXES) -> State:
    """Take off wrappings such as `state_dict` and `module.`; raises ModelError where no tensors are inside."""
    while isinstance(found, Mapping) and not _tensors(found):
        inner = next((found[name] for name in WRAPPINGS if isinstance(found.get(name), Mapping)), None)
        if inner is None:
            break
        found = inner
    state: State = _tensors(found) if isinstance(found, Mapping) else {}
    if not state:
        raise ModelError(f"{path} holds no weights by name: give a state dict, or a file with one under `state_dict`.")
    shortened = True
    while shortened:
        shortened = False
        for prefix in prefixes:
            if all(name.startswith(prefix) for name in state):
                state = {name.removeprefix(prefix): value for name, value in state.items()}
                shortened = True
    return state


def digest(paths: Sequence[Path], *more: str) -> str:
    """Digest files and what else decides the embedding; a file is read once a process while its size and time stay."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        stat = path.stat()
        whole.update(_file_digest(path, stat.st_size, stat.st_mtime_ns).encode())
    for text in more:
        whole.update(text.encode())
    return whole.hexdigest()[:32]


@cache
def _file_digest(path: Path, size: int, time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tensors(found: Mapping[Any, Any]) -> State:
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}


def _safetensors(path: Path) -> State:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is cut off or not safetensors ({error}): fetch or copy it again.") from None


def _torch(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        what = str(error).strip().splitlines()
        named = next((line.strip() for line in what if "GLOBAL" in line or "Unsupported" in line), what[0] if what else "")
        raise ModelError(
            f"{path} holds more than weights and is refused, because loading it could run code ({named[:160]}). Where you "
            "trust its origin, save its state dict as safetensors there and give that file."
        ) from None
    except (EOFError, RuntimeError, OSError, ValueError, KeyError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} is cut off or damaged ({first[:160]}): fetch or copy it again.") from None
