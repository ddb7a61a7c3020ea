"""The same question about many scenes: an answer for each, and what could not be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglot.archive.indexing import nothing
from geoglot.archive.rows import Asked
from geoglot.archive.sources import Sources, listed
from geoglot.core.errors import GeoglotError, InputError, RasterError
from geoglot.core.progress import track
from geoglot.geo import vectors
from geoglot.geo.write import write_text
from geoglot.tasks.converse.answer import Answer, check_output
from geoglot.tasks.detect.boxes import COLUMNS
from geoglot.text.columns import aligned


@dataclass(frozen=True)
class Answers:
    """Answers in the order of the scenes; `skipped` are those that could not be read, with the reason."""

    answers: tuple[Answer, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def rows(self) -> list[dict[str, Any]]:
        """The boxes of all answers."""
        return [row for answer in self.answers for row in answer.rows()]

    def table(self) -> str:
        """A line for each scene: what is answered, and how sure that is."""
        lines = [("scene", "sure", "answer")]
        for one in self.answers:
            lines.append((Path(one.scene).name, "-" if one.confidence is None else f"{one.confidence:.0%}", one.text))
        return aligned(lines)

    def write(self, path: str | Path) -> Path:
        """Write all boxes (.geojson, .gpkg, .parquet, .csv) or all answers (.json)."""
        target = Path(path)
        if _kind(target) == "table":
            return vectors.write_features(target, self.rows(), COLUMNS)
        held = {"answers": [one.plain() for one in self.answers], "skipped": [list(pair) for pair in self.skipped]}
        write_text(target, json.dumps(vectors.plain(held), ensure_ascii=False, indent=2) + "\n")
        return target


def each(
    verb: Callable[..., Answer], model: Any, sources: Sources, *words: str, out: Sequence[str | Path] = (), **settings: Any
) -> Answers:
    """Answer the same for every scene. A scene that cannot be read is told in the result and stops nothing.

    `verb` is `ask`, `caption` or `ground`, `words` what it takes after the scene. Raises `InputError` for outputs that only one
    scene can have, and `RasterError` where no scene can be read.
    """
    for path in out:
        _kind(Path(path))
    asked = Asked(settings.get("sensor"), tuple(settings["bands"]) if settings.get("bands") else None, settings.get("time"))
    held: dict[str, Any] = {}

    def once() -> Any:
        """One model for all scenes, loaded when the first of them is fit to be asked about."""
        if "model" not in held:
            held["model"] = model() if callable(model) and not hasattr(model, "reply") else model
        return held["model"]

    made, skipped = [], []
    found = listed(sources, asked)
    with track(len(found), "ask", "scenes", quiet=not settings.get("progress", True)) as shown:
        for source in found:
            try:
                prepared = source.open({})
                assert prepared is not None
                with prepared.scene as scene:
                    made.append(verb(once, scene, *words, **settings | {"progress": False}))
            except GeoglotError as error:
                if not isinstance(error, RasterError):
                    raise
                skipped.append((source.id, str(error)))
            shown.advance(1)
    if not made:
        raise RasterError(nothing(skipped))
    answers = Answers(tuple(made), tuple(skipped))
    for path in out:
        answers.write(path)
    return answers


def _kind(path: Path) -> str:
    kind = check_output(path)
    if kind == "map":
        raise InputError(f"{path.name}: a map of evidence is of one scene; write boxes or .json for many.")
    return kind
