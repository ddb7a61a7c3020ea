"""Give an assistant the archive as tools: a Model Context Protocol server on standard input and output.

Name this command in the settings of the program that the assistant runs in. Nothing is written to the archive, and nothing
is sent anywhere else, unless --chat names a server elsewhere.
"""

from __future__ import annotations

from typing import Annotated

import typer

from geoglot.cli._options import Archived
from geoglot.core.errors import ModelError


def run(
    archive: Archived,
    name: Annotated[str, typer.Option(help="What the archive is called.")] = "",
    model: Annotated[
        str | None, typer.Option(metavar="FILE", help="The archive's model, where it is none of `geoglot models`.")
    ] = None,
    chat: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="The model that answers questions, as `geoglot ask` takes it; nano-chat if there, or none."
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The model that draws, as `geoglot generate` takes it; nano-gen if there, or none."),
    ] = None,
) -> None:
    """Serve tools over standard input and output."""
    try:
        from geoglot.serve import logs, tools
        from geoglot.serve.settings import Settings
    except ModuleNotFoundError as error:
        raise ModelError(f"This needs {error.name}: pip install 'geoglot[serve]'.") from None
    logs.start("warning")  # standard output belongs to the protocol
    with tools.opened(Settings(archive, name=name, model=model, chat=chat, generator=generator)) as server:
        server.run("stdio")
