"""Show the main job from end to end: render a landscape, index it, search it in words, check the answers.

Works offline. Everything is written into one folder: the scenes as GeoTIFF, the archive, and for each search its hits as
GeoJSON and a sheet of pictures. The exit code is not 0 if the best place of a search is not what was asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoglot.cli._options import Quiet

if TYPE_CHECKING:
    from geoglot.tasks.demo import Demo


def run(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where to write.")] = Path("geoglot-demo"),
    model: Annotated[str, typer.Option(help="The model that looks at the tiles.")] = "nano",
    seed: Annotated[int, typer.Option(help="Another seed is another landscape.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Render, index, search and check."""
    from geoglot import models
    from geoglot.cli._io import emit
    from geoglot.core.errors import ModelError
    from geoglot.tasks.demo import demo

    made = demo(out, models.load(model), seed=seed, progress=not quiet)
    emit(_told(made))
    if made.missed:
        raise ModelError(
            f"{len(made.missed)} of {len(made.answers)} searches missed: {', '.join(made.missed)}. "
            "Look at their contact sheets; another --seed gives another landscape."
        )


def _told(made: Demo) -> str:
    seconds = made.seconds
    width = max(len(answer.search.text) for answer in made.answers) + 2
    lines = [
        f"Rendered {len(made.scenes)} georeferenced scenes into {made.folder / 'scenes'} ({seconds['render']:.0f} s).",
        f"Indexed {len(made.archive):,} tiles with {made.archive.model.name} into {made.folder / 'archive'} "
        f"({seconds['index']:.0f} s).",
        f"Searched {len(made.answers)} times ({seconds['search']:.1f} s), and checked the answers against what was rendered:",
    ]
    for answer in made.answers:
        quoted = f'"{answer.search.text}"'
        lines.append(
            f"  {quoted:<{width}}  best {'right' if answer.hit else 'WRONG'}, {sum(answer.right):2d} of the first "
            f"{len(answer.right)} right; by chance {answer.base:.1%}"
        )
    lines += [
        f"Look at {made.page}; the hits for a map are {made.folder}/*.geojson. On a map in the browser:",
        f"  geoglot serve {made.folder / 'archive'}",
        "",
        "The same with your own rasters:",
        "  geoglot index FOLDER -o archive",
        f'  geoglot search archive "{made.answers[0].search.text}" -o hits.geojson --sheet hits.png',
    ]
    return "\n".join(lines)
