"""A place as a drawing on the ground: shapes with material, colour, height and order, in metres.

The drawing knows nothing of pixels, so the same place renders at any ground sampling distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter
from rasterio.crs import CRS

from geoglot.data.synth.legend import GREEN, MATERIAL, MATERIALS
from geoglot.data.synth.shapes import Ring
from geoglot.geo.grid import Grid

STRAW = np.array([1.22, 1.05, 0.78, 1.15])  # dry vegetation beside its own grey
OCCUPANCY = 4.0  # metres a cell of the map that says what is taken


@dataclass(frozen=True)
class Thing:
    """A labelled object: its outline in metres from the world's origin."""

    label: str
    ring: Ring


@dataclass(frozen=True)
class Stripes:
    """Parallel lines on a field: direction (radians), period (metres) and strength (fraction)."""

    angle: float
    period: float
    strength: float


@dataclass(frozen=True)
class Drawing:
    """All shapes in painting order, as flat arrays: shape i owns coords[starts[i]:starts[i + 1]].

    coords (M, 2) metres; colour (N, 4) counts; height metres; facing radians or NaN where flat; shift metres away
    from the sun; size (N,) square metres; box (N, 4) x0, y0, x1, y1.
    """

    coords: NDArray[np.float64]
    starts: NDArray[np.int64]
    material: NDArray[np.uint8]
    colour: NDArray[np.float32]
    height: NDArray[np.float32]
    facing: NDArray[np.float32]
    shift: NDArray[np.float32]
    stripe: NDArray[np.uint8]
    size: NDArray[np.float32]
    box: NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A place: where it is, what is drawn there, what it is called.

    crs: projected, in metres; origin: easting and northing of its middle; extent: side in metres;
    shallow, relief: (n, n) fields over the extent, north up (1 at the shore to 0; illuminated slope east, north).
    """

    seed: int
    kind: str
    crs: CRS
    origin: tuple[float, float]
    extent: float
    drawing: Drawing
    things: tuple[Thing, ...]
    zones: tuple[Thing, ...]
    stripes: tuple[Stripes, ...]
    shallow: NDArray[np.float32] | None
    relief: NDArray[np.float32] | None

    def grid(self, gsd: float, size: int | tuple[int, int], east: float = 0.0, north: float = 0.0) -> Grid:
        """A grid of `size` pixels (or height, width) of `gsd` metres, its middle `east`, `north` metres from the world's."""
        height, width = (size, size) if isinstance(size, int) else size
        left, top = self.origin[0] + east - gsd * width / 2, self.origin[1] + north + gsd * height / 2
        return Grid(self.crs, Affine(gsd, 0, left, 0, -gsd, top), (height, width))


