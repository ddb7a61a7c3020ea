"""Scene by scene to maps of classes, as jobs: what `segment` and `cloud` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglot.archive.rows import reopen
from geoglot.core.errors import GeoglotError
from geoglot.geo.scene import Scene
from geoglot.serve import styles
from geoglot.serve.jobs import Context
from geoglot.serve.library import Entry
from geoglot.serve.verbs import _shared
from geoglot.tasks.segment import ClassMap


@dataclass(frozen=True)
class Maps:
    """Maps of scenes, all of the same classes; the scenes that could not be looked at, with the reason."""

    made: list[tuple[Entry, ClassMap]]
    skipped: _shared.Skipped

    @classmethod
    def of(cls, entries: Sequence[Entry], context: Context, make: Callable[[Scene, Path], ClassMap]) -> Maps:
        """Let `make` write a map of each scene into a file of the work folder, where a job that is resumed finds it.

        Raises `InputError` where no scene can be looked at.
        """
        made: list[tuple[Entry, ClassMap]] = []
        skipped: _shared.Skipped = []
        for number, entry in enumerate(entries):
            context.progress(number, len(entries), f"looks at {entry.name}")
            try:
                with reopen(entry.row) as scene:
                    made.append((entry, make(scene, context.work / f"{entry.id}-{entry.row['run']}.tif")))
            except GeoglotError as error:
                context.check()  # one of them says that the job was cancelled
                skipped.append((entry.name, str(error)))
        if not made:
            raise _shared.nothing(skipped)
        return cls(made, skipped)

    @property
    def tint(self) -> dict[str, str]:
        """The colour of each class, and of the rest."""
        return self.made[0][1].colours

    def write(self, context: Context, stem: str, least: float) -> str:
        """Write maps, polygons of at least so many square metres, a style and a table of areas; gives what is to be told."""
        names, tint = self.made[0][1].names, self.tint
        legend = [{"value": value, "label": name, "colour": tint[name]} for value, name in enumerate(names, 1)]
        for entry, one in self.made:
            _shared.take_map(context, self._named(stem, entry), one.path, one.grid, legend=legend)
        rows, more = _shared.first(self._rows(context, lambda one: one.polygons(least)))
        _shared.write_tables(context, "polygons", rows)
        context.result(f"{stem}.qml", "application/xml").write_text(styles.qml(names, tint), encoding="utf-8")
        _shared.write_json(context, "areas.json", list(self._rows(context, ClassMap.rows)))
        return more + "".join(f"; skipped {name}: {why}" for name, why in self.skipped[:3])

    def _rows(self, context: Context, rows: Callable[[ClassMap], Any]) -> Iterator[dict[str, Any]]:
        tint = self.tint
        for entry, one in self.made:
            context.check()
            for row in rows(one):
                yield {**row, "scene": entry.id, "name": entry.name, "colour": tint[row["label"]]}

    def _named(self, stem: str, entry: Entry) -> str:
        """The name of a scene's map among the results."""
        return f"{stem}.tif" if len(self.made) == 1 else f"{stem}-{Path(entry.name).stem}-{entry.id[:6]}.tif"
