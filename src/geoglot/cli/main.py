"""The command `geoglot`: verbs found by file name and imported when they are asked for, errors as exit codes."""

from __future__ import annotations

import ast
import errno
import importlib
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from geoglot.cli import _io
from geoglot.core import parts
from geoglot.core.errors import GeoglotError, InputError, NotFoundError, ResourceError

HELP = {"help_option_names": ["-h", "--help"]}
INTERRUPTED = 130  # what a shell gives for a process ended by Ctrl-C
# Wrong options and values. Its public subclass is the only one that typer names.
_UsageError: type[Any] = typer.BadParameter.__mro__[1]


class Verb(TyperCommand):
    """A verb of which only the name and one line are known until it is run or its own help is asked for."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the verb's module and go on with its real command."""
        name = str(self.name)
        # an own verb is not worth a look through the entry points of every installed package
        module = importlib.import_module(f"geoglot.cli.{name}") if _file(name).exists() else parts.find("cli", name)
        app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=HELP)
        if isinstance(module.run, typer.Typer):  # a verb of several commands
            app = module.run
            app.info.context_settings, app.rich_markup_mode = HELP, None
        else:
            app.command(self.name, help=module.__doc__, context_settings=HELP)(module.run)
        return typer.main.get_command(app).make_context(info_name, args, parent=parent, **extra)


class Verbs(TyperGroup):
    """All verbs, by file name."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: Verb(name, help=_line(name)) for name in parts.names("cli") if name != "main"}


def _line(name: str) -> str:
    """What a verb does, from the first line of its file; the file is read, not imported."""
    file = _file(name)
    if not file.exists():
        return "Added by another package."
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return text.split("\n", 1)[0]


def _file(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.py")


def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Satellite and aerial imagery in plain words.

    Data go to standard output, progress and errors to standard error. `geoglot VERB --help` tells more of a verb.
    """


def app() -> typer.Typer:
    """The application, for `run` and for the documentation."""
    made = typer.Typer(
        cls=Verbs,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings=HELP,
    )
    made.callback()(_options)
    return made


def main() -> NoReturn:
    """Entry point of the command: run it and leave with its exit code."""
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command line (without the program's name) and give its exit code; errors are told on standard error."""
    debug = args[:1] == ["--debug"]
    try:
        code = typer.main.get_command(app())(args=list(args), prog_name="geoglot", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _io.close()
        return _io.CLOSED
    except _UsageError as error:
        return _usage(error)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return tell(error)


def tell(error: Exception) -> int:
    """Write an error on standard error and give its exit code."""
    known = _known(error)
    if known is not None:
        print(f"error: {known}", file=sys.stderr)
        return known.exit_code
    print(f"error: unexpected {type(error).__name__}: {error}", file=sys.stderr)
    print(
        "This is a fault in geoglot. Run the same command as `geoglot --debug VERB ...` and report the traceback together with "
        "the output of `geoglot version`.",
        file=sys.stderr,
    )
    return GeoglotError.exit_code


def _known(error: Exception) -> GeoglotError | None:
    """The error as one of our own tree, where its cause lies outside the program."""
    if isinstance(error, GeoglotError):
        return error
    if isinstance(error, MemoryError):
        return ResourceError("The memory is used up: try a smaller --batch or --tile, or close other programs.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"The disk is full ({error.filename or error}): free some space, then run the command again.")
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"There is no {error.filename or error}.")
    if isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError | FileExistsError):
        return InputError(f"{error.filename or error}: {error.strerror}. Check the path and who may write there.")
    return None


def _usage(error: Any) -> int:
    """A wrong option or a missing argument; without any arguments the error is the help itself."""
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(message, file=sys.stderr)
        return int(error.exit_code)
    command = error.ctx.command_path if error.ctx is not None else "geoglot"
    print(f"error: {message}\nTry `{command} --help`.", file=sys.stderr)
    return int(error.exit_code)
