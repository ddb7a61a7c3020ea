"""Say which versions are at work, for a report of a fault."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

_LIBRARIES = ("geoglot", "torch", "numpy", "rasterio", "pyproj", "shapely", "lancedb", "pyarrow", "tokenizers")


def run(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Say which versions are at work."""
    from geoglot.cli._io import emit, emit_json

    found = {name: _version(name) for name in _LIBRARIES} | {"python": platform.python_version(), "system": platform.platform()}
    if as_json:
        emit_json(found)
    else:
        emit("\n".join(f"{name} {value}" for name, value in found.items()))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
