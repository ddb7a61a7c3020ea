"""What the verbs give: a drawn scene in a file, with its grid, how it was made, and ways to write it down."""

from __future__ import annotations

import html
import io
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from geoglot.core.errors import InputError
from geoglot.geo.grid import Grid, Window
from geoglot.geo.identify import parse_time
from geoglot.geo.raster import Raster
from geoglot.geo.render import data_url, to_uint8
from geoglot.geo.scene import Scene
from geoglot.geo.synthetic import Mark
from geoglot.geo.write import atomic
from geoglot.models.planes import fits
from geoglot.tasks.generate import stac

RASTERS, PICTURES = (".tif", ".tiff"), (".png", ".webp")
_WEBP = 16383  # pixels a side of the largest picture
_HELD = 24  # bytes for each pixel of a picture while it is made
_SHOWN = 384  # pixels of the picture in a notebook


@dataclass
class Generated:
    """A scene that a model drew, or drew in part. `path` is a GeoTIFF of it, `mark` says by which model, from what.

    `held` keeps a temporary folder alive.
    """

    path: Path
    mark: Mark
    shape: tuple[int, int]
    grid: Grid | None
    held: Any = field(default=None, repr=False)

    @property
    def time(self) -> datetime | None:
        """The date that it shows, where one was asked for."""
        date = self.mark.settings.get("date")
        return None if date is None else parse_time(str(date))

    def raster(self, window: Window | None = None) -> Raster:
        """All of it in memory, or a window (row, column, height, width)."""
        with Scene.open(self.path) as scene:
            return scene.read(window=window)

    def item(self) -> dict[str, Any]:
        """A STAC item, as JSON has it."""
        return stac.item(self.path, self.mark, self.shape, self.grid, self.time)

    def row(self) -> dict[str, Any]:
        """What it is, as the commands tell it."""
        record = self.mark.record()
        gsd = None if self.grid is None else self.grid.gsd
        size = {"height": self.shape[0], "width": self.shape[1], "gsd": gsd}
        place = {"lonlat": None if self.grid is None else self.grid.lonlat()}
        return {"scene": str(self.path)} | record | size | place

    def write(self, path: str | Path) -> Path:
        """Write a GeoTIFF (.tif) with its STAC item beside it, or a picture (.png, .webp); each says that it is synthetic."""
        target = Path(path)
        if check_output(target) == "raster":
            if target.resolve() != self.path.resolve():
                with atomic(target) as part:
                    shutil.copyfile(self.path, part)
            stac.write(target, Generated(target, self.mark, self.shape, self.grid).item())
            return target
        _write_picture(target, self._picture(), self.mark)
        return target

    def _picture(self, shape: tuple[int, int] | None = None) -> Image.Image:
        with Scene.open(self.path) as scene:
            shown = scene.display(shape=shape)
        pixels = to_uint8(shown)
        return Image.fromarray(np.ascontiguousarray(pixels[..., :3])) if shown.valid.all() else Image.fromarray(pixels)

    def _repr_html_(self) -> str:
        ratio = max(1.0, max(self.shape) / _SHOWN)
        buffer = io.BytesIO()
        self._picture((max(1, round(self.shape[0] / ratio)), max(1, round(self.shape[1] / ratio)))).save(buffer, "PNG")
        told = html.escape(self.mark.told)
        return f'<figure><img src="{data_url(buffer.getvalue())}" alt="{told}"><figcaption>{told}</figcaption></figure>'


def check_output(path: str | Path) -> str:
    """What a name's suffix asks for: "raster" or "picture". Raises `InputError` naming the formats there are."""
    suffix = Path(path).suffix.lower()
    if suffix in RASTERS:
        return "raster"
    if suffix in PICTURES:
        return "picture"
    raise InputError(f"{path}: the name after -o says the format; use one of {', '.join((*RASTERS[:1], *PICTURES))}.")


def check_picture(path: Path, shape: tuple[int, int]) -> None:
    """Raise `InputError` for a picture that its format cannot hold, `ResourceError` for one that memory cannot."""
    if check_output(path) == "picture":
        fits(_HELD * shape[0] * shape[1], "Write .tif, which is written strip by strip.")
    if path.suffix.lower() == ".webp" and max(shape) > _WEBP:
        raise InputError(f"{path}: a WebP has at most {_WEBP:,} pixels a side; write .tif or .png.")


def opened(path: Path, mark: Mark, held: Any = None) -> Generated:
    """What is in a GeoTIFF."""
    with rasterio.open(path) as file:
        grid = None if file.crs is None else Grid(file.crs, file.transform, file.shape)
        return Generated(path, mark, file.shape, grid, held)


def _write_picture(target: Path, picture: Image.Image, mark: Mark) -> None:
    with atomic(target) as part:
        if target.suffix.lower() == ".webp":
            picture.save(part, "WEBP", lossless=True, xmp=mark.xmp().encode("utf-8"))
            return
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", mark.xmp())
        info.add_itxt("Description", mark.told)
        info.add_itxt("Software", f"{mark.software}; {mark.name}")
        picture.save(part, "PNG", pnginfo=info)
