"""Inpainting and outpainting: parts of an observed scene, or what lies beyond its edges, are drawn; all else stays as it is."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as RioWindow

from geoglot.core.errors import InputError
from geoglot.geo.display import RGB, render
from geoglot.geo.grid import Window
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.synthetic import INPAINTED, OUTPAINTED, Mark
from geoglot.geo.write import Outline, check_apart, write_pixels
from geoglot.models.condition import Control
from geoglot.tasks.generate import hole as holes
from geoglot.tasks.generate import stream
from geoglot.tasks.generate.asked import Settings, controls_on
from geoglot.tasks.generate.generated import Generated, check_picture, opened
from geoglot.tasks.generate.place import LARGEST, Bbox, Ground, check_box, widened
from geoglot.tasks.generate.stream import REQUEST, Job
from geoglot.tasks.generate.verb import Out, loaded, marked, outputs_of, primary, written
from geoglot.tasks.work import Work, folder_of

if TYPE_CHECKING:
    from geoglot.models.generator import Generator

NATURAL = ("red", "green", "blue")


@dataclass(frozen=True)
class Observed:
    """An observed scene within the pixels (H, W) that are written, of which its own begin at row and column `corner`."""

    scene: Scene
    shape: tuple[int, int]
    corner: tuple[int, int]
    hole: holes.Bools

    @property
    def ground(self) -> Ground:
        """The grid that is written, or its shape."""
        grid = self.scene.grid
        return self.shape if grid is None else grid.window(-self.corner[0], -self.corner[1], *self.shape)

    @property
    def outline(self) -> Outline:
        """The file that is written: as the scene's own."""
        scene = self.scene
        how = scene.masking(scene.href)
        nodata = scene.dataset().nodata if how.kind == "nodata" else None
        masked = how.kind == "mask" or how.alpha is not None
        grid = None if isinstance(self.ground, tuple) else self.ground
        return Outline(self.shape, grid, scene.bands, scene.dtype, nodata, masked, scene.time)

    def read(self, window: Window) -> tuple[NDArray[Any], holes.Bools]:
        """Values (C, h, w) as the file has them, and where they were observed; beyond the scene nothing was."""
        row, col, height, width = window
        data = np.zeros((len(self.scene.bands), height, width), self.scene.dtype)
        valid = np.zeros((height, width), dtype=np.bool_)
        spans = [_shared(start - corner, count, own) for start, corner, count, own in
                 zip((row, col), self.corner, (height, width), self.scene.shape, strict=True)]  # fmt: skip
        (top, tall), (left, wide) = spans
        if tall > 0 and wide > 0:
            part = self.scene.read(window=(top, left, tall, wide))
            r, c = top + self.corner[0] - row, left + self.corner[1] - col
            data[:, r : r + tall, c : c + wide] = part.data
            valid[r : r + tall, c : c + wide] = part.valid
        return data, valid

    def kept(self, window: Window) -> Raster:
        """What stays of a window, as the model sees it: bytes (3, h, w)."""
        data, valid = self.read(window)
        view = self.scene.view
        shown = render(data[list(view.chosen)], valid, view)
        row, col, height, width = window
        stays = valid & ~self.hole[row : row + height, col : col + width]
        ground = self.ground
        grid = None if isinstance(ground, tuple) else ground.window(*window)
        return Raster(np.rint(shown * 255).astype(np.uint8), stays, grid, RGB, self.scene.time)

    def back(self, drawn: NDArray[np.uint8]) -> NDArray[Any]:
        """What the model drew (3, N), in the values (C, N) of the scene, none of which reads as missing."""
        view, kind = self.scene.view, np.dtype(self.scene.dtype)
        share = drawn.astype(np.float64) / 255
        if len(view.chosen) == 1:
            share = share.mean(axis=0, keepdims=True)
        low, high = (np.asarray(ends)[:, None] for ends in (view.low, view.high))
        values = low + (high - low) * share**view.gamma
        made = np.empty((len(self.scene.bands), drawn.shape[1]), kind)
        if np.issubdtype(kind, np.integer):
            limits = np.iinfo(kind)
            values = np.clip(np.rint(values), limits.min, limits.max)
        made[list(view.chosen)] = values.astype(kind)
        nodata = self.outline.nodata
        if nodata is not None and not np.isnan(nodata):
            missing = (made == nodata).all(axis=0)
            last = np.issubdtype(kind, np.integer) and nodata == np.iinfo(kind).max
            made[0, missing] = np.asarray(nodata - 1 if last else nodata + 1, kind)
        return made


