"""Take a scene out of an archive.

The raster itself stays where it is.
"""

from __future__ import annotations

from typing import Annotated

import typer

from geoglot.cli._options import Archived


def run(
    archive: Archived,
    scene: Annotated[str, typer.Argument(help="The scene: its path, as `geoglot info ARCHIVE` lists it.", show_default=False)],
) -> None:
    """Take a scene out of an archive."""
    from geoglot.archive import Archive
    from geoglot.cli._io import emit

    count = Archive.open(archive).remove(scene)
    emit(f"{scene}: removed with {count:,} tiles")
