"""Print a recipe as the TOML of a run, or list the recipes.

What is printed has every setting with its default; change what you want and give the file to `geoglot train`.
"""

from __future__ import annotations

from typing import Annotated

import typer


def run(
    name: Annotated[str | None, typer.Argument(help="A recipe of the list.", show_default=False)] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another value, as in train.steps=2000.")
    ] = None,
) -> None:
    """Print a recipe or list them."""
    from geoglot.cli._io import emit
    from geoglot.core import parts
    from geoglot.core.config import dump_toml, override
    from geoglot.core.errors import InputError

    if name is None:
        if sets:
            raise InputError("--set changes a recipe: name one, as in geoglot recipe nano --set train.steps=2000.")
        names = parts.names("zoo")
        width = max(map(len, names))
        emit("\n".join(f"{one:<{width}}  {parts.line('zoo', one)}" for one in names))
        return
    from geoglot import zoo

    made = zoo.find(name).Recipe
    emit(dump_toml(made.build(override({}, sets or ()))))
