"""A place as a drawing on the ground: shapes with material, colour, height and order, in metres.

The drawing knows nothing of pixels, so the same place renders at any ground sampling distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter
from rasterio.crs import CRS

from geoglot.data.synth.legend import GREEN, MATERIAL, MATERIALS, PLANT
from geoglot.data.synth.objects import boxes_of
from geoglot.data.synth.shapes import Ring, ribbon
from geoglot.geo.grid import Grid

STRAW = np.array([1.22, 1.05, 0.78, 1.15])  # dry vegetation beside its own grey
OCCUPANCY = 4.0  # metres a cell of the map that says what is taken
FLAT, DOME, GABLE, HIP = range(4)  # how a shape's top is turned to the light


@dataclass(frozen=True)
class Thing:
    """A labelled object: its outline in metres from the world's origin."""

    label: str
    ring: Ring


@dataclass(frozen=True)
class Packed:
    """Things as arrays: labels; corners (M, 2) in metres; thing i owns corners[starts[i]:starts[i + 1]]; boxes (N, 4)."""

    labels: tuple[str, ...]
    corners: NDArray[np.float64]
    starts: NDArray[np.int64]
    boxes: NDArray[np.float64]


def packed(things: tuple[Thing, ...]) -> Packed:
    """Return things as arrays."""
    corners = np.concatenate([thing.ring for thing in things]) if things else np.zeros((0, 2))
    starts = np.concatenate([[0], np.cumsum([len(thing.ring) for thing in things])]).astype(np.int64)
    return Packed(tuple(thing.label for thing in things), corners, starts, boxes_of(corners, starts))


@dataclass(frozen=True)
class Stripes:
    """Parallel lines on a field: direction (radians), period (metres) and strength (fraction)."""

    angle: float
    period: float
    strength: float


@dataclass(frozen=True)
class Level:
    """Shapes worth drawing at an octave of cell sizes: numbers, box sides (x0, y0, x1, y1), largest cell each stays at."""

    kept: NDArray[np.int64]
    sides: tuple[NDArray[np.float32], ...]
    limit: NDArray[np.float32]