class Sketch:
    """Collects the shapes of a place while it is being made."""

    def __init__(self, rng: np.random.Generator, extent: float) -> None:
        self.rng = rng
        self.extent = extent
        self.half = extent / 2
        self.things: list[Thing] = []
        self.zones: list[Thing] = []
        self.stripes: list[Stripes] = [Stripes(0.0, 1.0, 0.0)]
        self.relief: NDArray[np.float32] | None = None
        base = np.array(MATERIALS[MATERIAL["water"]].colour)
        tint = rng.choice(np.array([[1, 1, 1, 1], [0.75, 0.9, 1.0, 1], [1.5, 1.3, 1.0, 1.4], [0.8, 1.15, 1.2, 1]]))
        self.water = base * tint * rng.uniform(0.8, 1.15)
        self.palette = np.zeros((1, 4))
        self.dryness = float(0.65 * rng.beta(1.2, 3.0))
        self._rows: list[tuple[int, int, Ring, int, NDArray[np.float64], float, float, float, int]] = []
        n = max(8, round(extent / OCCUPANCY))
        self._taken = Image.new("L", (n, n))
        self._wet = Image.new("L", (n, n))
        self._seen: dict[int, NDArray[np.uint8]] = {}  # copies of the two maps, until they are drawn on again

    def add(
        self, z: int, ring: Ring, material: str, colour: ArrayLike | None = None, *, tone: float = 1.0,
        height: float = 0.0, facing: float = float("nan"), shift: float = 0.0, stripe: int = 0,
    ) -> None:  # fmt: skip
        """Draw a ring of a material at level z; `tone` brightens its colour, `height` makes it cast a shadow."""
        index = MATERIAL[material]
        base = np.asarray(MATERIALS[index].colour if colour is None else colour, np.float64) * tone
        if material in GREEN:
            base = base + self.dryness * (base[:3].mean() * STRAW - base)
        self._rows.append((z, len(self._rows), ring, index, base, height, facing, shift, stripe))

    def rows(self, angle: float, period: float, strength: float) -> int:
        """Register a stripe pattern and return its number (at most 255 are kept apart)."""
        if len(self.stripes) < 256:
            self.stripes.append(Stripes(angle, period, strength))
            return len(self.stripes) - 1
        return int(self.rng.integers(1, 256))

    def thing(self, label: str, ring: Ring) -> None:
        """List a labelled object."""
        self.things.append(Thing(label, ring))

    def zone(self, label: str, ring: Ring) -> None:
        """List an area with a use: "harbour", "airfield", "town" and so on."""
        self.zones.append(Thing(label, ring))

    def _cells(self, points: ArrayLike) -> NDArray[np.float64]:
        p = np.atleast_2d(np.asarray(points, np.float64))
        n = self._taken.width
        return np.stack([(p[:, 0] + self.half) / self.extent * n, (self.half - p[:, 1]) / self.extent * n], 1)

    def _mark(self, image: Image.Image, ring: Ring, value: int) -> None:
        ImageDraw.Draw(image).polygon((self._cells(ring) - 0.5).ravel().tolist(), fill=value)
        self._seen.pop(id(image), None)

    def reserve(self, ring: Ring) -> None:
        """Mark the ground under a ring as taken."""
        self._mark(self._taken, ring, 1)

    def flood(self, z: int, ring: Ring) -> None:
        """Draw water and remember where it is."""
        self.add(z, ring, "water", self.water)
        self._mark(self._wet, ring, 1)

    def fill(self, z: int, ring: Ring, material: str, **how: float) -> None:
        """Draw land over water and remember it."""
        self.add(z, ring, material, **how)  # type: ignore[arg-type]
        self._mark(self._wet, ring, 0)

    def _look(self, image: Image.Image, points: ArrayLike) -> NDArray[np.bool_]:
        n = image.width
        c = np.floor(self._cells(points)).astype(int)
        inside = ((c >= 0) & (c < n)).all(axis=1)
        c = np.clip(c, 0, n - 1)
        cells = self._seen.get(id(image))
        if cells is None:
            cells = self._seen[id(image)] = np.asarray(image)
        return np.asarray((cells[c[:, 1], c[:, 0]] > 0) & inside)

    def taken(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points lie on ground that is taken or under water."""
        return self._look(self._taken, points) | self._look(self._wet, points)

    def wet(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Tell which points lie in water."""
        return self._look(self._wet, points)

    def free(self, ring: Ring) -> bool:
        """Tell whether a ring's corners, edges and middle are on free dry ground."""
        p = np.concatenate([ring, (ring + np.roll(ring, 1, axis=0)) / 2, ring.mean(axis=0)[None]])
        return not bool(self.taken(p).any())

    def _shallow(self) -> NDArray[np.float32] | None:
        if self._wet.getbbox() is None:
            return None
        size = min(1024, self._wet.width)
        soft = self._wet.resize((size, size), Image.Resampling.BOX).point(lambda v: v * 255)
        soft = soft.filter(ImageFilter.GaussianBlur(max(1.0, 45.0 / (self.extent / size))))
        return np.asarray(np.clip(1.9 - 2 * np.asarray(soft, np.float32) / 255.0, 0, 1), np.float32)

    def world(self, seed: int, kind: str, crs: CRS, origin: tuple[float, float]) -> World:
        """Close the sketch: sort the shapes into painting order and pack them."""
        rows = sorted(self._rows, key=lambda r: (r[0], r[1]))
        coords, starts, size, box = _pack([r[2] for r in rows])
        drawing = Drawing(
            coords, starts,
            material=np.array([r[3] for r in rows], np.uint8),
            colour=np.array([r[4] for r in rows], np.float32),
            height=np.array([r[5] for r in rows], np.float32),
            facing=np.array([r[6] for r in rows], np.float32),
            shift=np.array([r[7] for r in rows], np.float32),
            stripe=np.array([r[8] for r in rows], np.uint8),
            size=size.astype(np.float32), box=box,
        )  # fmt: skip
        return World(
            seed, kind, crs, origin, self.extent, drawing, tuple(self.things), tuple(self.zones),
            tuple(self.stripes), self._shallow(), self.relief,
        )  # fmt: skip


def _pack(rings: list[Ring]) -> tuple[Ring, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return all corners in one array, each ring counter-clockwise; where rings start; areas; boxes."""
    counts = np.array([len(r) for r in rings])
    p = np.concatenate(rings)
    ends = np.cumsum(counts)
    first = ends - counts
    after = np.arange(1, len(p) + 1)
    after[ends - 1] = first
    size = 0.5 * np.add.reduceat(p[:, 0] * p[after, 1] - p[after, 0] * p[:, 1], first)
    # walk clockwise rings backwards: position k from the start becomes k from the end
    clockwise = np.repeat(size < 0, counts)
    own = np.arange(len(p))
    mirrored = np.repeat(first + ends - 1, counts) - own
    p = p[np.where(clockwise, mirrored, own)]
    low, high = np.minimum.reduceat(p, first), np.maximum.reduceat(p, first)
    return p, np.append(first, len(p)), np.abs(size), np.concatenate([low, high], axis=1)
