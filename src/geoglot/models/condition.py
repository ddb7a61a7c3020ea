"""What a generator is asked for: words, metadata and images in one type, and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from geoglot.core.errors import InputError
from geoglot.geo.raster import Raster

KINDS = ("mask", "roads", "edges", "lines", "sketch", "depth", "date", "coarse")


@dataclass(frozen=True)
class Control:
    """A raster that steers: a mask of classes, roads, edges, straight lines, a sketch, heights, another date, or coarser pixels.

    `raster` is on the grid that is drawn, or has none and its shape. `weight` scales what it adds; 0 is as if it were not there.
    """

    kind: str
    raster: Raster
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"{self.kind!r} is no kind of control: use one of {', '.join(KINDS)}.")
        if not 0 <= self.weight <= 2:
            raise InputError(f"The weight of a control is from 0 to 2, and not {self.weight}.")


@dataclass(frozen=True)
class Condition:
    """What to draw. None is unknown, which is not zero: (0, 0) is a place, a cloud cover of 0 a clear sky.

    ``at`` is longitude and latitude in degrees of the middle, ``gsd`` metres to a pixel (both: else the grid's), ``cloud`` a
    share in [0, 1]. ``keep`` holds pixels that stay as they are where valid; the rest of it is drawn (inpainting, outpainting).
    """

    text: str = ""
    avoid: str = ""
    label: str | None = None
    at: tuple[float, float] | None = None
    gsd: float | None = None
    cloud: float | None = None
    time: datetime | None = None
    sensor: str | None = None
    controls: tuple[Control, ...] = ()
    keep: Raster | None = None

    def __post_init__(self) -> None:
        if self.at is not None and not (-180 <= self.at[0] <= 180 and -90 <= self.at[1] <= 90):
            raise InputError(
                f"{self.at} is not on the Earth: give longitude in -180..180 and latitude in -90..90, in this order."
            )
        if self.gsd is not None and not 0 < self.gsd < 1e5:
            raise InputError(f"A ground sampling distance of {self.gsd} m cannot be: give metres to a pixel, above 0.")
        if self.cloud is not None and not 0 <= self.cloud <= 1:
            raise InputError(f"Cloud cover is a share from 0 to 1, and not {self.cloud}.")


@dataclass(frozen=True)
class Drawing:
    """How it is drawn; None is the model's own default. ``guidance`` 1 is without; ``sampler`` is a name that the model knows."""

    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise InputError(f"Steps are from 1 to 1000, and not {self.steps}.")
        if self.guidance is not None and not 0 <= self.guidance <= 50:
            raise InputError(f"Guidance is from 0 to 50, and not {self.guidance}.")
