"""What a user may ask of a conversation, and which scenes are meant: told before any model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box
from geoglot.geo.scene import Scene

MOST = 8  # pictures of one question that are named as such: dates of a place
LONGEST = 4000  # characters of a question


@dataclass(frozen=True)
class Settings:
    """How scenes are looked at.

    - `gsd`: metres a pixel at which the scene is looked at; its own without it. `tile`: seen pixels a side of a part of a large
      scene; as suits the model without it. `most`: parts of a large scene that are asked, those that matter first.
    - `region`: a part of the scene, as a `Box` in its pixels or (west, south, east, north) in degrees.
    - `box`, `point`: what a question is about: (left, top, right, bottom) or a `Box`, and (x, y), in pixels of the scene; with
      `lonlat` (west, south, east, north) and (longitude, latitude) in degrees. Each may be several.
    - `least`: score from which on a box counts. `upright`: upright boxes, else turned ones where the model gives them.
    - `guide`: an image-text model, its name, or None for the order of the rows: it says which parts matter.
    - `sensor`, `bands`, `time`: what files do not say.
    """

    gsd: float | None = None
    tile: int | None = None
    most: int = 32
    region: Box | Sequence[float] | None = None
    box: Box | Sequence[Any] | None = None
    point: Sequence[Any] | None = None
    lonlat: bool = False
    least: float = 0.3
    upright: bool = True
    guide: Any = "nano"
    sensor: str | None = None
    bands: Sequence[str] | None = None
    time: str | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if self.gsd is not None and not self.gsd > 0:
            raise InputError(f"Metres a pixel are above 0, got {self.gsd}.")
        if self.tile is not None and not 32 <= self.tile <= 8192:
            raise InputError(f"A part of a scene has 32 to 8192 pixels a side, got {self.tile}.")
        if self.most < 1:
            raise InputError(f"At least one part of a large scene must be asked, got {self.most}.")
        if not 0 <= self.least <= 1:
            raise InputError(f"A score lies between 0 and 1, got {self.least}.")
        if self.region is not None and not isinstance(self.region, Box) and len(self.region) != 4:
            raise InputError(f"A region is west, south, east and north, or a Box, got {len(self.region)} numbers.")


def check_text(text: str, what: str = "question") -> str:
    """A text without space around it. Raises `InputError` for one that is empty or too long."""
    plain = " ".join(text.split())
    if not plain:
        raise InputError(f"The {what} is empty: say in words what you want to know.")
    if len(plain) > LONGEST:
        raise InputError(f"The {what} has {len(plain):,} characters, more than {LONGEST:,}: ask for one thing at a time.")
    return plain


def opened(stack: ExitStack, source: Any, asked: Settings) -> tuple[Scene, ...]:
    """Open one scene, or the dates of a place in their order. Raises `InputError` for too many, and what `Scene.open` raises."""
    given = [source] if isinstance(source, str | Path | Scene) else list(source)
    if not 1 <= len(given) <= MOST:
        raise InputError(f"A question is about one scene, or up to {MOST} dates of a place, got {len(given)}.")
    scenes = []
    for one in given:
        scene = one if isinstance(one, Scene) else stack.enter_context(_open(one, asked))
        scenes.append(scene)
    if len({scene.href for scene in scenes}) < len(scenes):
        raise InputError("A scene is named twice: name each date once.")
    return tuple(scenes)


def _open(source: str | Path, asked: Settings) -> AbstractContextManager[Scene]:
    return Scene.open(source, asked.sensor, asked.bands, asked.time)