def inpaint(
    model: Any, source: Any, text: str = "", *, area: Any = None, gaps: bool = False, out: Out = (), **settings: Any
) -> Generated:
    """Draw an area of a scene anew from words; every other pixel stays exactly as it is, and what was not observed stays so.

    `area` is a file of polygons (.geojson, .gpkg), a mask on the scene's own pixels (what is not 0), a shape in degrees, or a box
    (west, south, east, north; left, top, right, bottom in pixels without georeference). With `gaps` in place of an area what was
    not observed is drawn. `settings` are `Settings`; the rest is as for `generate`.

    Raises `InputError` too for scenes that the model cannot draw in: radar, other bands than red, green and blue.
    """
    outputs, asked = outputs_of(out), Settings(**settings)
    asked.condition(text)
    scene = _open(source, outputs, asked)
    try:
        seen = holes.observed(scene)
        found = Observed(scene, scene.shape, (0, 0), holes.hole_of(scene, area, gaps, seen))
        return _paint(loaded(model), found, text, asked, INPAINTED, outputs)
    finally:
        if scene is not source:
            scene.close()


def outpaint(
    model: Any,
    source: Any,
    text: str = "",
    *,
    by: int | tuple[int, int, int, int] | None = None,
    bbox: Bbox | None = None,
    out: Out = (),
    **settings: Any,
) -> Generated:
    """Draw what lies beyond the edges of a scene: `by` so many pixels (all around, or left, top, right, bottom), or up to a box.

    The scene's own pixels stay exactly as they are, on the same grid, which grows by whole pixels; else as `inpaint`.
    """
    outputs, asked = outputs_of(out), Settings(**settings)
    asked.condition(text)
    if (by is None) == (bbox is None):
        raise InputError("Say in one way how far: by so many pixels (--by), or up to a box (--bbox).")
    if bbox is not None:
        check_box(bbox)
    scene = _open(source, outputs, asked)
    try:
        left, top, right, bottom = _margins(scene, by, bbox)
        shape = scene.shape[0] + top + bottom, scene.shape[1] + left + right
        hole = np.ones(shape, dtype=np.bool_)
        hole[top : top + scene.shape[0], left : left + scene.shape[1]] = False
        return _paint(loaded(model), Observed(scene, shape, (top, left), hole), text, asked, OUTPAINTED, outputs)
    finally:
        if scene is not source:
            scene.close()


def _open(source: Any, outputs: Sequence[Path], asked: Settings) -> Scene:
    """The scene, of a kind that can be drawn in. Raises `InputError`."""
    scene = source if isinstance(source, Scene) else Scene.open(source)
    read = [layer.href for layer in scene.layers]
    check_apart(outputs, [*read, *(str(one) for one in asked.controls.values() if isinstance(one, str | Path))])
    why = None
    if scene.sensor.radar or scene.dtype.startswith("complex"):
        why = "it is radar, and models draw what is seen in light"
    elif scene.palette:
        why = "it has a colour table: make it red, green and blue first (gdal_translate -expand rgb)"
    elif scene.warped:
        why = "it is placed by ground control points: bring it on a grid first (gdalwarp)"
    elif len(set(read)) > 1:
        why = "its bands are in several files: put them into one first (gdalbuildvrt -separate)"
    elif len(scene.bands) != len(scene.view.chosen):
        names = ", ".join(band.name for band in scene.bands)
        why = (
            f"it has the bands {names}, and only red, green and blue are drawn: write those into a file first (gdal_translate -b)"
        )
    elif len(scene.bands) == 3 and [scene.bands[k].common for k in scene.view.chosen] not in ([*NATURAL], [None] * 3):
        why = "its bands are not red, green and blue, which are what is drawn"
    if why is not None:
        if scene is not source:
            scene.close()
        raise InputError(f"{scene.id} cannot be drawn in: {why}.")
    return scene


def _margins(scene: Scene, by: Any, bbox: Bbox | None) -> tuple[int, int, int, int]:
    """Pixels to add at the left, top, right and bottom."""
    if bbox is not None:
        if scene.grid is None:
            raise InputError(f"{scene.id} has no georeference: say by how many pixels (--by).")
        found = widened(scene.grid, bbox)
        if not any(found):
            raise InputError(f"The box lies within {scene.id}: there is nothing to draw. Give a larger one.")
    else:
        found = (by,) * 4 if isinstance(by, int) else tuple(by)
        if len(found) != 4 or min(found) < 0 or not any(found):
            raise InputError(
                f"Outpainting adds pixels, at least 1 on a side: give one number or left, top, right, bottom, not {by}."
            )
    width, height = scene.shape[1] + found[0] + found[2], scene.shape[0] + found[1] + found[3]
    if max(width, height) > LARGEST:
        raise InputError(f"The scene would have {width:,} x {height:,} pixels, and at most {LARGEST:,} a side are drawn.")
    return found[0], found[1], found[2], found[3]


