"""The verb: from two scenes to what changed between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from geoglot.core.errors import InputError
from geoglot.core.parts import find
from geoglot.geo.write import check_apart
from geoglot.tasks.change import presets
from geoglot.tasks.change.asked import Settings, matched, paired
from geoglot.tasks.change.changemap import ChangeMap, check_outputs
from geoglot.tasks.change.clouds import clouds_of
from geoglot.tasks.change.level import level_of
from geoglot.tasks.change.pair import Pair
from geoglot.tasks.change.presets import Preset
from geoglot.tasks.change.stream import Run, run

ROOM = "tasks.change.methods"


def change(before: Any, after: Any, *, out: str | Path | Sequence[str | Path] = (), **settings: Any) -> ChangeMap:
    """Find what changed between two scenes, on the grid of the first.

    `out` are files to write: .tif for a COG, .gpkg, .geojson or .parquet for polygons, .png for pictures side by side, .gif or
    .webp for a moving one; an interrupted run goes on where it was when it is started again with the same `out`. For `settings`
    see `Settings`: without any, the method is the preset of the sensor.

    Raises `InputError` for settings and outputs that make no sense and for scenes that make no pair, before any long work;
    `RasterError` where no pixel was observed in both; what `Scene.open` raises.
    """
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    check_outputs(outputs)
    asked = Settings(**settings)
    if asked.method is not None:
        find(ROOM, asked.method)
    pair = paired(before, after, asked)
    check_apart(outputs, [layer.href for scene in (pair.before, pair.after) for layer in scene.layers])
    over = clouds_of((pair.before, pair.after), asked.clouds, asked.progress)
    return run(pair, replace(_chosen(pair, asked), clouds=over), outputs)


def check(before: Any, after: Any, **settings: Any) -> None:
    """Raise what `change` raises for the same request, as far as it shows before a pixel is read or a model loaded."""
    asked = Settings(**settings)
    pair = matched(before, after, asked)
    _method(pair, asked)
    clouds_of((pair.before, pair.after), asked.clouds)


def _method(pair: Pair, asked: Settings) -> tuple[ModuleType, Preset]:
    """The method that is asked for, else the preset's, and the preset. Raises `InputError` for one that does not fit the pair."""
    own = presets.preset(pair.before.sensor.id, pair.crossed, len(pair.bands))
    name = asked.method or ("scm" if asked.query is not None else own.method)
    module = find(ROOM, name)
    if pair.crossed and not getattr(module, "CROSSES", False):
        raise InputError(f"{name} compares values of one kind of sensor; radar and optical scenes need the method structure.")
    if getattr(module, "RADAR_ONLY", False) and not pair.radar:
        raise InputError(
            f"{name} is for radar, and {pair.before.id} is {pair.before.sensor.title}: name the sensor (--sensor sar)."
        )
    return module, own


def _chosen(pair: Pair, asked: Settings) -> Run:
    """What is asked for, filled up from the preset of the sensor. Raises `InputError` for a method that does not fit the pair."""
    module, own = _method(pair, asked)
    name = module.__name__.rpartition(".")[2]
    same = module is find(ROOM, own.method)
    options = asked.options
    if options is None:
        options = own.options if same and own.options is not None else module.Options()
    if hasattr(module, "ready"):  # a method that looks through a model
        options = module.ready(options, asked.model, asked.query)
    level = level_of(asked.level) if asked.level else own.level if same else presets.LEVELS.get(name, "invariant")
    threshold = asked.threshold
    if threshold is None:
        threshold = own.threshold if same else "own"
    said = None
    if asked.labels is not None:
        from geoglot.tasks.change.said import Said

        said = Said(pair, asked.labels, asked.model, asked.progress)
    return Run(module, options, level, threshold, asked.false_alarm, asked.register, asked.least, asked.progress, said)
