"""What is said of a damaged shard, and what is done about it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from geoglot.core.errors import DataError

OnDamage = Literal["stop", "skip"]
Tell = Callable[[str], None]


class DamagedError(DataError):
    """A shard is truncated or damaged."""

    @classmethod
    def at(cls, path: Path, number: int | None, what: str) -> DamagedError:
        """The error for a file, and the number of the sample in it where that is known."""
        where = "" if number is None else f", sample {number}"
        return cls(f"{path}{where}: {what}. Fetch or write this shard again, or go on without the rest of it (on_damage='skip').")


def tell(text: str) -> None:
    """Say something on standard error."""
    print(text, file=sys.stderr, flush=True)
