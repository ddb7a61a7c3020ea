"""What a user may ask of a generator besides words and a place: told before a model is loaded, as far as it can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import InputError
from geoglot.geo import sensors
from geoglot.geo.identify import parse_time, utc
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.geo.synthetic import check_prompt
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.tasks.generate.place import Ground, Place

KINDS = {"mask": "mask", "roads": "roads", "edges": "edges", "sketch": "sketch", "before": "date"}
LONGEST = 4000  # letters of a prompt


@dataclass(frozen=True)
class Settings:
    """How a scene is drawn; what is None is unknown to the model, or its own default.

    - `avoid`: words for what should not be there; `label`: a class that the model knows; `cloud`: cover in [0, 1]; `time`: a
      date; `sensor`: as what sees it.
    - `seed`: the same seed gives the same pixels; `steps`, `guidance`, `sampler`: see `models.condition.Drawing`.
    - `mask` (values of classes), `roads`, `edges`, `sketch`, `before` (another date): rasters on the grid that is drawn, and
      `weights` of them by name, 1 where nothing is said.
    """

    avoid: str = ""
    label: str | None = None
    cloud: float | None = None
    time: str | datetime | None = None
    sensor: str | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    mask: Any = None
    roads: Any = None
    edges: Any = None
    sketch: Any = None
    before: Any = None
    weights: Mapping[str, float] = field(default_factory=dict)
    progress: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise InputError(f"A seed is a whole number from 0 on, and not {self.seed}.")
        for name in self.weights:
            if name not in self.controls:
                given = ", ".join(self.controls) or "none"
                raise InputError(f"There is a weight for {name!r}, and no such control: given are {given}.")
        _ = self.drawing
        self.condition("")

    @property
    def controls(self) -> dict[str, Any]:
        """The rasters that are given, by name."""
        return {name: getattr(self, name) for name in KINDS if getattr(self, name) is not None}

    @property
    def drawing(self) -> Drawing:
        """How the model draws."""
        return Drawing(self.steps, self.guidance, self.sampler)

    @property
    def when(self) -> datetime | None:
        """The date that is drawn, in UTC."""
        return parse_time(self.time) if isinstance(self.time, str) else None if self.time is None else utc(self.time)

    @property
    def seen_by(self) -> str | None:
        """The sensor by the name that we have for it, or as it is said: a model may know others."""
        known = None if self.sensor is None else sensors.match_word(self.sensor.strip().replace(" ", "-"))
        return self.sensor if known is None else known.id

    def condition(self, text: str, gsd: float | None = None, **more: Any) -> Condition:
        """What the model is asked for; `gsd` only where no grid tells it."""
        return Condition(
            text=checked(text),
            avoid=checked(self.avoid),
            label=self.label,
            gsd=gsd,
            cloud=self.cloud,
            time=self.when,
            sensor=self.seen_by,
            **more,
        )

    def told(self, ground: Ground, gsd: float | None, **more: Any) -> dict[str, Any]:
        """What a file says of all this."""
        at = None if isinstance(ground, tuple) else [round(value, 6) for value in ground.lonlat()]
        controls = {
            name: {"raster": _name(given), "weight": self.weights.get(name, 1.0)} for name, given in self.controls.items()
        }
        return {
            "avoid": self.avoid.strip(),
            "label": self.label,
            "at": at,
            "gsd": gsd if isinstance(ground, tuple) else round(ground.gsd, 6),
            "cloud": self.cloud,
            "date": None if self.when is None else self.when.isoformat(),
            "sensor": self.seen_by,
            "controls": controls,
            **more,
        }


def checked(text: str) -> str:
    """Words as a model takes them. Raises `InputError` for too many."""
    if len(text) > LONGEST:
        raise InputError(f"A prompt has at most {LONGEST:,} letters, and this one {len(text):,}: say it shorter.")
    return check_prompt(text)


def check_controls(asked: Settings, place: Place) -> Place:
    """The place, which is the first control's where nothing else says it. Raises what opening a control raises, and `InputError`.

    Controls are read when the model, which may say the size, is there.
    """
    for given in asked.controls.values():
        if isinstance(given, str | Path):
            with Scene.open(given):
                pass
    said = (place.at, place.bbox, place.like, place.size, place.gsd)
    if not asked.controls or any(one is not None for one in said):
        return place
    return Place(like=next(iter(asked.controls.values())))


def controls_on(asked: Settings, ground: Ground) -> tuple[Control, ...]:
    """The controls, read. Raises `InputError` for one on another grid."""
    return tuple(
        Control(KINDS[name], _on(name, given, ground), asked.weights.get(name, 1.0)) for name, given in asked.controls.items()
    )


def _on(name: str, given: Any, ground: Ground) -> Raster:
    if isinstance(given, Raster):
        _check(name, "the raster in memory", given.shape, given.grid, ground)
        return given
    scene = given if isinstance(given, Scene) else Scene.open(given)
    try:
        check_on(name, scene, ground)
        if name == "mask":
            return scene.read()  # numbers of classes, or the share of each in a band of its own, as the model knows them
        shown = scene.display()
        if name == "before":
            return shown
        return Raster(
            shown.data.mean(axis=0, keepdims=True, dtype=np.float32), shown.valid, shown.grid, (Band(name),), shown.time
        )
    finally:
        if scene is not given:
            scene.close()


def check_on(name: str, scene: Scene, ground: Ground) -> None:
    """Raise `InputError` for a raster whose pixels are not those that are drawn."""
    _check(name, scene.id, scene.shape, scene.grid, ground)


def _check(name: str, id: str, shape: tuple[int, int], grid: Any, ground: Ground) -> None:
    wanted = ground if isinstance(ground, tuple) else ground.shape
    if shape != wanted:
        raise InputError(
            f"{id} ({name}) is {shape[1]} x {shape[0]} pixels, and what is drawn {wanted[1]} x {wanted[0]}: draw on its grid "
            f"(--like {_name(id)}), or bring it to the other one with gdalwarp."
        )
    if isinstance(ground, tuple) or (grid is not None and same(grid, ground)):
        return
    where = "has no georeference" if grid is None else f"lies on another grid ({grid.crs.to_string()[:40]}, {grid.gsd:.3g} m)"
    raise InputError(
        f"{id} ({name}) {where} than what is drawn: draw on its grid (--like {_name(id)}), or bring it to the other one with "
        "gdalwarp."
    )


def same(one: Any, other: Any) -> bool:
    """Whether two grids have the same pixels, up to what a file rounds."""
    if one.crs != other.crs or one.shape != other.shape:
        return False
    step = ~other.transform * one.transform
    drift = abs(step.a - 1) + abs(step.e - 1) + abs(step.b) + abs(step.d)
    return bool(drift * max(one.shape) + abs(step.c) + abs(step.f) < 0.02)


def _name(given: Any) -> str:
    if isinstance(given, Raster):
        return "a raster in memory"
    return Path(given.id if isinstance(given, Scene) else str(given)).name