def _paint(model: Generator, of: Observed, text: str, asked: Settings, how: str, outputs: tuple[Path, ...]) -> Generated:
    if tuple(model.spec.bands) != NATURAL:
        raise InputError(
            f"{model.spec.name} draws {', '.join(model.spec.bands)}, and scenes are drawn in with red, green and blue."
        )
    ground = of.ground
    earlier = of.scene.synthetic
    told = {"source": Path(of.scene.id).name, "drawn": round(float(of.hole.mean()), 6)}
    told |= {"earlier": None if earlier is None else earlier.record()}
    asked = _as_seen(asked, of.scene)
    mark = marked(how, model, text, asked, ground, None, **told)
    controls = controls_on(asked, ground)
    held, target = primary(outputs)
    for path in outputs:
        check_picture(path, of.shape)
    cuts = holes.windows(of.hole, model.native) if how == INPAINTED else [(0, 0, *of.shape)]

    def jobs() -> Iterator[Job]:  # one at a time, for what they hold may be large
        return (_job(model, of, window, text, asked, controls) for window in cuts)

    stream.check_disk(
        target.parent, int(2.2 * of.shape[0] * of.shape[1] * len(of.scene.bands) * np.dtype(of.scene.dtype).itemsize)
    )
    for job in jobs():
        job.check(target.parent)
    whole = Job(model, asked.condition(text, controls=controls), ground, asked.seed, asked.drawing)
    request = stream.digest(mark, whole, f"{of.scene.fingerprint} {_mark_of(of.hole)}")
    if not stream.finished(target, request):
        work = Work(folder_of(outputs[0] if outputs else target), of.shape, request, {})
        try:
            parts = [_drawn(job, work, number, request) for number, job in enumerate(jobs())]
            _compose(of, list(zip(cuts, parts, strict=True)), target, mark, request)
        except BaseException:
            work.close()
            raise
        work.remove()
    return written(opened(target, mark, held), outputs)


def _as_seen(asked: Settings, scene: Scene) -> Settings:
    """With the scene's date where no other is said."""
    return replace(asked, time=asked.time or scene.time)


def _job(model: Generator, of: Observed, window: Window, text: str, asked: Settings, controls: tuple[Control, ...]) -> Job:
    ground = of.ground
    here = window[2:] if isinstance(ground, tuple) else ground.window(*window)
    parts = tuple(Control(one.kind, one.raster.window(*window), one.weight) for one in controls)
    condition = asked.condition(text, None, controls=parts, keep=of.kept(window))
    return Job(model, condition, here, asked.seed, asked.drawing, asked.progress)


def _drawn(job: Job, work: Work, number: int, request: str) -> Path:
    """A window drawn into a file of the work folder, unless an earlier run has done so."""
    target = work.folder / f"window-{number}.tif"
    if not stream.finished(target, request):
        folder = work.folder / f"window-{number}"
        stream.draw(job, target, folder, None, request)
        shutil.rmtree(folder, ignore_errors=True)
    return target


def _compose(of: Observed, parts: Sequence[tuple[Window, Path]], target: Path, mark: Mark, request: str) -> None:
    """Write the scene with what was drawn in its place."""

    def rows(top: int, bottom: int) -> tuple[NDArray[Any], holes.Bools]:
        data, valid = of.read((top, 0, bottom - top, of.shape[1]))
        for (row, col, height, width), path in parts:
            first, last = max(top, row), min(bottom, row + height)
            if first >= last:
                continue
            with rasterio.open(path) as file:
                drawn = file.read(window=RioWindow(0, first - row, width, last - first))
            here = slice(first - top, last - top), slice(col, col + width)
            hole = of.hole[first:last, col : col + width]
            data[:, *here][:, hole] = of.back(drawn[:, hole])
            valid[here] |= hole
        return data, valid

    tags = _own_tags(of.scene) | mark.tags() | {REQUEST: request}
    write_pixels(target, rows, of.outline, tags, mark.xmp())


def _own_tags(scene: Scene) -> dict[str, str]:
    """Tags of the scene itself that stay true."""
    with rasterio.open(scene.href) as file:
        found = file.tags()
    return {key: value for key, value in found.items() if not key.startswith(("TIFFTAG_", "GEOGLOT_", "AREA_OR_POINT"))}


def _mark_of(hole: holes.Bools) -> str:
    return hashlib.sha256(np.packbits(hole).tobytes()).hexdigest()


def _shared(start: int, count: int, own: int) -> tuple[int, int]:
    """First and number of the pixels of an axis that lie within the scene."""
    first, last = max(start, 0), min(start + count, own)
    return first, last - first
