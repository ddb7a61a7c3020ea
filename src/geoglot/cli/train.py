"""Train after the TOML of a run, or go on with a run that was stopped.

`geoglot recipe NAME > run.toml` gives the TOML to begin from. The folder of the run receives the resolved configuration,
figures, curves, checkpoints and the model; the same command on the same folder goes on from the last checkpoint, to the
same figures as a run that was never stopped. The number of processes may be another one each time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    toml: Annotated[Path, typer.Argument(metavar="RUN.TOML", help="The run, as `geoglot recipe` prints it.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FOLDER", help="The run's folder; runs/RUN if not given.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another value, as in train.steps=2000.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes that share each batch; with GPUs, one a GPU.")
    ] = 1,
) -> None:
    """Train, or go on."""
    from geoglot import zoo
    from geoglot.cli._io import emit, note
    from geoglot.core.config import dump_toml

    _, recipe = zoo.read(toml, sets or ())
    folder = out or Path("runs") / toml.stem

    from geoglot.train.distribute import launch

    try:
        launch(zoo.start, processes, dump_toml(recipe), folder)
    except KeyboardInterrupt:
        note("Interrupted. What was saved is kept: run the same command again to go on from the last checkpoint.")
        raise
    emit(str(folder))
