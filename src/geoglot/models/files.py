"""Where native weights are: embedded in the package by name, or anywhere by path."""

from __future__ import annotations

from pathlib import Path

from geoglot.core.errors import NotFoundError
from geoglot.models import weights

FOLDER = Path(__file__).resolve().parent.parent / "weights"


def embedded() -> list[str]:
    """Names of the models whose weights come with the package."""
    return sorted(file.stem for file in FOLDER.glob("*.safetensors") if "." not in file.stem)  # others are parts of a model


def native(name: str | Path) -> Path:
    """Give the native file of an embedded model (`nano`, `nano@1`) or of a path. Raises NotFoundError."""
    path = Path(name)
    if path.suffix == ".safetensors":
        if path.exists():
            return path
        raise NotFoundError(f"There is no weights file {path}: check the path.")
    file = FOLDER / f"{str(name).split('@')[0]}.safetensors"
    if not file.exists():
        raise NotFoundError(f"There is no model {name!r}. Known here: {', '.join(embedded()) or 'none'}.")
    return file


def beside(name: str | Path, suffix: str) -> Path | None:
    """The file of a part that comes with a model of ours (``.detect.safetensors``, say); None where there is none."""
    try:
        file = native(name)
    except NotFoundError:  # a published model, or one from elsewhere
        return None
    own = file.with_name(file.name.removesuffix(".safetensors") + suffix)
    return own if own.exists() else None


def is_native(name: str | Path) -> bool:
    """Say whether a name or path means a model of ours: an embedded one, or a native weights file."""
    path = Path(name)
    if path.suffix == ".safetensors" and path.is_file():
        return weights.is_format(path)
    return str(name).split("@")[0] in embedded()
