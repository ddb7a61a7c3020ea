"""One row of a data set: where its pictures are, and everything that is known about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from geoglot.core.errors import NotFoundError, RasterError

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Picture:
    """A picture file, or a window (row, column, height, width in pixels) of it, read only when asked."""

    path: Path
    window: tuple[int, int, int, int] | None = None

    def read(self, size: int | None = None) -> NDArray[np.uint8]:
        """Give RGB (H, W, 3), resampled by an antialiased bicubic filter to ``size`` x ``size`` when given.

        Raises NotFoundError without the file and RasterError when it cannot be decoded.
        """
        try:
            with Image.open(self.path) as file:
                image = file.convert("RGB")
        except FileNotFoundError:
            raise NotFoundError(f"{self.path} is missing: check the root folder of the data set") from None
        except (UnidentifiedImageError, OSError) as error:
            raise RasterError(f"{self.path} cannot be decoded ({error}): remove or replace it") from error
        if self.window is not None:
            row, col, height, width = self.window
            image = image.crop((col, row, col + width, row + height))
        if size is not None:
            image = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(image)


@dataclass(frozen=True)
class Thing:
    """A labelled object: ``box`` is (x0, y0, x1, y1) in the unit square of its picture, y downwards."""

    name: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Turn:
    """A question about the pictures and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Sample:
    """One place: its pictures and what is said of them.

    ``label`` is the scene class, ``labels`` the objects known to be present, ``things`` objects with boxes (all of the
    classes in ``counted`` are boxed), ``cover`` the share of the area by land-cover name, ``gsd`` metres a pixel.
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


@dataclass(frozen=True)
class Card:
    """What a data set is: licence and origin as best known; ``classes`` maps each class to the phrases that say it."""

    name: str
    title: str
    licence: str
    origin: str
    splits: tuple[Split, ...]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
