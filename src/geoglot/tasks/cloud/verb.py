"""The verb: from scenes to masks of cloud and shadow. A segmentation with a head of fixed classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglot.archive.rows import Asked
from geoglot.archive.sources import Source, Sources, listed
from geoglot.archive.tiling import Options
from geoglot.core.errors import InputError, NotFoundError
from geoglot.core.protocols import ModelSpec
from geoglot.tasks.segment.classmap import ClassMap, ClassMaps
from geoglot.tasks.segment.verb import check_folder, check_outputs, keep_apart, named

CLOUD, SHADOW = 1, 2  # values of a mask
NAMES = ("cloud", "shadow")
REST = "clear"


@dataclass(frozen=True)
class Settings:
    """How scenes are looked at: `head` is a file of the recipe cloud in place of the model's own, `gsd` metres a pixel; the rest
    is as for `segment`."""

    head: str | Path | None = None
    gsd: float | None = None
    sensor: str | None = None
    bands: Sequence[str] | None = None
    time: str | None = None
    least: float = 0.0
    batch: int = 32
    workers: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if self.head is not None and not Path(self.head).is_file():
            raise NotFoundError(f"There is no cloud head {self.head}: train one with geoglot recipe cloud, or leave it out.")
        if self.batch < 1:
            raise InputError(f"A batch holds at least one picture, got {self.batch}.")
        if self.least < 0:
            raise InputError(f"The smallest polygon has no negative area, got {self.least}.")
        _ = self.options

    @property
    def options(self) -> Options:
        """How to cut windows."""
        return Options(None, self.gsd)

    @property
    def files(self) -> tuple[str | Path, ...]:
        """What is read beside scenes."""
        return () if self.head is None else (self.head,)

    def sources(self, given: Sources) -> list[Source]:
        """The scenes that are meant."""
        return listed(given, Asked(self.sensor, tuple(self.bands) if self.bands else None, self.time))


def check(spec: ModelSpec) -> None:
    """Raise `ModelError` for a model that comes without a cloud head."""
    from geoglot.models.cloud import parts_of

    parts_of(spec)


def cloud(model: Any, source: Any, *, out: str | Path | Sequence[str | Path] = (), **settings: Any) -> ClassMap:
    """Tell cloud (1), cloud shadow (2) and clear ground (0) for every pixel of one scene; 255 is where nothing was observed.

    `model` is nano, its name, or a function that loads it once the request is known to make sense. `out` are files to write: .tif
    for a COG with colours, .gpkg, .geojson or .parquet for polygons. For `settings` see `Settings`.

    Raises `InputError` for outputs and settings that make no sense, `ModelError` for a model without a cloud head, `RasterError`
    for radar, which sees through clouds, what `Scene.open` raises, and `InputError` for more than one scene (see `cloud_all`).
    """
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    check_outputs(outputs)
    asked = Settings(**settings)
    found = asked.sources(source)
    if len(found) != 1:
        raise InputError(f"{source} are {len(found)} scenes: use cloud_all, or name a folder for the output (-o masks/).")
    keep_apart(outputs, found, (), asked.files)
    return _run(model, found, asked, lambda _: outputs)[0][0]


def cloud_all(model: Any, sources: Sources, *, out: str | Path, suffix: str = ".tif", **settings: Any) -> ClassMaps:
    """Mask many scenes, each into one file of the folder `out`, named like the scene.

    Broken scenes are told in the result and stop nothing. The rest is as in `cloud`. Raises `InputError` too for scenes of one
    name, `RasterError` when no scene can be masked.
    """
    folder, suffix = check_folder(out, suffix)
    asked = Settings(**settings)
    found = asked.sources(sources)
    targets = named(found, folder, suffix, (), asked.files)
    maps, skipped = _run(model, found, asked, lambda source: (targets[source.id],))
    return ClassMaps(tuple(maps), tuple(skipped))


def _run(
    model: Any, found: Sequence[Source], asked: Settings, outputs: Callable[[Source], tuple[Path, ...]]
) -> tuple[list[ClassMap], list[tuple[str, str]]]:
    """Torch is imported here, after all that a request itself can be told."""
    from geoglot.tasks.cloud.ready import ready
    from geoglot.tasks.segment.stream import run

    return run(found, ready(model, asked), outputs)
