"""Tables on disk (or on object storage), and the one commit that makes changes visible.

An archive is a LanceDB database of three kinds of tables. Each *generation* (one model, one way to cut tiles) has
`tiles_<n>` and `scenes_<n>`; `state` has a single row that names the live generation, with the versions of its two
tables that readers see. A writer may make any number of commits; readers see none of them until `publish` replaces that
row, which is one atomic commit. So no reader ever sees half a scene, or a scene and its replacement together.

A writer that is killed leaves commits that nobody sees. The next writer takes the newest version of the table of scenes
for true (a scene is entered there after all its tiles), and deletes tiles of what is not there, unless it can go on with
them. The order of commits is therefore: tiles, scenes, deletion of tiles that have been replaced, publication.

A large archive on this machine has an index over its vectors in a folder beside the tables (`archive.nearest`). The state
names it, so it changes with the same commit. Row ids are stable and never given twice: an index stays true of the rows that
it holds, whatever is added, deleted or merged later. On object storage, where no file can be mapped, and in archives made
before row ids were stable, the database's own index takes its place (`archive.ann`).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from geoglot.archive import ann, nearest_build
from geoglot.archive.rows import SCENE_SCHEMA, text, tile_schema
from geoglot.archive.tiling import Options
from geoglot.core.errors import ArchiveError, LockedError, NotFoundError, ResourceError
from geoglot.core.protocols import ModelSpec

SCHEMA = 2
STATE = "state"
KEPT = timedelta(hours=1)  # how long versions stay that a reader may still be looking at
_STABLE = {"new_table_enable_stable_row_ids": "true"}


@dataclass(frozen=True)
class Generation:
    """One set of tables: the model whose vectors they hold, how tiles were cut, and the versions that readers see."""

    number: int
    model: ModelSpec
    options: Options
    tiles: int = 0
    scenes: int = 0
    hidden: tuple[int, ...] = ()  # runs of scenes that are not complete
    stable: bool = False  # whether row ids outlive the merging of files
    nearest: str = ""  # the folder of the index over the vectors, empty for none

    @property
    def tables(self) -> tuple[str, str]:
        """Names of the tables of tiles and of scenes."""
        return f"tiles_{self.number}", f"scenes_{self.number}"


@dataclass(frozen=True)
class State:
    """What readers see (`live`), and what is being built beside it with another model (`next`)."""

    live: Generation
    next: Generation | None = None

    def text(self) -> str:
        """As it is stored."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def parse(cls, text: str) -> State:
        """Read a stored state; `ArchiveError` when a newer geoglot wrote it, or it is damaged."""
        try:
            made = json.loads(text)
            if made.pop("schema") > SCHEMA:
                raise ArchiveError(
                    "The archive was made by a newer geoglot: upgrade geoglot, or index again into another folder."
                )
            live, coming = (None if made[key] is None else _generation(made[key]) for key in ("live", "next"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArchiveError(f"The archive's state is damaged ({error}): index again into another folder.") from None
        if live is None:
            raise ArchiveError("The archive's state names no generation: index again into another folder.")
        return cls(live, coming)


def _generation(made: dict[str, Any]) -> Generation:
    made["hidden"] = tuple(made["hidden"])
    model: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in made.pop("model").items()}
    return Generation(model=ModelSpec(**model), options=Options(**made.pop("options")), **made)


def is_local(path: str) -> bool:
    """Whether an archive is a folder of this machine; the lock and the check for foreign folders exist only there."""
    return "://" not in path


class Store:
    """The tables of one archive."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path) if not is_local(str(path)) else str(Path(path).expanduser().absolute())

    @contextlib.contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the database raises into errors of our own tree."""
        try:
            yield
        except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
            text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            if any(sign in str(error).lower() for sign in ("no space", "storagefull", "quota", "os error 28")):
                raise ResourceError(
                    f"The disk is full: {doing} {self.path} stopped. Free some space, then run it again."
                ) from None
            raise ArchiveError(f"{doing} {self.path} failed: {text}") from error

    def connect(self) -> Any:
        """A connection of our own to the database."""
        os.environ.setdefault("LANCEDB_LOG", "error")  # it warns of every table that is made
        import lancedb

        with self.errors("Opening"):
            return lancedb.connect(self.path)

    @property
    def folder(self) -> Path | None:
        """Where the archive is on this machine, None on object storage."""
        return Path(self.path) if is_local(self.path) else None

    def exists(self) -> bool:
        """Whether there is an archive here."""
        if is_local(self.path) and not (Path(self.path) / f"{STATE}.lance").is_dir():
            return False
        return self._state_table() is not None

    def _state_table(self) -> Any:
        try:
            return self.connect().open_table(STATE)
        except (ValueError, OSError, RuntimeError, FileNotFoundError):
            return None  # absent, or its making was interrupted before its first commit

    def open_state(self) -> Any:
        """The table of the state; `NotFoundError` says how to make an archive."""
        table = self._state_table()
        if table is None:
            raise NotFoundError(f"There is no archive at {self.path}; make one with 'geoglot index SCENES -o {self.path}'.")
        return table

    def state(self, table: Any = None) -> State:
        """The newest state; a table that is passed is brought up to date."""
        with self.errors("Reading"):
            if table is None:
                table = self.open_state()
            else:
                table.checkout_latest()
            return State.parse(table.to_arrow()["state"][0].as_py())

    def read(self, generation: Generation, connection: Any = None) -> tuple[Any, Any]:
        """The tables of tiles and scenes as readers see them."""
        db = connection or self.connect()
        with self.errors("Opening"):
            tiles, scenes = (db.open_table(name) for name in generation.tables)
            tiles.checkout(generation.tiles)
            scenes.checkout(generation.scenes)
        return tiles, scenes

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer while the block runs; the system takes the lock back from a process that dies."""
        if not is_local(self.path):
            yield  # object storage has no locks: the user sees to it that one process writes
            return
        folder = Path(self.path)
        self._check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                who = file.read().strip()
                raise LockedError(
                    f"{self.path} is being written to by another process{f' ({who})' if who else ''}; wait for it to end."
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()}")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def _check_folder(self, folder: Path) -> None:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise ArchiveError(f"{folder} is a file; an archive is a folder.")
        foreign = [entry.name for entry in folder.iterdir() if not (entry.name == ".lock" or entry.suffix == ".lance")]
        if foreign and not (folder / f"{STATE}.lance").is_dir():
            raise ArchiveError(
                f"{folder} holds other files ({', '.join(sorted(foreign)[:3])}); name a new folder for the archive."
            )


class Writer:
    """What the one writer may do; made while `Store.lock` is held."""

    def __init__(self, store: Store, model: ModelSpec, options: Options) -> None:
        self._store = store
        self._db = store.connect()
        with store.errors("Writing to"):
            if store.exists():
                self._table = store.open_state()
                self.state = store.state(self._table)
            else:
                self.state = State(self._create(1, model, options))
                self._table = self._db.create_table(STATE, _one(self.state), mode="overwrite")
            self._drop_orphans()

    def _create(self, number: int, model: ModelSpec, options: Options) -> Generation:
        made = Generation(number, model, options, stable=True)
        tiles, scenes = made.tables
        one = self._db.create_table(tiles, schema=tile_schema(model.dim), mode="overwrite", storage_options=_STABLE)
        two = self._db.create_table(scenes, schema=SCENE_SCHEMA, mode="overwrite")
        return replace(made, tiles=one.version, scenes=two.version)

    def _drop_orphans(self) -> None:
        """Drop tables that no state names: of a generation given up, or switched away from."""
        kept = {STATE, *self.state.live.tables, *(self.state.next.tables if self.state.next else ())}
        for entry in _names(self._db):
            if entry not in kept and entry.startswith(("tiles_", "scenes_")):
                self._db.drop_table(entry)

    def _save(self, state: State) -> None:
        with self._store.errors("Writing to"):
            self._table.add(_one(state), mode="overwrite")
        self.state = state

    def begin_next(self, model: ModelSpec, options: Options) -> None:
        """Start a generation beside the live one, or go on with the one that was started for the same model and options."""
        coming = self.state.next
        if coming is not None and (coming.model.hash, coming.options) == (model.hash, options):
            return
        number = 1 + max(self.state.live.number, coming.number if coming else 0)
        with self._store.errors("Writing to"):
            made = self._create(number, model, options)
        self._save(State(self.state.live, made))
        self._drop_orphans()

    def switch(self) -> None:
        """Make the next generation the live one; the old one's tables go."""
        if self.state.next is None:
            raise ArchiveError("There is no next generation to switch to.")
        self._save(State(self.state.next))
        with self._store.errors("Writing to"):
            self._drop_orphans()

    def tables(self, generation: Generation) -> Tables:
        """The newest tables of a generation, unseen commits of a killed writer included."""
        with self._store.errors("Opening"):
            tiles, scenes = (self._db.open_table(name) for name in generation.tables)
        return Tables(self._store, tiles, scenes, generation)

    def publish(self, tables: Tables, hidden: Iterable[int]) -> None:
        """Let readers see the newest versions of a generation's tables, apart from the tiles of some runs."""
        versions = {"tiles": tables.tiles.version, "scenes": tables.scenes.version}
        seen = replace(tables.generation, **versions, hidden=tuple(sorted(hidden)), nearest=tables.nearest)
        if seen == tables.generation:
            return
        tables.generation = seen
        live = self.state.live
        self._save(State(seen, self.state.next) if seen.number == live.number else State(live, seen))

    def tidy(self) -> None:
        """Delete old versions of the state, and indexes over vectors that no state names."""
        with self._store.errors("Writing to"):
            self._table.optimize(cleanup_older_than=KEPT)
            if self._store.folder is not None:
                coming = self.state.next
                named = {self.state.live.nearest, coming.nearest if coming else ""}
                nearest_build.clean(self._store.folder, named, KEPT)


class Tables:
    """The tables of one generation, to write to."""

    def __init__(self, store: Store, tiles: Any, scenes: Any, generation: Generation) -> None:
        self._store = store
        self.tiles, self.scenes, self.generation = tiles, scenes, generation
        self.nearest = generation.nearest

    @property
    def dirty(self) -> bool:
        """Whether an interrupted writer may have left tiles of scenes that are not complete."""
        seen = self.generation
        return bool(seen.hidden) or (self.tiles.version, self.scenes.version) != (seen.tiles, seen.scenes)

    def records(self) -> dict[str, dict[str, Any]]:
        """The complete scenes by identifier."""
        with self._store.errors("Reading"):
            return {row["scene"]: row for row in self.scenes.to_arrow().to_pylist()}

    def add(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Append tiles in one commit."""
        with self._store.errors("Writing to"):
            self.tiles.add(pa.Table.from_batches(list(batches)))

    def complete(self, rows: Sequence[dict[str, Any]]) -> None:
        """Enter scenes whose tiles are all stored, in the place of their former states."""
        with self._store.errors("Writing to"):
            made = pa.Table.from_pylist(list(rows), schema=SCENE_SCHEMA)
            self.scenes.merge_insert("scene").when_matched_update_all().when_not_matched_insert_all().execute(made)

    def forget(self, scene: str) -> None:
        """Take a scene out of the table of scenes."""
        with self._store.errors("Writing to"):
            self.scenes.delete(f"scene = {text(scene)}")

    def delete_runs(self, runs: Sequence[int]) -> None:
        """Delete the tiles of states of scenes."""
        with self._store.errors("Writing to"):
            for at in range(0, len(runs), 1000):
                self.tiles.delete(f"run IN ({', '.join(str(run) for run in runs[at : at + 1000])})")

    def loose(self, records: Mapping[str, Mapping[str, Any]]) -> set[int]:
        """Runs that have tiles and are of no complete scene: what an interrupted writer left."""
        if not self.dirty:
            return set()
        with self._store.errors("Reading"):
            found: set[int] = set()
            for batch in self.tiles.search().select(["run"]).to_batches():
                found.update(batch["run"].unique().to_pylist())
        return found - {row["run"] for row in records.values()}

    def windows(self, run: int) -> set[tuple[int, int]]:
        """Row and column of the tiles that are stored of a state of a scene."""
        with self._store.errors("Reading"):
            found = self.tiles.search().where(f"run = {run}").select(["row", "col"]).to_arrow()
        return set(zip(found["row"].to_pylist(), found["col"].to_pylist(), strict=True))

    def tidy(self) -> None:
        """Merge small files, bring the index over the vectors up to date (and make it, for a large table)."""
        seen, folder = self.generation, self._store.folder
        with self._store.errors("Writing to"):
            if (folder is None or not seen.stable) and self.tiles.count_rows() >= ann.EXACT_ROWS:
                ann.build(self.tiles)
            self.tiles.optimize(cleanup_older_than=KEPT)
            self.scenes.optimize(cleanup_older_than=KEPT)
            if folder is not None and seen.stable:
                self.nearest = nearest_build.update(folder, self.tiles, seen.model.hash, seen.number, self.nearest)


def _one(state: State) -> pa.Table:
    return pa.table({"state": [state.text()]})


def _names(db: Any) -> list[str]:
    names: list[str] = []
    token: str | None = None
    while True:
        page = db.list_tables(page_token=token, limit=100)
        names += page.tables
        token = page.page_token
        if not token:
            return names
