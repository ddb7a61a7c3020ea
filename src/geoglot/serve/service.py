"""Everything that requests share: archives, model, pictures, searches, jobs, state on disk."""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path
from typing import IO, Any

from geoglot.core.errors import LockedError, ResourceError
from geoglot.serve.answers import Answers
from geoglot.serve.asking import Asker
from geoglot.serve.chips import Chips
from geoglot.serve.drawing import Drawer
from geoglot.serve.encoders import Encoders
from geoglot.serve.errors import Forbidden
from geoglot.serve.jobs import Jobs
from geoglot.serve.library import Entry, Library
from geoglot.serve.metrics import Metrics
from geoglot.serve.pictures import Studio
from geoglot.serve.saved import Saved
from geoglot.serve.searching import Searcher
from geoglot.serve.settings import Settings


class Service:
    """One archive, served. Made once; closing it ends its threads."""

    def __init__(self, settings: Settings) -> None:
        """Open the archive and the text tower; raises what `Archive.open` raises, and `LockedError` for state in use."""
        self.settings = settings
        self.started = time.time()
        self.folder = settings.folder
        try:
            for name in ("uploads", "jobs", "chips"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(
                f"State cannot be kept in {self.folder} ({error.strerror}): name a folder with --state."
            ) from None
        self._lock = _locked(self.folder / ".lock")
        self.metrics = Metrics()
        self.library = Library(settings.archive, self.folder / "archive", settings.limits.open_scenes)
        self.encoders = Encoders(self.library.main.model, settings.model, settings.batch, settings.wait, self.metrics.batched)
        self.studio = Studio(settings.limits.tile_cache)
        self.chips = Chips(self.encoders, settings.limits, self.folder / "chips")
        self.search = Searcher(self.library, self.encoders, self.chips, settings.limits)
        self.metrics.watch(self)
        self.saved = Saved(self.search, self.library, self.chips, self.folder / "saved.json", settings.limits)
        self.answers = Answers(self.folder / "answers", settings.limits.evidence)
        self.asker = Asker(self.library, self.encoders, self.answers, settings.chat, settings.limits)
        self.drawer = Drawer(settings.generator)
        self.jobs = Jobs(self, self.folder / "jobs", settings.limits)

    def facts(self) -> dict[str, Any]:
        """The collection in figures, for the page."""
        entries = list(self.library.entries().values())
        times = sorted(entry.time for entry in entries if entry.time is not None)
        boxes = [entry.box for entry in entries if entry.box is not None]
        sizes = [float(entry.row["gsd"]) for entry in entries if entry.row["gsd"] is not None]
        model = self.library.main.model
        return {
            "model": {"name": model.name, "hash": model.hash, "size": model.size, "gsd": list(model.gsd)},
            "scenes": len(entries),
            "tiles": len(self.library),
            "bbox": [f(box[i] for box in boxes) for i, f in enumerate((min, min, max, max))] if boxes else None,
            "time": [times[0], times[-1]] if times else None,
            "sensors": sorted({entry.row["sensor"] for entry in entries}),
            "gsd": [min(sizes), max(sizes)] if sizes else None,
        }

    def remove(self, entry: Entry) -> None:
        """Take an uploaded scene out, with its file where that was uploaded too; raises `Forbidden` for any other scene."""
        if not entry.uploaded:
            raise Forbidden("The scene is part of the operator's archive.", "Only uploads can be removed.")
        entry.archive.remove(str(entry.row["scene"]))
        self.library.shelf.forget(entry.key)
        path = Path(str(entry.row["href"]))
        if path.parent.parent == self.folder / "uploads":
            shutil.rmtree(path.parent, ignore_errors=True)

    def close(self) -> None:
        """End threads and close files."""
        self.asker.close()
        self.jobs.close()
        self.encoders.close()
        self.studio.close()
        self.library.close()
        self._lock.close()


def _locked(path: Path) -> IO[str]:
    """A lock that lasts as long as the file is open: two servers on one state would resume each other's jobs."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise LockedError(
            f"Another server keeps its state in {path.parent}: stop it, or name another folder with --state."
        ) from None
    return file
