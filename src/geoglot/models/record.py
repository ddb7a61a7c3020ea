"""What a model was taught, as a small file beside its weights (`<weights>.training.toml`), so that reports can say it.

Written by the run that trained the weights. A model without the file is of unknown training, and is reported as such.
"""

from __future__ import annotations

from pathlib import Path

from geoglot.core.config import Config, dump_toml, load_toml
from geoglot.core.parts import find, names
from geoglot.models import files

SUFFIX = ".training.toml"


class Taught(Config):
    """What was taken of one source of `geoglot.data.sources`.

    ``unseen`` are classes of which no picture was taken, ``left_out`` identifiers of pictures (with all their windows) that
    were left out because they resemble held-out ones.
    """

    split: str = "train"
    pictures: int
    unseen: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class Record(Config):
    """Sources of the training pictures; ``other`` names what cannot be compared with a test set, such as rendered places."""

    model: str
    sources: dict[str, Taught]
    other: tuple[str, ...] = ()

    def taught_words(self) -> set[str]:
        """Phrases of the classes that were taught, of all sources that are known here, in small letters."""
        found: set[str] = set()
        for name, taught in self.sources.items():
            if name in names("data.sources"):
                classes = find("data.sources", name).CARD.classes
                found |= {phrase.lower() for label in classes if label not in taught.unseen for phrase in classes[label]}
        return found


def of(name: str | Path) -> Record | None:
    """Read the record of a model by name or weights file, None where there is none. Raises ConfigError for a wrong one."""
    if not files.is_native(name):
        return None
    file = files.native(name).with_suffix(SUFFIX)
    return load_toml(Record, file) if file.exists() else None


def write(record: Record, weights: Path) -> Path:
    """Write a record beside a weights file, and give its path."""
    file = weights.with_suffix(SUFFIX)
    file.write_text(dump_toml(record), encoding="utf-8")
    return file
