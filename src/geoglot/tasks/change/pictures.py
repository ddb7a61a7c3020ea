"""Pictures of a change: both dates and the map side by side, or blinking."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rasterio.enums import Resampling

from geoglot.geo.grid import Grid

if TYPE_CHECKING:
    from geoglot.tasks.change.changemap import ChangeMap

SIZE = 640  # pixels of the longer side of one picture
GAP, BAR = 6, 16  # pixels between pictures, and of the line of words above them
HOLD = 900  # milliseconds of a picture
RED = np.array([220, 30, 30], np.float32)
LEGEND = "changed"


def png(of: ChangeMap, size: int = SIZE) -> bytes:
    """Both dates and the map, as PNG."""
    buffer = io.BytesIO()
    beside(_panels(of, size)).save(buffer, "PNG")
    return buffer.getvalue()


def save(path: Path, of: ChangeMap, moving: bool, size: int = SIZE) -> None:
    """Write the pictures side by side, or one after the other (GIF or WebP, by the name's suffix)."""
    if not moving:
        path.write_bytes(png(of, size))
        return
    blink(path, _panels(of, size))


def blink(path: Path, panels: Sequence[tuple[NDArray[np.uint8], str]]) -> None:
    """Write pictures with their words one after the other, as GIF or WebP."""
    frames = [titled(picture, text).convert("RGB") for picture, text in panels]
    how: dict[str, Any] = {"quality": 85} if path.suffix.lower() == ".webp" else {"optimize": True}
    kind = "WEBP" if path.suffix.lower() == ".webp" else "GIF"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=HOLD, loop=0, **how)


def beside(panels: Sequence[tuple[NDArray[np.uint8], str]]) -> Image.Image:
    """Pictures with their words side by side."""
    parts = [titled(picture, text) for picture, text in panels]
    width, height = parts[0].size
    made = Image.new("RGB", (len(parts) * width + (len(parts) - 1) * GAP, height), "white")
    for k, part in enumerate(parts):
        made.paste(part, (k * (width + GAP), 0))
    return made


def _panels(of: ChangeMap, size: int) -> list[tuple[NDArray[np.uint8], str]]:
    """Before, after, and after with what changed in red, each with its words."""
    assert of.scenes is not None
    one, other = of.scenes
    height, width = of.shape
    ratio = max(1.0, max(height, width) / size)
    shape = max(1, round(height / ratio)), max(1, round(width / ratio))
    first = one.display(shape=shape).data
    second = onto(other, of.grid, shape)
    # linear values of both in one stretch look alike; here each has that of its own sensor, and so the same for one sensor
    before, after = shown(first), shown(second)
    with rasterio.open(of.path) as file:
        change = file.read(1, out_shape=shape, resampling=Resampling.nearest if ratio < 2 else Resampling.mode) == 1
    marked = after.astype(np.float32)
    marked[change] = 0.35 * marked[change] + 0.65 * RED
    dates = [text or name for text, name in zip(of.of.told, ("before", "after"), strict=True)]
    return [(before, dates[0]), (after, dates[1]), (marked.astype(np.uint8), f"{LEGEND}: {of.changed:.1%}")]


def onto(scene: Any, grid: Grid | None, shape: tuple[int, int]) -> NDArray[np.float32]:
    """A scene as it is shown, on a grid of so many pixels."""
    if grid is None or scene.grid is None:
        found: NDArray[np.float32] = scene.display(shape=shape).data
        return found
    made: NDArray[np.float32] = scene.display(grid=grid.scaled(*shape)).data
    return made


def shown(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """A picture (3, h, w) in [0, 1] as bytes (h, w, 3)."""
    made: NDArray[np.uint8] = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return made


def titled(picture: NDArray[np.uint8], text: str) -> Image.Image:
    """A picture with a line of words above it."""
    height, width = picture.shape[:2]
    made = Image.new("RGB", (width, height + BAR), "white")
    made.paste(Image.fromarray(picture), (0, BAR))
    ImageDraw.Draw(made).text((2, 2), text, fill="black")
    return made
