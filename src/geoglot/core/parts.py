"""Part lookup by file name: a part is a module of a room, or an entry point of another package.

`find("zoo", "nano")` gives the module `geoglot.zoo.nano`. A package outside adds parts with an entry point in the
group `geoglot.<room>` whose name is the part's name and whose value is a module.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from geoglot.core.errors import NotFoundError


def names(room: str) -> list[str]:
    """Names of all parts of a room (dots for nested rooms: `data.sources`), without those that begin with `_`."""
    package = importlib.import_module(f"geoglot.{room}")
    own = {info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")}
    return sorted(own | set(_outside(room)))


def find(room: str, name: str) -> ModuleType:
    """The module of one part; `NotFoundError` names the nearest parts."""
    key = name.replace("-", "_")
    known = names(room)
    if key in known:
        outside = _outside(room)
        if key in outside:
            module = outside[key].load()
            if not isinstance(module, ModuleType):
                raise NotFoundError(f"The entry point {key!r} of group geoglot.{room} must name a module.")
            return module
        return importlib.import_module(f"geoglot.{room}.{key}")
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(known)}."
    raise NotFoundError(f"There is no {room} part named {name!r}. {hint}")


def _outside(room: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"geoglot.{room}")}
