"""Reading the form in which pixel labels are published: a folder of pictures, and one of masks under nearly the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import DataError
from geoglot.data.build.folders import PICTURES
from geoglot.data.sample import Card, Mask, Picture, Sample


def masked(
    card: Card,
    files: Iterator[tuple[str, Path, Path]],
    values: Mapping[int, str],
    gsd: float | None = None,
) -> Iterator[Sample]:
    """Give a sample for each name, picture and mask; ``values`` name the classes of the card by value or colour.

    Raises DataError where the mask of a picture is not there.
    """
    phrases = {value: card.classes[label][0] for value, label in values.items()}
    for name, picture, mask in files:
        if not mask.exists():
            raise DataError(f"{picture} has no mask at {mask}: fetch the labels of {card.title}, or remove the picture.")
        yield Sample(
            id=f"{card.name}/{name}",
            source=card.name,
            pictures=(Picture(picture),),
            masks={"cover": Mask(mask, phrases)},
            gsd=gsd,
        )


def beside(pictures: Path, masks: Path, ending: str = "", suffix: str = ".png") -> Iterator[tuple[str, Path, Path]]:
    """Give name, picture and mask of each picture of a folder; a mask is called like its picture, with ``ending``."""
    if not pictures.is_dir():
        return
    for file in sorted(pictures.iterdir()):
        if file.suffix.lower() in PICTURES and not file.name.startswith("."):
            yield file.stem, file, masks / f"{file.stem}{ending}{suffix}"


def drawn(sample: Sample, size: tuple[int, int], index: Mapping[str, int], other: int = 0) -> NDArray[np.uint8]:
    """Draw the objects of a sample as a mask of ``size`` (height, width): their value in ``index`` by name, ``other`` elsewhere.

    A pixel belongs to an object when its middle does; of objects that overlap the last counts. Without an outline the box is
    drawn; objects of other names are not.
    """
    from rasterio.features import rasterize
    from shapely.geometry import Polygon, box

    height, width = size
    shapes = []
    for thing in sample.things:
        if thing.name in index:
            corners = [(x * width, y * height) for x, y in thing.outline]
            x0, y0, x1, y1 = thing.box
            whole = box(x0 * width, y0 * height, x1 * width, y1 * height)
            shapes.append((Polygon(corners) if len(corners) > 2 else whole, index[thing.name]))
    if not shapes:
        return np.full(size, other, np.uint8)
    found: NDArray[np.uint8] = rasterize(shapes, out_shape=size, fill=other, dtype=np.uint8)
    return found
