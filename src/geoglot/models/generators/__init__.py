"""Generators by family, one file each: opened by name, hub id or path.

A family of published weights is a module with `reads(path)`, which says whether a folder of diffusers or a file is of it, and
`open_path(path, name, entry, device, dtype)`. A family of our own files has `open_file(path, device, dtype)`, and is named by
their headers (`generator`).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from geoglot.core import parts
from geoglot.core.errors import ModelError, NetworkError
from geoglot.models import weights
from geoglot.models.files import is_native, native
from geoglot.models.generators import _catalogue
from geoglot.models.generators._catalogue import ENTRIES, GeneratorEntry, entry

if TYPE_CHECKING:
    from geoglot.models.generator import Generator

__all__ = ["ENTRIES", "INDEX", "OWN", "GeneratorEntry", "entry", "is_generator", "load", "locate"]

INDEX = "model_index.json"  # of folders of diffusers
OWN = "generator.json"  # of folders that `models.assembled.save` wrote


def load(name: str | Path, device: str = "auto", dtype: str = "auto") -> Generator:
    """Open a generator: `nano-gen`, a native file, a name of the catalogue, a hub id, or a folder of diffusers.

    Raises NotFoundError for an unknown name (with the nearest), NetworkError where it must be fetched and cannot be, ModelError
    for what holds no generator, or one of a family that is not read, ModelMismatchError, and InputError.
    """
    text = str(name)
    if _is_ours(text):
        kind = str(weights.header(native(text))[1]["generator"])
        made: Generator = parts.find("models.generators", kind).open_file(native(text), device, dtype)
        return made
    if any(find_spec(library) is None for library in ("diffusers", "transformers", "huggingface_hub")):
        raise ModelError(f"{name} needs diffusers, transformers and huggingface-hub: pip install 'geoglot[hub]'.")
    path, known = locate(text)
    if path.is_dir() and (path / OWN).exists():
        from geoglot.models.assembled import load as load_own

        return load_own(path, device, dtype)
    found: Generator = family_of(path).open_path(path, text, known, device, dtype)  # type: ignore[attr-defined]
    return found


def is_generator(name: str | Path) -> bool:
    """Whether a name means a generator, as far as can be told without fetching weights."""
    text = str(name)
    if _catalogue.entry(text) is not None or _is_ours(text):
        return True
    path = Path(text).expanduser()
    if path.is_dir():
        return any((path / file).exists() for file in (INDEX, OWN))
    if text.count("/") != 1 or text.startswith((".", "/", "~")) or find_spec("huggingface_hub") is None:
        return False
    from geoglot.models import hub

    return hub.config_file(text, INDEX) is not None


def locate(name: str) -> tuple[Path, GeneratorEntry | None]:
    """The folder or file of a name, fetched where needed, and its entry in the catalogue where it has one."""
    known, path = _catalogue.entry(name), Path(name).expanduser()
    if known is None and path.exists():
        return path.resolve(), None
    if known is None and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        raise _catalogue.unknown(name)
    from geoglot.models import hub

    if known is not None:
        held = hub.folder_by_hand(known.name)
        if held.is_dir():
            return (held / known.file if known.file else held), known
        if known.repo is None:
            raise NetworkError(
                f"{known.name} has no address that a program can fetch from: fetch {known.file} as {known.address} says, and put "
                f"it at {held / known.file}."
            )
    return hub.fetch_diffusers(known.repo if known and known.repo else name, known.within if known else ""), known


def family_of(path: Path) -> object:
    """The family of a folder or file. Raises ModelError, which says what is there instead."""
    for name in parts.names("models.generators"):
        module = parts.find("models.generators", name)
        if hasattr(module, "reads") and module.reads(path):
            return module
    if path.is_file():
        raise ModelError(f"{path} is no file of a generator: give a folder of diffusers, or a native file that geoglot wrote.")
    if (path / "config.json").exists():
        raise ModelError(f"{path} holds a model of transformers, which does not draw: load it with geoglot.load.")
    raise ModelError(f"{path} has no {INDEX}: give the folder of a generator, as diffusers' save_pretrained writes it.")


def _is_ours(name: str) -> bool:
    return is_native(name) and "generator" in weights.header(native(name))[1]
