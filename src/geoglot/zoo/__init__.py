"""Published methods and our own recipes, each composed of parts.

A recipe is a module of this room with a class `Recipe`, a `Config` whose first field is
`recipe: Literal["<name>"] = "<name>"` and whose defaults are a run that makes sense, and a function
`run(recipe, folder)`, which trains, goes on where the folder holds a part of the run, and writes the model there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import ConfigDict

from geoglot.core import parts
from geoglot.core.config import Config, load_toml
from geoglot.core.errors import ConfigError, ModelError


class Module(Protocol):
    """What a recipe's file offers."""

    Recipe: type[Config]

    def run(self, recipe: Any, folder: Path) -> Any:
        """Train, or go on, and write the model into the folder."""


def find(name: str) -> Module:
    """Give a recipe by name. Raises NotFoundError with the nearest names, ModelError where training is not installed."""
    if any(find_spec(library) is None for library in ("accelerate", "matplotlib", "peft")):
        raise ModelError("Training needs more libraries: pip install 'geoglot[train]'.")
    return cast(Module, parts.find("zoo", name))


def read(file: Path, sets: Sequence[str] = ()) -> tuple[Module, Config]:
    """Read a run's TOML with overrides: the recipe that it names, and its configuration.

    Raises NotFoundError, and ConfigError for a file without a recipe's name or with keys or values that do not fit.
    """
    plain = load_toml(_Any, file).model_dump()
    name = plain.get("recipe")
    if not isinstance(name, str):
        raise ConfigError(
            f"{file} names no recipe: begin from `geoglot recipe NAME > {file.name}` ({', '.join(parts.names('zoo'))})."
        )
    module = find(name)
    return module, load_toml(module.Recipe, file, sets)


def start(file_text: str, folder: Path) -> None:
    """Train after a resolved TOML text: what each process of a run does."""
    values = tomllib.loads(file_text)
    module = find(values["recipe"])
    module.run(module.Recipe.build(values), folder)


class _Any(Config):
    """Any TOML, to see which recipe it names."""

    model_config = ConfigDict(extra="allow")
