"""Part lookup by file name: a part is a module of a room, or an entry point of another package.

`find("zoo", "nano")` gives the module `geoglot.zoo.nano`. A package outside adds parts with an entry point in the
group `geoglot.<room>` whose name is the part's name and whose value is a module.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from geoglot.core.errors import NotFoundError


def names(room: str) -> list[str]:
    """Names of all parts of a room (dots for nested rooms: `data.sources`), without those that begin with `_`."""
    return sorted(_own(room) | set(_outside(room)))


def find(room: str, name: str) -> ModuleType:
    """The module of one part; `NotFoundError` names the nearest parts. An own part comes before one from outside."""
    key = _plain(name)
    own, outside = _own(room), _outside(room)
    if key in own:
        return importlib.import_module(f"geoglot.{room}.{key}")
    if key in outside:
        module = outside[key].load()
        if not isinstance(module, ModuleType):
            raise NotFoundError(f"The entry point {key!r} of group geoglot.{room} must name a module.")
        return module
    known = sorted(own | set(outside))
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(known)}." if known else "There are none yet."
    raise NotFoundError(f"There is no {room} part named {name!r}. {hint}")


def line(room: str, name: str) -> str:
    """What a part is, from the first line of its file, which is read and not imported; empty for one from outside."""
    package = importlib.import_module(f"geoglot.{room}")
    for folder in package.__path__:
        file = Path(folder) / f"{name}.py"
        if file.exists():
            return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]
    return ""


def _own(room: str) -> set[str]:
    try:
        package = importlib.import_module(f"geoglot.{room}")
    except ModuleNotFoundError as error:
        if error.name is None or not f"geoglot.{room}".startswith(error.name):
            raise
        raise NotFoundError(f"There is no room {room!r} in geoglot.") from None
    return {info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")}


def _outside(room: str) -> dict[str, EntryPoint]:
    return {_plain(point.name): point for point in entry_points(group=f"geoglot.{room}")}


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")
