"""One row of a data set: where its pictures are, and everything that is known about them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from geoglot.core.errors import NotFoundError, RasterError

if TYPE_CHECKING:
    from geoglot.geo.boxes import Box
    from geoglot.geo.grid import Grid
    from geoglot.geo.raster import Raster

Split = Literal["train", "val", "test"]
Window = tuple[int, int, int, int]  # row, column, height, width in pixels
Point = tuple[float, float]  # x, y in the unit square of the picture, y downwards
UNLABELLED = 255
DEEP = ("I", "F")  # Pillow's modes of more than eight bits begin so


@dataclass(frozen=True)
class Picture:
    """A picture file, or a window (row, column, height, width in pixels) of it, read only when asked.

    ``data`` holds the encoded bytes where the picture comes out of a shard (``path`` is then only its name). ``time`` and
    ``grid`` (of the picture as cut) stand in for what the file itself does not say.
    """

    path: Path
    window: Window | None = None
    time: datetime | None = None
    data: bytes | None = field(default=None, repr=False)
    grid: Grid | None = field(default=None, repr=False)

    def read(self, size: int | None = None) -> NDArray[np.uint8]:
        """Give RGB (H, W, 3), resampled by an antialiased bicubic filter to ``size`` x ``size`` when given.

        What is no 8-bit picture is shown as its sensor is shown to models (`Scene.display`). Raises NotFoundError without
        the file and RasterError when it cannot be decoded.
        """
        image = self.image()
        if size is not None:
            image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(image)

    def image(self) -> Image.Image:
        """The RGB picture in its own size; raises what ``read`` raises."""
        try:
            with Image.open(self._file()) as file:
                deep = file.mode.startswith(DEEP)
                image = file if deep else file.convert("RGB")
        except FileNotFoundError:
            raise NotFoundError(f"{self.path} is missing: check the root folder of the data set") from None
        except UnidentifiedImageError as error:
            return self._shown(error)
        except OSError as error:
            raise self._broken(error) from error
        if deep:
            return self._shown(None)
        if self.window is not None:
            row, col, height, width = self.window
            image = image.crop((col, row, col + width, row + height))
        return image

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, from the header alone; raises what ``read`` raises."""
        if self.window is not None:
            return self.window[2:]
        try:
            with Image.open(self._file()) as file:
                return file.height, file.width
        except FileNotFoundError:
            raise NotFoundError(f"{self.path} is missing: check the root folder of the data set") from None
        except OSError:  # Pillow knows few of the world's rasters
            return self.raster().shape

    def raster(self) -> Raster:
        """All bands with validity, grid and time, in the file's own values. Raises NotFoundError and RasterError."""
        from dataclasses import replace

        from geoglot.geo.scene import Scene

        if self.data is None:
            with Scene.open(self.path) as scene:
                found = scene.read(window=self.window)
        else:
            from rasterio.io import MemoryFile

            with MemoryFile(self.data) as memory, Scene.open(memory.name) as scene:
                found = scene.read(window=self.window)
        return replace(found, grid=self.grid or found.grid, time=self.time or found.time)

    def _file(self) -> Path | io.BytesIO:
        return self.path if self.data is None else io.BytesIO(self.data)

    def _shown(self, error: Exception | None) -> Image.Image:
        from geoglot.geo.scene import Scene

        try:
            if self.data is None:
                with Scene.open(self.path) as scene:
                    seen = scene.display(self.window).data
            else:
                from rasterio.io import MemoryFile

                with MemoryFile(self.data) as memory, Scene.open(memory.name) as scene:
                    seen = scene.display(self.window).data
        except RasterError as other:
            raise self._broken(error or other) from other
        return Image.fromarray(np.clip(np.moveaxis(seen, 0, -1) * 255 + 0.5, 0, 255).astype(np.uint8))

    def _broken(self, error: Exception) -> RasterError:
        return RasterError(f"{self.path} cannot be decoded ({error}): remove or replace it")


