"""The native weights file: safetensors with int8 rows, read without torch.

A matrix ``x`` is stored as int8 rows beside ``x:scale`` (one float32 a row), everything else as float16 or float32. The
header carries the format, the model's specification and configuration, and the hash of all tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from geoglot.core.errors import ModelError, NotFoundError
from geoglot.core.protocols import ModelSpec

FORMAT = "geoglot-native-1"
SCALE = ":scale"
SMALL = 4096

Arrays = dict[str, NDArray[Any]]


def quantise(matrix: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round each row (first axis) of a weight to int8 with its own scale, so that its largest value becomes 127."""
    rows = matrix.reshape(len(matrix), -1).astype(np.float32)
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-12) / 127
    return np.round(rows / scale[:, None]).astype(np.int8).reshape(matrix.shape), scale.astype(np.float32)


def dequantise(rows: NDArray[np.int8], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo `quantise`, up to its rounding."""
    return rows.astype(np.float32) * scale.reshape(-1, *([1] * (rows.ndim - 1)))


def write(path: Path, tensors: Mapping[str, NDArray[np.floating]], spec: ModelSpec, config: Mapping[str, Any]) -> str:
    """Write a file and give its hash; weights of at least 4,096 values and two axes become int8, the rest float32."""
    stored: Arrays = {}
    for name, value in tensors.items():
        if value.ndim >= 2 and value.size >= SMALL:
            stored[name], stored[name + SCALE] = quantise(value)
        else:
            stored[name] = np.ascontiguousarray(value, dtype=np.float32)
    digest = hash_of(stored)
    header = {
        "format": FORMAT,
        "spec": json.dumps(asdict(spec) | {"hash": digest}),
        "config": json.dumps(dict(config)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file(stored, part, metadata=header)
    part.replace(path)
    return digest


def hash_of(stored: Arrays) -> str:
    """Digest names, types, shapes and values of stored tensors, whatever their order in the file."""
    digest = hashlib.sha256()
    for name in sorted(stored):
        value = np.ascontiguousarray(stored[name])
        digest.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()[:32]


def header(path: Path) -> tuple[ModelSpec, dict[str, Any]]:
    """Read specification and configuration only.

    Raises NotFoundError without the file and ModelError when it is not a native file of this version.
    """
    if not path.exists():
        raise NotFoundError(f"There is no weights file {path}: give a name that `geoglot models` lists, or a path")
    try:
        with safe_open(path, "numpy") as file:
            found = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable safetensors file ({error}): fetch or copy it again") from error
    if found.get("format") != FORMAT:
        raise ModelError(f"{path} has format {found.get('format')!r}, this version reads {FORMAT!r}: convert it first")
    values = json.loads(found["spec"])
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return ModelSpec(**fields), json.loads(found["config"])


def is_format(path: Path) -> bool:
    """Say whether a file is safetensors with this format's mark, of any version; False where it cannot be read."""
    try:
        with safe_open(path, "numpy") as file:
            return str((file.metadata() or {}).get("format", "")).startswith(FORMAT.rpartition("-")[0])
    except (SafetensorError, OSError):
        return False


def stored(path: Path, prefix: str = "") -> Arrays:
    """Read the stored tensors whose names begin with ``prefix``, which is taken off."""
    with safe_open(path, "numpy") as file:
        return {k.removeprefix(prefix): file.get_tensor(k) for k in file.keys() if k.startswith(prefix)}  # noqa: SIM118


def read(path: Path, prefix: str = "") -> dict[str, NDArray[np.float32]]:
    """Read tensors as float32, int8 rows multiplied out."""
    raw = stored(path, prefix)
    return {
        name: dequantise(value, raw[name + SCALE]) if value.dtype == np.int8 else value
        for name, value in raw.items()
        if not name.endswith(SCALE)
    }
