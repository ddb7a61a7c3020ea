"""A scene of any size, drawn window by window with shared noise and steps in common, resumable, in bounded memory.

At every step all windows are denoised and averaged where they overlap (Bar-Tal et al. 2023, "MultiDiffusion", arXiv 2302.08113;
Yu et al. 2024, "MetaEarth", arXiv 2405.13570), so that there is one scene and no border in it. Known pixels are put back before
each step with as much noise as it wants (Lugmayr et al. 2022, "RePaint", arXiv 2201.09865).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import ResourceError
from geoglot.core.progress import track
from geoglot.geo.grid import Grid, Window
from geoglot.geo.raster import Raster
from geoglot.models import schedules
from geoglot.models.condition import Condition, Drawing
from geoglot.models.planes import Planes, Wanted, fits
from geoglot.models.schedules import Carried
from geoglot.models.windows import Layout, batches, strips
from geoglot.nn.noise import noise

if TYPE_CHECKING:
    from geoglot.models.generator import Generator

PART = 2**21  # values of a scene on disk that are stepped at once
RELEASE = 32  # batches of windows after which mapped memory is let go of


class Canvas:
    """One scene while it is drawn: `run` it, then read its `strips` or the whole `raster`.

    With a ``folder`` all that grows with the scene lies there, and the same request goes on at the last whole step.
    """

    def __init__(
        self,
        model: Generator,
        condition: Condition,
        where: Grid | tuple[int, int],
        seed: int,
        drawing: Drawing,
        folder: Path | None = None,
        stage: int = 0,
    ) -> None:
        model.check(condition, where)
        self.model, self.condition, self.seed, self.stage = model, condition, seed, stage
        self.grid = where if isinstance(where, Grid) else None
        self.shape = where.shape if isinstance(where, Grid) else where
        self.area = area_of(model, self.shape)
        self._carried = Carried(model.scheduler(drawing))
        scheduler = self._carried.scheduler
        self.times = scheduler.timesteps
        self.prepared = model.prepare(condition, where, drawing)
        self.planes = Planes(wanted_of(model, condition, self.shape), folder, self._request(where, drawing))
        rows = self.area[0] if folder is None else max(1, PART // (model.channels * self.area[1]))
        self._parts = [slice(top, min(top + rows, self.area[0])) for top in range(0, self.area[0], rows)]
        self._states: list[dict[str, Any]] = [{} for _ in self._parts]
        if self.planes.done == 0:
            self._begin()

    @property
    def steps(self) -> int:
        """Steps in all."""
        return len(self.times)

    @property
    def done(self) -> int:
        """Steps that are whole."""
        return self.planes.done

    def run(self) -> None:
        """Take the steps that are left."""
        with track(self.steps - self.done, "draw", "steps") as progress:
            while self.done < self.steps:
                self.advance()
                progress.advance()

    @torch.inference_mode()
    def advance(self) -> None:
        """Take one step everywhere."""
        step = self.done
        latents, after, said = self.planes[f"latents{step % 2}"], self.planes[f"latents{(step + 1) % 2}"], self.planes["said"]
        for part in self._parts:
            said[:, part] = 0
            self.planes.release()
        layout = Layout(self.area, self.model.side, self.model.overlap, step)
        self._restore(step, 0)
        scheduler = self._carried.scheduler
        for number, some in enumerate(batches(iter(layout), self.model.batch)):
            if number % RELEASE == 0:
                self.planes.release()
            cut = np.stack([_cut(latents, window) for window, _ in some])
            x = torch.from_numpy(cut).to(self.model.device)
            if hasattr(scheduler, "scale_model_input"):
                x = scheduler.scale_model_input(x, self.times[step])
            found = self.model.predict(x, self.times[step], self._pixels([window for window, _ in some]), self.prepared)
            for values, (window, weight) in zip(found.float().cpu().numpy(), some, strict=True):
                _cut(said, window)[...] += values * weight
        for number, part in enumerate(self._parts):
            self._restore(step, number)
            # copies: samplers keep what they are given
            now, told = (torch.from_numpy(array[:, part].copy()).to(self.model.device) for array in (latents, said))
            made = self._carried.scheduler.step(told[None], self.times[step], now[None], return_dict=False)[0][0]
            self._keep(step, number)
            after[:, part] = self._kept(made, part, step + 1).cpu().numpy()
            self.planes.release()
        self.planes.mark(step + 1)
        self._forget(step)

    def strips(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """The scene's pixels from the top down: the first row and values (C, h, W), bytes or floats in [0, 1]."""
        latents = self.planes[f"latents{self.done % 2}"]
        model = self.model

        @torch.inference_mode()
        def make(windows: Sequence[Window]) -> NDArray[np.float32]:
            cut = np.stack([_cut(latents, window) for window in windows])
            found: NDArray[np.float32] = model.decode(torch.from_numpy(cut).to(model.device)).float().cpu().numpy()
            return found

        layout = Layout(self.area, model.side, model.overlap)
        keep = self.condition.keep
        for top, values in strips(layout, self.shape, model.cell, len(model.spec.bands), model.batch, make):
            made = model.shown(values)
            if keep is not None:
                rows = slice(top, top + made.shape[1])
                made = np.where(keep.valid[rows], model.like(keep.data[:, rows]), made)
            self.planes.release()
            yield top, made

    def raster(self) -> Raster:
        """The whole scene in memory. Raises ResourceError where it does not fit."""
        bands = len(self.model.spec.bands)
        kind = self.model.kind
        fits(bands * self.shape[0] * self.shape[1] * kind.itemsize, "Write its strips to a file instead.")
        data = np.empty((bands, *self.shape), kind)
        for top, values in self.strips():
            data[:, top : top + values.shape[1]] = values
        return Raster(data, np.ones(self.shape, bool), self.grid, self.model.bands, self.condition.time)

    def close(self) -> None:
        """Let go of the files; what is done stays."""
        self.planes.close()

    def remove(self) -> None:
        """Delete the work folder."""
        self.planes.remove()

    @torch.inference_mode()
    def _begin(self) -> None:
        """Noise everywhere, and what is known."""
        if self.condition.keep is not None:
            self._know(self.condition.keep)
        for part in self._parts:
            x = schedules.begin(self._carried.scheduler, self._noise(part))
            self.planes["latents0"][:, part] = self._kept(x, part, 0).cpu().numpy()
            self.planes.release()

    def _noise(self, part: slice) -> Tensor:
        made = noise(self.seed, self.model.channels, part.start, 0, part.stop - part.start, self.area[1], self.stage)
        return torch.from_numpy(made).to(self.model.device)

    def _know(self, keep: Raster) -> None:
        """Latents of the pixels that stay, and where whole cells are of such pixels."""
        model, cell = self.model, self.model.cell
        height, width = (length * cell for length in self.area)
        valid = np.zeros((height, width), bool)
        valid[: self.shape[0], : self.shape[1]] = keep.valid
        self.planes["kept"][:] = valid.reshape(self.area[0], cell, self.area[1], cell).all((1, 3))
        known = self.planes["known"]
        for some in batches(iter(Layout(self.area, model.side, model.overlap)), model.batch):
            pixels = np.stack([self._filled(keep, window) for window in self._pixels([window for window, _ in some])])
            found = model.encode(torch.from_numpy(pixels).to(model.device)).float().cpu().numpy()
            for values, (window, weight) in zip(found, some, strict=True):
                _cut(known, window)[...] += values * weight

    def _filled(self, keep: Raster, window: Window) -> NDArray[np.float32]:
        """A window of what is known in [-1, 1]; what is not has the mean of what is."""
        row, col, height, width = window
        made = np.zeros((len(self.model.spec.bands), height, width), np.float32)
        cut = slice(row, row + height), slice(col, col + width)
        valid = keep.valid[cut]
        if valid.any():
            values = self.model.scaled(keep.data[:, *cut])
            middle = values[:, valid].mean(1)
            made[:] = middle[:, None, None]
            made[:, : valid.shape[0], : valid.shape[1]] = np.where(valid, values, middle[:, None, None])
        return made

    def _kept(self, x: Tensor, part: slice, step: int) -> Tensor:
        """Put back what is known, with the noise that a step wants."""
        if self.condition.keep is None:
            return x
        known = torch.from_numpy(np.ascontiguousarray(self.planes["known"][:, part])).to(x.device)
        kept = torch.from_numpy(np.ascontiguousarray(self.planes["kept"][part])).to(x.device)
        return torch.where(kept, schedules.noised(self._carried.scheduler, known, self._noise(part), step).to(x.dtype), x)

    def _pixels(self, windows: Sequence[Window]) -> list[Window]:
        cell = self.model.cell
        return [(row * cell, col * cell, height * cell, width * cell) for row, col, height, width in windows]

    def _file(self, step: int, number: int) -> Path:
        assert self.planes.folder is not None
        return self.planes.folder / f"sampler-{step}-{number}.pt"

    def _restore(self, step: int, number: int) -> None:
        """Let the sampler be as it was for a part of the scene before a step."""
        if step == 0:
            self._carried.put({})
        elif self.planes.folder is None:
            self._carried.put(self._states[number])
        else:
            state = torch.load(self._file(step, number), weights_only=True, map_location=self.model.device)
            self._carried.put(state)

    def _keep(self, step: int, number: int) -> None:
        state = self._carried.take()
        if self.planes.folder is None:
            self._states[number] = state
            return
        try:
            torch.save(state, self._file(step + 1, number))
        except (OSError, RuntimeError) as error:
            raise ResourceError(f"The sampler's state cannot be written ({error}): free space and run the same again.") from None

    def _forget(self, step: int) -> None:
        if self.planes.folder is not None and step:
            for number in range(len(self._parts)):
                self._file(step, number).unlink(missing_ok=True)

    def _request(self, where: Grid | tuple[int, int], drawing: Drawing) -> str:
        digest = hashlib.sha256(repr((self.model.spec.hash, self.seed, self.stage, drawing)).encode())
        if isinstance(where, Grid):
            digest.update(repr((where.crs.to_wkt(), tuple(where.transform))).encode())
        digest.update(repr((self.shape, self.model.overlap, self.model.device.type, self.model.dtype)).encode())
        told = {name: value for name, value in vars(self.condition).items() if name not in ("controls", "keep")}
        digest.update(repr(told).encode())
        rasters = [(c.kind, c.weight, c.raster) for c in self.condition.controls]
        for kind, weight, raster in [*rasters, *([("keep", 1, self.condition.keep)] if self.condition.keep else [])]:
            digest.update(repr((kind, weight, raster.data.shape, raster.data.dtype.str)).encode())
            digest.update(np.ascontiguousarray(raster.data).tobytes())
            digest.update(np.packbits(raster.valid).tobytes())
        return digest.hexdigest()


def area_of(model: Generator, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of latents of a scene, at least those of a window."""
    rows, cols = (max(model.side, -(-length // model.cell)) for length in shape)
    return rows, cols


def wanted_of(model: Generator, condition: Condition, shape: tuple[int, int]) -> Wanted:
    """The arrays that a drawing holds."""
    area = area_of(model, shape)
    whole = (model.channels, *area)
    made: dict[str, tuple[tuple[int, ...], str]] = dict.fromkeys(("latents0", "latents1", "said"), (whole, "f4"))
    if condition.keep is not None:
        made |= {"known": (whole, "f4"), "kept": (area, "?")}
    return made


def _cut(array: NDArray[Any], window: Window) -> NDArray[Any]:
    row, col, height, width = window
    return array[:, row : row + height, col : col + width]
