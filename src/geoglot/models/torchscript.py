"""Weights out of a TorchScript archive, without its code: the format in which OpenAI published CLIP.

The archive is a zip with a pickle of the module tree (`data.pkl`), one file of bytes a tensor, and the source of the
module's functions as text. Here the pickle may only name tensors, plain containers and the archive's own classes, which
become empty shells; nothing of the source runs. The text does tell one thing that a state dict does not: the activation.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import ModelError

DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def is_archive(path: Path) -> bool:
    """Say whether a zip file is a TorchScript archive."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def activation(path: Path) -> str | None:
    """Read from the archive's source which activation its towers use: "quick_gelu", "gelu", or None where it is unclear.

    QuickGELU is x * sigmoid(1.702 x): a scripted module has that number in its text, a traced one among its constants.
    """
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/code/" in name and name.endswith(".py")]
        text = "\n".join(archive.read(name).decode("utf-8", "replace") for name in names)
        constants = _load(archive, path, "constants")
    numbers = [float(item) for item in constants if isinstance(item, Tensor) and item.numel() == 1]
    quick = "1.702" in text or any(abs(number - 1.702) < 2e-3 for number in numbers)
    exact = "torch.gelu(" in text
    return None if quick == exact else "quick_gelu" if quick else "gelu"


def read(path: Path) -> dict[str, Tensor]:
    """Read all parameters and buffers by dotted name. Raises ModelError for an archive that names anything else."""
    with zipfile.ZipFile(path) as archive:
        return dict(_walk(_load(archive, path, "data"), ""))


def _load(archive: zipfile.ZipFile, path: Path, part: str) -> Any:
    root = next(name for name in archive.namelist() if name.endswith("/constants.pkl")).removesuffix("constants.pkl")
    try:
        return _Reader(archive, root, part).load()
    except (pickle.UnpicklingError, KeyError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is a TorchScript archive whose weights cannot be read without running it ({error}): save its "
            "state dict as safetensors where you trust its origin, and give that file."
        ) from None


class _Shell:
    """Stands for an object of a class of the archive: its attributes, none of its methods."""

    def __init__(self, *args: Any) -> None:
        self.values: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.values = dict(state) if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    """An unpickler that knows tensors, plain containers and shells, and refuses every other name."""

    def __init__(self, archive: zipfile.ZipFile, root: str, part: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}{part}.pkl")))
        self._archive, self._folder = archive, root + part
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Shell
        if module == "torch" and name in DTYPES:
            return name
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch.jit._pickle":
            return lambda value, *_: value
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        _, kind, key, _, count = pid
        if key not in self._storages:
            raw = bytearray(self._archive.read(f"{self._folder}/{key}"))
            self._storages[key] = torch.frombuffer(raw, dtype=DTYPES[kind], count=int(count))
        return self._storages[key]


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return torch.as_strided(storage, size, stride, offset).clone()


def _parameter(value: Tensor, *_: Any) -> Tensor:
    return value


def _walk(item: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(item, Tensor):
        yield name, item
    elif isinstance(item, _Shell):
        for key, value in item.values.items():
            yield from _walk(value, f"{name}.{key}" if name else key)
