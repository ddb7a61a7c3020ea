"""What the sub-commands of `geoglot data` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from geoglot.data.sample import Card, Sample, Split

Root = Annotated[Path, typer.Option("--root", metavar="FOLDER", envvar="GEOGLOT_DATA", help="Where published data sets are.")]
Named = Annotated[str, typer.Argument(help="A source of `geoglot data list`.", show_default=False)]
DATA = Path("data")


def rows_of(name: str, split: str | None, root: Path) -> tuple[Card, Split, list[Sample]]:
    """The samples of a source's split (its first one by default); a wrong split is an `InputError` that names the right ones."""
    from geoglot.core.errors import InputError
    from geoglot.core.parts import find

    source = find("data.sources", name)
    card: Card = source.CARD
    own: Split = next((known for known in card.splits if known == (split or card.splits[0])), card.splits[0])
    if split is not None and own != split:
        raise InputError(f"{name} has no split {split!r}, it has {', '.join(card.splits)}.")
    return card, own, list(source.rows(root, own))