@dataclass(frozen=True)
class Mask:
    """Classes drawn as a picture: ``values`` names each value of a grey or palette picture, or each colour as 0xRRGGBB.

    What has no name is unlabelled. With ``threshold`` brighter pixels count as 1, all others as 0. Where this mask says
    nothing, ``other`` is asked.
    """

    path: Path
    values: Mapping[int, str]
    window: Window | None = None
    threshold: int | None = None
    other: Mask | None = None
    data: bytes | None = field(default=None, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of their indices."""
        more = () if self.other is None else self.other.names
        return tuple(dict.fromkeys([*self.values.values(), *more]))

    def read(self) -> NDArray[np.uint8]:
        """Give indices (H, W) into ``names``, 255 where nothing is labelled; raises what `Picture.read` raises."""
        try:
            with Image.open(self.path if self.data is None else io.BytesIO(self.data)) as file:
                colours = self.threshold is None and max(self.values, default=0) > 255
                raw = np.asarray(file.convert("RGB" if colours else "L") if colours or file.mode != "P" else file)
        except FileNotFoundError:
            raise NotFoundError(f"{self.path} is missing: check the root folder of the data set") from None
        except OSError as error:
            raise RasterError(f"{self.path} cannot be decoded ({error}): remove or replace it") from error
        if raw.ndim == 3:
            deep = raw.astype(np.int32)
            raw = (deep[..., 0] << 16) + (deep[..., 1] << 8) + deep[..., 2]
        if self.threshold is not None:
            raw = (raw > self.threshold).astype(np.uint8)
        if self.window is not None:
            row, col, height, width = self.window
            raw = raw[row : row + height, col : col + width]
        out = np.full(raw.shape, UNLABELLED, np.uint8)
        for value, name in self.values.items():
            out[raw == value] = self.names.index(name)
        if self.other is not None:
            rest = self.other.read()
            for index, name in enumerate(self.other.names):
                out[(out == UNLABELLED) & (rest == index)] = self.names.index(name)
        return out


@dataclass(frozen=True)
class Thing:
    """A labelled object: ``box`` is (x0, y0, x1, y1) in the unit square of its picture, y downwards.

    ``outline`` are the corners of a polygon or of an oriented box, ``attributes`` further words such as a size or an
    expression that refers to it.
    """

    name: str
    box: tuple[float, float, float, float]
    outline: tuple[Point, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def outlined(cls, name: str, outline: tuple[Point, ...], attributes: Mapping[str, str] | None = None) -> Thing:
        """Make a thing from its outline; the box is the upright one around it."""
        xs, ys = zip(*outline, strict=True)
        return cls(name, (min(xs), min(ys), max(xs), max(ys)), outline, attributes or {})

    def oriented(self, size: tuple[int, int]) -> Box:
        """The oriented box of least area in pixels of a picture of ``size`` (height, width)."""
        from shapely.geometry import MultiPoint

        from geoglot.geo.boxes import Box, from_polygon

        height, width = size
        if not self.outline:
            x0, y0, x1, y1 = self.box
            return Box.upright(x0 * width, y0 * height, x1 * width, y1 * height)
        return from_polygon(MultiPoint([(x * width, y * height) for x, y in self.outline]).convex_hull)


@dataclass(frozen=True)
class Turn:
    """A question about the pictures and its answer; ``kind`` is what its source calls what is asked ("count", "left of")."""

    question: str
    answer: str
    kind: str = ""


@dataclass(frozen=True)
class Sample:
    """One place: its pictures and what is said of them.

    Several ``pictures`` are dates of one place, in order. ``label`` is the scene class, ``labels`` the objects known to be
    present, ``lacking`` those known not to be, ``counts`` how many there are of what is known for certain, ``things`` objects
    with boxes, ``cover`` the share of the area by land-cover name, ``masks`` pictures of classes by what they show ("cover",
    "change"), ``gsd`` metres a pixel, ``lonlat`` the centre in degrees where the pictures have no grid. Samples of one ``group``
    overlap or adjoin each other: cross-validation keeps them together.
    """

    id: str
    source: str
    pictures: tuple[Picture, ...]
    captions: tuple[str, ...] = ()
    label: str | None = None
    labels: tuple[str, ...] = ()
    things: tuple[Thing, ...] = ()
    cover: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    gsd: float | None = None
    masks: Mapping[str, Mask] = field(default_factory=dict)
    lonlat: tuple[float, float] | None = None
    group: str | None = None
    lacking: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """What a data set is: licence and origin as best known; ``classes`` maps each class to the phrases that say it.

    ``task`` says in a word or two what its labels are for, ``gsd`` is the range of metres a pixel, ``quirks`` what one has to
    know before using it, ``layout`` the published folders and where that was read, for sets that were not at hand, ``version``
    what makes figures on it others where it changes.
    """

    name: str
    title: str
    licence: str
    origin: str
    splits: tuple[Split, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    task: str = ""
    gsd: tuple[float, float] | None = None
    quirks: str = ""
    layout: str = ""
    version: str = ""


class Source(Protocol):
    """A module of `geoglot.data.sources`."""

    CARD: Card

    def rows(self, root: Path, split: Split) -> Iterator[Sample]:
        """Give the samples of a split, in a fixed order. Raises NotFoundError when the data is not below ``root``."""


def require(path: Path, card: Card) -> Path:
    """Give back a path that exists; raises NotFoundError that names the data set otherwise."""
    if not path.exists():
        raise NotFoundError(f"{card.title} is not at {path}: point the data root at the folder that holds it")
    return path


def either(root: Path, card: Card, *names: str) -> Path:
    """Give the first of some paths below ``root`` that exists; raises NotFoundError that names them otherwise."""
    for name in names:
        if (root / name).exists():
            return root / name
    tried = " or ".join(names)
    raise NotFoundError(f"{card.title} is not at {root} ({tried}): point the data root at the folder that holds it")
