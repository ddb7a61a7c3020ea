"""What the operator decides: places, limits, who may do what."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from geoglot.archive.store import is_local
from geoglot.core.errors import InputError
from geoglot.core.protocols import Chat, Generator

MIB = 2**20
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class Basemap:
    """A map of the operator's to draw under the scenes: an address with {z}, {x} and {y}."""

    tiles: str
    attribution: str = ""
    maxzoom: int = 19

    def __post_init__(self) -> None:
        if not all(part in self.tiles for part in ("{z}", "{x}", "{y}")):
            raise InputError(f"A basemap is an address with {{z}}, {{x}} and {{y}} in it, got {self.tiles!r}.")


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for; sizes in bytes, times in seconds."""

    upload: int = 512 * MIB
    chip: int = 32 * MIB
    body: int = MIB  # of JSON
    depth: int = 32  # of nested JSON
    pixels: int = 10**9  # of a raster that is taken in
    chip_pixels: int = 64 * 10**6
    results: int = 1000  # of one search
    vertices: int = 10_000  # of an area
    marks: int = 1000  # of relevance feedback
    seconds: float = 60.0  # of a request that is no download and no stream
    stall: float = 30.0  # that a sender may be silent
    jobs: int = 100  # that wait or run
    kept: int = 200  # jobs that have ended and are kept
    saved: int = 1000  # searches
    chips: int = 200
    chip_seconds: float = 3600.0
    tile_cache: int = 128 * MIB
    open_scenes: int = 32
    questions: int = 8  # to the model that answers, of which one is at work and the others wait
    answer_seconds: float = 120.0  # from a question to its answer
    drawn: int = 2048**2  # pixels of a generated scene
    evidence: int = 100  # maps of evidence that are kept
    rate: int = 0  # requests a minute from one address without a key; 0 for no limit


@dataclass(frozen=True)
class Settings:
    """A service over one archive.

    `state` is the folder of jobs, uploads and saved searches, beside the archive by default. `allow` are folders of this
    machine and addresses (`https://host/path`) whose rasters the verb `ingest` may be pointed at; `private` lets these
    addresses lead to private networks. `hosts` are names that the server answers to beside those of this machine, `["*"]`
    for all; `cors` are origins of pages that may use the API from elsewhere. `chat` answers questions: a `Chat`, or its name as
    `models.load` takes it; None is `nano-chat` where its weights are there, "none" is no model. `generator` draws
    scenes: a `Generator` or its name, `nano-gen` in the same way.
    """

    archive: str
    state: Path | None = None
    name: str = ""
    model: str | None = None
    chat: str | Chat | None = None
    generator: str | Generator | None = None
    keys: Path | None = None
    allow: tuple[str, ...] = ()
    private: bool = False
    cors: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    uploads: bool = True
    basemap: Basemap | None = None
    limits: Limits = field(default_factory=Limits)
    batch: int = 32  # texts or pictures that are encoded together
    wait: float = 0.003  # seconds that the first of them waits for others

    @property
    def folder(self) -> Path:
        """Where state is kept, as an absolute path: scenes that are taken in are known by theirs."""
        if self.state is not None:
            return self.state.expanduser().absolute()
        if is_local(self.archive):
            path = Path(self.archive).expanduser().absolute()
            return path.with_name(f"{path.name}.serve")
        return Path(tempfile.gettempdir()) / "geoglot-serve"

    @property
    def title(self) -> str:
        """What people see as the archive's name."""
        return self.name or Path(self.archive.rstrip("/")).name
