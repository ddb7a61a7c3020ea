"""The verb: from scenes, and labels in words or polygons of examples, to a class for every pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from geoglot.archive.sources import Source, Sources
from geoglot.core.errors import InputError
from geoglot.geo.scene import Scene
from geoglot.geo.write import check_apart
from geoglot.tasks.segment import classmap
from geoglot.tasks.segment.asked import Labels, Request, Settings, Train
from geoglot.tasks.segment.classmap import ClassMap, ClassMaps


def segment(
    model: Any,
    source: Any,
    labels: Labels | None = None,
    *,
    out: str | Path | Sequence[str | Path] = (),
    train: str | Path | Train | None = None,
    head: str | Path | None = None,
    save: str | Path | None = None,
    **settings: Any,
) -> ClassMap:
    """Give every pixel of one scene a class.

    `model` is a dual encoder with dense features, its name, or a function that loads one once the request is known to make
    sense. The classes are `labels` in words with synonyms (see `text.templates.read_labels`), those of polygons (`train`, a file
    with a property `label`) to which a head is fitted, which `save` writes, or those of such a saved `head`.
    `out` are files to write: .tif for a COG, .gpkg, .geojson or .parquet for polygons; an interrupted run goes on where it was
    when it is started again with the same `out`. For `settings` see `Settings`.

    Raises `InputError` for labels, polygons, outputs and settings that make no sense and `ModelError` for a model without dense
    features, before any pixel is read; what `Scene.open` raises; and `InputError` for more than one scene (see `segment_all`).
    """
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    check_outputs(outputs)
    request = Request(labels, train, head, save, Settings(**settings))
    found = request.sources(source)
    if len(found) != 1:
        raise InputError(f"{source} are {len(found)} scenes: use segment_all, or name a folder for the output (-o maps/).")
    keep_apart(outputs, found, *_others(request))
    maps, _ = _run(model, found, request, lambda _: outputs)
    return maps[0]


def segment_all(
    model: Any,
    sources: Sources,
    labels: Labels | None = None,
    *,
    out: str | Path,
    suffix: str = ".tif",
    train: str | Path | Train | None = None,
    head: str | Path | None = None,
    save: str | Path | None = None,
    **settings: Any,
) -> ClassMaps:
    """Segment many scenes, each into one file of the folder `out`, named like the scene.

    Broken scenes are told in the result and stop nothing. The rest is as in `segment`. Raises `InputError` too for scenes of
    one name, `RasterError` when no scene can be read.
    """
    folder, suffix = check_folder(out, suffix)
    request = Request(labels, train, head, save, Settings(**settings))
    found = request.sources(sources)
    targets = named(found, folder, suffix, *_others(request))
    maps, skipped = _run(model, found, request, lambda source: (targets[source.id],))
    return ClassMaps(tuple(maps), tuple(skipped))


def check_folder(out: str | Path, suffix: str) -> tuple[Path, str]:
    """The folder and the suffix of the maps of many scenes. Raises `InputError` for a file, and for a suffix of no format."""
    folder = Path(out)
    suffix = suffix if suffix.startswith(".") else f".{suffix}"
    classmap.check_output(f"scene{suffix}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and several scenes need a folder: give another name after -o.")
    return folder, suffix


def named(
    found: Sequence[Source], folder: Path, suffix: str, kept: Sequence[str | Path] = (), read: Sequence[str | Path] = ()
) -> dict[str, Path]:
    """A file of a folder for each source, by its identifier; makes the folder.

    Raises `InputError` for scenes of one name, and as `keep_apart` does.
    """
    targets: dict[str, Path] = {}
    for source in found:
        target = folder / f"{_stem(source.id)}{suffix}"
        if (other := next((name for name, path in targets.items() if path == target), None)) is not None:
            raise InputError(f"{other} and {source.id} would both be written to {target}: write them into two folders.")
        targets[source.id] = target
    keep_apart(targets.values(), found, kept, read)
    folder.mkdir(parents=True, exist_ok=True)
    return targets


def _run(
    model: Any, found: Sequence[Source], request: Request, outputs: Callable[[Source], tuple[Path, ...]]
) -> tuple[list[ClassMap], list[tuple[str, str]]]:
    """Torch is imported here, after all that a request itself can be told."""
    from geoglot.tasks.segment.ready import ready
    from geoglot.tasks.segment.stream import run

    return run(found, ready(request, model, found), outputs)


def check_outputs(outputs: Sequence[Path]) -> None:
    """Raise `InputError` for files of no format, in no folder, or named twice."""
    for path in outputs:
        classmap.check_output(path)
        if not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent} for {path.name}: make it first.")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise InputError("An output is named twice.")


def keep_apart(
    outputs: Iterable[Path], found: Sequence[Source], kept: Sequence[str | Path] = (), read: Sequence[str | Path] = ()
) -> None:
    """Raise `InputError` where the scenes, or what else is `read`, would be written over, or an output by what else is `kept`."""
    scenes = [href for one in found for href in _files(one)]
    check_apart([*outputs, *kept], [*scenes, *read])
    check_apart(kept, outputs)


def _others(request: Request) -> tuple[Sequence[str | Path], Sequence[str | Path]]:
    """What a request writes and reads beside maps and scenes."""
    return (() if request.save is None else (request.save,)), tuple(request.files)


def _files(source: Source) -> list[str]:
    return [layer.href for layer in source.place.layers] if isinstance(source.place, Scene) else [source.id]


def _stem(name: str) -> str:
    return Path(name.rstrip("/")).stem or "scene"