@dataclass(frozen=True)
class Drawing:
    """All shapes in painting order, as flat arrays.

    Shape i owns coords[starts[i]:starts[i + 1]], counter-clockwise; shape 0 is the ground, which has no end.
    coords (M, 2) metres; colour (N, 4) counts; height metres above the ground; profile FLAT, DOME, GABLE or HIP about
    middle (N, 2) and axis (radians, along the first edge), with side (N, 2) half its length and width; convex: whether
    it is; single: whether an east-west line meets it in one piece (or nearly); stripe: number in the world's stripes;
    plant: number in the legend's PLANTS; size (N,) square metres; box (N, 4) x0, y0, x1, y1.
    """

    coords: NDArray[np.float64]
    starts: NDArray[np.int64]
    material: NDArray[np.uint8]
    colour: NDArray[np.float32]
    height: NDArray[np.float32]
    profile: NDArray[np.uint8]
    stripe: NDArray[np.uint16]
    plant: NDArray[np.uint8]
    middle: NDArray[np.float32]
    side: NDArray[np.float32]
    axis: NDArray[np.float32]
    convex: NDArray[np.bool_]
    single: NDArray[np.bool_]
    size: NDArray[np.float32]
    box: NDArray[np.float64]
    _levels: dict[int, Level] = field(default_factory=dict, repr=False, compare=False)
    tiles: dict[tuple[float, int, int], Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def tallest(self) -> float:
        """Greatest height of a shape, metres."""
        return float(self.height.max(initial=0))

    def level(self, cell: float) -> Level:
        """Return the shapes that may be drawn at a cell size: of those within one cell, as many as cover as much.

        Which ones stay depends on their number alone. The choice for an octave is remembered for the next call.
        """
        octave = math.floor(math.log2(cell))
        if octave not in self._levels:
            chance = np.arange(len(self.size), dtype=np.uint64) * np.uint64(2654435761) % np.uint64(2**32)
            long = np.maximum(self.box[:, 2] - self.box[:, 0], self.box[:, 3] - self.box[:, 1])
            limit = np.maximum(long / 2, np.sqrt(self.size / (chance.astype(np.float64) + 1) * 2.0**32))
            limit[0] = 0  # the ground is everywhere
            kept = np.flatnonzero(limit >= 2.0**octave)
            sides = tuple(np.ascontiguousarray(column, np.float32) for column in self.box[kept].T)
            self._levels[octave] = Level(kept, sides, limit[kept].astype(np.float32))
        return self._levels[octave]


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

    @cached_property
    def packed(self) -> tuple[Packed, Packed]:
        """The things and the zones, as arrays."""
        return packed(self.things), packed(self.zones)

    @cached_property
    def rows(self) -> NDArray[np.float64]:
        """Direction (east and north of a unit vector), period and strength of each stripe pattern, (4, N)."""
        return np.array([(math.cos(r.angle), math.sin(r.angle), r.period, r.strength) for r in self.stripes]).T

    def grid(self, gsd: float, size: int | tuple[int, int], east: float = 0.0, north: float = 0.0) -> Grid:
        """A grid of `size` pixels (or height, width) of `gsd` metres, its middle `east`, `north` metres from the world's."""
        height, width = (size, size) if isinstance(size, int) else size
        left, top = self.origin[0] + east - gsd * width / 2, self.origin[1] + north + gsd * height / 2
        return Grid(self.crs, Affine(gsd, 0, left, 0, -gsd, top), (height, width))


@dataclass(frozen=True)
class _Batch:
    """Shapes of one kind, as they were drawn: rings (N, K, 2), colour (N, 4), height (N,)."""

    z: int
    rings: NDArray[np.float64]
    material: int
    colour: NDArray[np.float64]
    height: NDArray[np.float64]
    profile: int
    stripe: int
    plant: int


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
        tint = rng.choice(
            np.array([[1, 1, 1, 1], [0.75, 0.9, 1.0, 1], [1.5, 1.3, 1.0, 1.4], [0.8, 1.15, 1.2, 1]]), p=(0.35, 0.3, 0.1, 0.25)
        )
        self.water = base * tint * rng.uniform(0.8, 1.15)
        self.palette = np.zeros((1, 4))
        self.roofs = np.array([0.2, 0.5, 0.3])  # shares of flat, gabled and hipped roofs
        self.dryness = float(0.65 * rng.beta(1.2, 3.0))
        self._rows: list[_Batch] = []
        n = max(8, round(extent / OCCUPANCY))
        self._taken = Image.new("L", (n, n))
        self._wet = Image.new("L", (n, n))
        self._seen: dict[int, NDArray[np.uint8]] = {}  # copies of the two maps, until they are drawn on again

    def add(self, z: int, ring: Ring, material: str, colour: ArrayLike | None = None, **how: Any) -> None:
        """Draw a ring of a material at level z; the rest as in `many`."""
        self.many(z, ring[None], material, colour, **how)

    def many(
        self, z: int, rings: NDArray[np.float64], material: str, colour: ArrayLike | None = None, *,
        tone: ArrayLike = 1.0, height: ArrayLike = 0.0, profile: int = FLAT, stripe: int = 0, plant: str = "",
    ) -> None:  # fmt: skip
        """Draw rings (N, K, 2) of a material at level z.

        colour (4,) or (N, 4); `tone` (one or N) brightens it; `height` (one or N) metres above the ground makes it cast
        a shadow; `profile` says how its top is turned to the light; `plant` what grows there.
        """
        if not len(rings):
            return
        index = MATERIAL[material]
        base = np.asarray(MATERIALS[index].colour if colour is None else colour, np.float64)
        base = np.broadcast_to(base, (len(rings), 4)) * np.broadcast_to(np.asarray(tone, np.float64), len(rings))[:, None]
        if material in GREEN:
            base = base + self.dryness * (base[:, :3].mean(axis=1, keepdims=True) * STRAW - base)
        tall = np.broadcast_to(np.asarray(height, np.float64), len(rings))
        self._rows.append(_Batch(z, rings, index, base, tall, profile, stripe, PLANT[plant]))

    def way(self, z: int, line: Ring, width: float | NDArray[np.float64], material: str, colour: ArrayLike | None = None,
            **how: Any) -> None:  # fmt: skip
        """Draw a line (N, 2) with a width as a chain of quadrilaterals: quick, and exact where it is narrow."""
        outline = ribbon(line, width)
        n = len(line)
        a, b = outline[:n], outline[n:][::-1]
        self.many(z, np.stack([a[:-1], a[1:], b[1:], b[:-1]], axis=1), material, colour, **how)

    def rows(self, angle: float, period: float, strength: float) -> int:
        """Register a stripe pattern and return its number."""
        if len(self.stripes) < 1 << 16:
            self.stripes.append(Stripes(angle, period, strength))
            return len(self.stripes) - 1
        return int(self.rng.integers(1, 1 << 16))

    def thing(self, label: str, ring: Ring) -> None:
        """List a labelled object."""
        self.things.append(Thing(label, ring))

    def each(self, label: str, rings: NDArray[np.float64]) -> None:
        """List labelled objects, one a ring (N, K, 2)."""
        self.things.extend(Thing(label, ring) for ring in rings)

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

    def crossing(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return two points beyond opposite sides of the place."""
        a = self.rng.uniform(0, 2 * math.pi)
        b = a + math.pi + self.rng.normal() * 0.2
        r = self.half * 1.5
        return (r * math.cos(a), r * math.sin(a)), (r * math.cos(b), r * math.sin(b))

    def reserve(self, ring: Ring) -> None:
        """Mark the ground under a ring as taken."""
        self._mark(self._taken, ring, 1)

    def flood(self, z: int, ring: Ring) -> None:
        """Draw water and remember where it is."""
        self.add(z, ring, "water", self.water)
        self._mark(self._wet, ring, 1)

    def fill(self, z: int, ring: Ring, material: str, **how: Any) -> None:
        """Draw land over water and remember it."""
        self.add(z, ring, material, **how)
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

    def covered(self, ring: Ring) -> bool:
        """Tell whether all of a small convex ring lies on ground that is taken, as far as 25 points tell."""
        t = np.linspace(0, 1, 5)
        u, v = (m.reshape(-1, 1) for m in np.meshgrid(t, t))
        p = ring[0] * (1 - u) * (1 - v) + ring[1] * u * (1 - v) + ring[2] * u * v + ring[3] * (1 - u) * v
        return bool(self.taken(p).all())

    def _shallow(self) -> NDArray[np.float32] | None:
        if self._wet.getbbox() is None:
            return None
        size = min(1024, self._wet.width)
        soft = self._wet.resize((size, size), Image.Resampling.BOX).point(lambda v: v * 255)
        soft = soft.filter(ImageFilter.GaussianBlur(max(1.0, 45.0 / (self.extent / size))))
        return np.asarray(np.clip(1.9 - 2 * np.asarray(soft, np.float32) / 255.0, 0, 1), np.float32)

    def world(self, seed: int, kind: str, crs: CRS, origin: tuple[float, float]) -> World:
        """Close the sketch: sort the shapes into painting order and pack them."""
        far = self.extent * 2
        self.add(-1, np.array([(-far, -far), (far, -far), (far, far), (-far, far)]), "grass")
        rows = sorted(self._rows, key=lambda r: r.z)
        counts = [len(r.rings) for r in rows]
        corners = np.repeat([r.rings.shape[1] for r in rows], counts)
        coords, starts, size, box, convex, single = _pack(np.concatenate([r.rings.reshape(-1, 2) for r in rows]), corners)
        first = coords[starts[:-1]]
        edge, other = coords[starts[:-1] + 1] - first, coords[starts[:-1] + 2] - coords[starts[:-1] + 1]
        profile = np.repeat(np.array([r.profile for r in rows], np.uint8), counts)
        radius = np.sqrt(size / math.pi)
        side = np.stack([np.hypot(*edge.T) / 2, np.hypot(*other.T) / 2], 1)
        drawing = Drawing(
            coords, starts,
            material=np.repeat(np.array([r.material for r in rows], np.uint8), counts),
            colour=np.concatenate([r.colour for r in rows]).astype(np.float32),
            height=np.concatenate([r.height for r in rows]).astype(np.float32),
            profile=profile,
            stripe=np.repeat(np.array([r.stripe for r in rows], np.uint16), counts),
            plant=np.repeat(np.array([r.plant for r in rows], np.uint8), counts),
            middle=((box[:, :2] + box[:, 2:]) / 2).astype(np.float32),
            side=np.where((profile == DOME)[:, None], radius[:, None], side).astype(np.float32),
            axis=np.arctan2(edge[:, 1], edge[:, 0]).astype(np.float32),
            convex=convex, single=single, size=size.astype(np.float32), box=box,
        )  # fmt: skip
        return World(
            seed, kind, crs, origin, self.extent, drawing, tuple(self.things), tuple(self.zones),
            tuple(self.stripes), self._shallow(), self.relief,
        )  # fmt: skip


def _pack(p: Ring, counts: NDArray[np.int64]
          ) -> tuple[Ring, NDArray[np.int64], Ring, Ring, NDArray[np.bool_], NDArray[np.bool_]]:  # fmt: skip
    """Return all corners (M, 2) with each ring counter-clockwise; where rings start; areas; boxes; convex; single."""
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
    step = p[after] - p
    turn = step[:, 0] * step[after, 1] - step[:, 1] * step[after, 0]
    convex = np.minimum.reduceat(turn, first) >= -1e-6 * np.abs(size)
    single = np.add.reduceat(np.abs(step[:, 1]), first) <= 2 * (high[:, 1] - low[:, 1]) * 1.02 + 4
    return p, np.append(first, len(p)), np.abs(size), np.concatenate([low, high], axis=1), convex, single
