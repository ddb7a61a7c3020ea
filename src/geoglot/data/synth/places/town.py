"""Where people live: a bent grid of streets, plots with houses and gardens, blocks of other uses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from geoglot.data.synth.places import halls, sports
from geoglot.data.synth.places.streets import cars, parking, street
from geoglot.data.synth.places.woods import park, trees
from geoglot.data.synth.shapes import Ring, inset, place, rect, rects, runs, unturned
from geoglot.data.synth.world import FLAT, GABLE, HIP, Sketch

Quads = NDArray[np.float64]  # (P, 4, 2), the first edge at the street
ROOFS = np.array(
    [
        (158, 98, 78, 142),
        (138, 88, 74, 132),
        (178, 122, 96, 150),
        (120, 116, 112, 112),
        (92, 90, 90, 88),
        (150, 146, 142, 140),
        (172, 164, 154, 162),
        (142, 122, 100, 140),
        (76, 78, 84, 76),
        (206, 204, 200, 190),
        (112, 96, 84, 112),
    ],
    float,
)
USES = ("works", "downtown", "shops", "flats", "school", "church", "park", "sports", "parking", "greenhouses", "homes")


def plots(s: Sketch, q: Quads, dense: float) -> None:
    """Draw on each plot a house, its garden, drive, paths, sheds, pool, hedges, cars and trees."""
    rng, n = s.rng, len(q)
    if not n:
        return
    front, back = q[:, 1] - q[:, 0], q[:, 3] - q[:, 0]
    a, b = np.hypot(*front.T), np.hypot(*back.T)
    angle = np.arctan2(front[:, 1], front[:, 0])

    def at(
        u: NDArray[np.float64] | float, v: NDArray[np.float64] | float, which: NDArray[np.generic] | slice = slice(None)
    ) -> Ring:
        """Points at shares of a plot along the street and away from it."""
        out: Ring = q[which, 0] + front[which] * np.reshape(u, (-1, 1)) + back[which] * np.reshape(v, (-1, 1))
        return out

    middle = q.mean(axis=1, keepdims=True)
    lawn = np.where(rng.random((n, 1)) < 0.7, (92, 99, 68, 152), (124, 114, 88, 142)) * np.exp(rng.normal(size=(n, 1)) * 0.16)
    s.many(34, middle + (q - middle) * 0.985, "garden", lawn * np.exp(rng.normal(size=(n, 4)) * 0.03), plant="grass")
    beds = np.repeat(np.arange(n), rng.poisson(1.2, n))
    p = at(rng.uniform(0.12, 0.88, len(beds)), rng.uniform(0.5, 0.93, len(beds)), beds)
    tint = np.where(rng.random((len(beds), 1)) < 0.5, (98, 110, 66, 165), (118, 100, 80, 125)) * rng.uniform(
        0.8, 1.15, (len(beds), 1)
    )
    s.many(
        35,
        rects(p[:, 0], p[:, 1], a[beds] * rng.uniform(0.15, 0.5, len(beds)), rng.uniform(2, 6, len(beds)), angle[beds]),
        "garden",
        tint,
        plant="grass",
    )
    wide = np.minimum(a * rng.uniform(0.5, 0.86, n), rng.uniform(11, 19, n))
    deep = np.minimum(b * rng.uniform(0.26, 0.46, n), rng.uniform(8, 13, n))
    set_back = 0.10 + 0.5 * deep / b + 0.09 * (1 - dense) * rng.random(n)
    _pave(s, at, rng, (a, b, angle), set_back + 0.5 * deep / b)
    centre = at(0.5 + rng.normal(size=n) * 0.03, set_back)
    houses(s, centre, wide, deep, angle + rng.normal(size=n) * 0.015)
    _green(s, at, (a, b, angle), dense)


def _pave(s: Sketch, at, rng: np.random.Generator, size: tuple[Ring, Ring, Ring], rear: Ring) -> None:  # type: ignore[no-untyped-def]
    """Draw drives with cars, paths, terraces, sheds and pools of plots."""
    a, b, angle = size
    n = len(a)
    drive = np.flatnonzero(rng.random(n) < 0.75)
    side = rng.choice([0.12, 0.88], len(drive))
    p = at(side, 0.13, drive)
    tone = np.exp(rng.normal(size=len(drive)) * 0.12)
    s.many(
        35,
        rects(p[:, 0], p[:, 1], b[drive] * 0.26, rng.uniform(2.6, 5.0, len(drive)), angle[drive] + math.pi / 2),
        "yard",
        (150, 145, 137, 145),
        tone=tone,
    )
    used = rng.random(len(drive)) < 0.55
    cars(s, p[used], (angle[drive] + math.pi / 2)[used])
    path = np.flatnonzero(rng.random(n) < 0.6)
    p = at(rng.uniform(0.3, 0.7, len(path)), 0.07, path)
    s.many(35, rects(p[:, 0], p[:, 1], b[path] * 0.14, 1.2, angle[path] + math.pi / 2), "yard", tone=1.12)
    patio = np.flatnonzero(rng.random(n) < 0.6)
    p = at(rng.uniform(0.3, 0.7, len(patio)), rear[patio] + 0.05, patio)
    s.many(
        36,
        rects(p[:, 0], p[:, 1], a[patio] * rng.uniform(0.25, 0.55, len(patio)), rng.uniform(2.5, 5, len(patio)), angle[patio]),
        "yard",
        tone=np.exp(rng.normal(size=len(patio)) * 0.14 + 0.08),
    )
    shed = np.flatnonzero(rng.random(n) < 0.4)
    p = at(rng.uniform(0.12, 0.88, len(shed)), rng.uniform(0.82, 0.94, len(shed)), shed)
    colour = ROOFS[rng.integers(0, len(ROOFS), len(shed))]
    s.many(
        50,
        rects(p[:, 0], p[:, 1], rng.uniform(2.4, 6, len(shed)), rng.uniform(2, 4, len(shed)), angle[shed]),
        "roof",
        colour,
        height=2.3,
    )
    pool = np.flatnonzero(rng.random(n) < 0.04 + 0.2 * s.dryness)
    p = at(rng.uniform(0.3, 0.7, len(pool)), rear[pool] + 0.16, pool)
    turn = angle[pool] + rng.choice([0, math.pi / 2], len(pool))
    s.many(36, rects(p[:, 0], p[:, 1], 11, 7, turn), "yard", tone=1.2)
    rings = rects(p[:, 0], p[:, 1], 8, 4, turn)
    s.many(37, rings, "pool", tone=rng.uniform(0.8, 1.1, len(pool)))
    s.each("swimming pool", rings)


def _green(s: Sketch, at, size: tuple[Ring, Ring, Ring], dense: float) -> None:  # type: ignore[no-untyped-def]
    """Plant hedges on plot borders, trees in gardens and before houses."""
    rng = s.rng
    a, b, angle = size
    n = len(a)
    for share, u, v, turned in ((0.45, 0.5, 0.98, False), (0.35, 0.02, 0.72, True), (0.25, 0.5, 0.03, False)):
        at_border = np.flatnonzero(rng.random(n) < share)
        p = at(u, v, at_border)
        long = (b[at_border] * 0.5 if turned else a[at_border] * 0.92) * rng.uniform(0.6, 1, len(at_border))
        s.many(
            40,
            rects(
                p[:, 0], p[:, 1], long, rng.uniform(0.7, 1.6, len(at_border)), angle[at_border] + (math.pi / 2 if turned else 0)
            ),
            "tree",
            tone=np.exp(rng.normal(size=len(at_border)) * 0.2),
            height=1.6,
            plant="deciduous",
        )
    leafy = float(rng.gamma(3.0, 0.5))
    owner = np.repeat(np.arange(n), rng.poisson((1.3 - dense * 0.8) * leafy * np.clip(a * b / 420, 0.4, 5)))
    p = at(
        rng.uniform(0.05, 0.95, len(owner)),
        np.where(rng.random(len(owner)) < 0.2, 0.06, rng.uniform(0.5, 0.99, len(owner))),
        owner,
    )
    trees(s, p, np.clip(rng.lognormal(0.85, 0.45, len(p)), 0.7, 6.5))


def houses(s: Sketch, centre: Ring, wide: Ring, deep: Ring, angle: Ring) -> None:
    """Draw houses at points (N, 2): hipped, gabled or flat, with wings, chimneys, roof windows and panels."""
    rng, n = s.rng, len(centre)
    turned = rng.random(n) < 0.2
    angle = angle + turned * math.pi / 2
    wide, deep = np.where(turned, deep, wide), np.where(turned, wide, deep)
    swap = deep > wide  # the ridge lies along the longer side
    wide, deep, angle = np.where(swap, deep, wide), np.where(swap, wide, deep), angle + swap * math.pi / 2
    colour = s.palette[rng.integers(0, len(s.palette), n)] * np.exp(
        rng.normal(size=(n, 1)) * 0.10 + rng.normal(size=(n, 4)) * 0.02
    )
    height = rng.uniform(3.6, 7.5, n)
    kind = rng.choice([FLAT, GABLE, HIP], n, p=s.roofs)
    whole = rects(centre[:, 0], centre[:, 1], wide, deep, angle)
    c, d = np.cos(angle), np.sin(angle)
    for profile in (FLAT, GABLE, HIP):
        m = kind == profile
        s.many(50, whole[m], "roof", colour[m] * (1.05 if profile == FLAT else 1.0), height=height[m], profile=profile)
    m = kind == FLAT
    s.many(51, rects(centre[m, 0], centre[m, 1], wide[m] - 1, deep[m] - 1, angle[m]), "roof", colour[m], height=height[m] - 0.4)
    wing = np.flatnonzero(rng.random(n) < 0.5)
    u, v = (
        rng.uniform(-0.3, 0.3, len(wing)) * wide[wing],
        rng.choice([-1, 1], len(wing)) * deep[wing] * rng.uniform(0.35, 0.6, len(wing)),
    )
    x, y = centre[wing, 0] + u * c[wing] - v * d[wing], centre[wing, 1] + u * d[wing] + v * c[wing]
    long, slim = deep[wing] * rng.uniform(0.6, 1.0, len(wing)), wide[wing] * rng.uniform(0.28, 0.5, len(wing))
    for profile in (FLAT, GABLE, HIP):
        m = kind[wing] == profile
        w = wing[m]
        s.many(
            52,
            rects(x[m], y[m], long[m], slim[m], angle[w] + math.pi / 2),
            "roof",
            colour[w],
            height=height[w] * 0.9,
            profile=profile,
        )
    for share, size, tint, lift in ((0.6, 0.9, 0.6, 1.2), (0.5, 1.0, 0.35, 0.0), (0.3, 1.3, 1.3, 0.3)):
        k = np.flatnonzero(rng.random(n) < share)
        u, v = rng.uniform(-0.4, 0.4, len(k)) * wide[k], rng.uniform(-0.35, 0.35, len(k)) * deep[k]
        x, y = centre[k, 0] + u * c[k] - v * d[k], centre[k, 1] + u * d[k] + v * c[k]
        s.many(53, rects(x, y, size, size * 0.8, angle[k]), "roof", colour[k] * tint + (8, 9, 10, 5), height=height[k] + lift)
    k = np.flatnonzero(rng.random(n) < 0.06)
    x, y = centre[k, 0] - 0.25 * deep[k] * d[k], centre[k, 1] + 0.25 * deep[k] * c[k]
    rings = rects(x, y, wide[k] * 0.5, deep[k] * 0.33, angle[k])
    s.many(54, rings, "panel", height=height[k])
    s.each("rooftop solar panels", rings)
    s.each("house", whole)


def _block(s: Sketch, ring: Ring, dense: float, use: str) -> Quads | None:
    """Fill the ground between four streets for a use; homes are returned as plots, to be drawn together."""
    rng = s.rng
    s.reserve(ring)
    across = ring.mean(axis=0)
    if use in ("works", "downtown", "shops", "flats", "school", "greenhouses"):
        {
            "works": halls.yard,
            "downtown": halls.downtown,
            "shops": halls.shops,
            "flats": halls.flats,
            "school": halls.school,
            "greenhouses": halls.greenhouses,
        }[use](s, ring)
        return None
    angle = math.atan2(*(ring[1] - ring[0])[::-1])
    if use in ("park", "sports", "church", "parking"):
        if use == "sports":
            s.add(33, ring, "grass", plant="grass")
        else:
            park(s, ring, float(rng.uniform(60, 200)))
        a, b = float(np.hypot(*(ring[1] - ring[0]))), float(np.hypot(*(ring[2] - ring[1])))
        if use == "sports":
            sports.ground(s, float(across[0]), float(across[1]), a * 0.96, b * 0.96, angle)
        elif use == "church":
            halls.church(s, float(across[0]), float(across[1]), angle)
        elif use == "parking":
            parking(s, float(across[0]), float(across[1]), a * 0.95, b * 0.9, angle, float(rng.uniform(0.1, 0.95)))
        return None
    left, right = (ring[0] + ring[3]) / 2, (ring[1] + ring[2]) / 2
    lot = float(rng.uniform(8, 14)) if dense > 0.6 else float(rng.uniform(16, 26 + 20 * (1 - dense)))
    out = []
    for a, b, c, d in ((ring[0], ring[1], right, left), (ring[2], ring[3], left, right)):
        count = max(1, int(math.hypot(*(b - a)) / lot))
        cuts = (np.arange(count + 1) + np.pad(rng.normal(size=max(count - 1, 0)) * 0.08, 1)) / count
        out += [np.array([a + (b - a) * t, a + (b - a) * u, d + (c - d) * u, d + (c - d) * t]) for t, u in runs(cuts)]
    built = rng.random(len(out)) < (0.97 if dense > 0.3 else 0.85)
    return np.array(out)[built]


def _nodes(s: Sketch, x: float, y: float, us: Ring, vs: Ring, angle: float) -> Ring:
    """Return the street corners (U, V, 2): a grid turned, bent by slow waves and shaken a little."""
    rng = s.rng
    u, v = np.meshgrid(us, vs, indexing="ij")
    bend = rng.choice([0.0, 0.4, 1.0]) * rng.uniform(0, 60)
    k, phase = 2 * math.pi / rng.uniform(450, 1400), rng.uniform(0, 6.3, 2)
    u2 = u + bend * np.sin(k * v + phase[0]) + rng.normal(size=u.shape) * 4
    v2 = v + bend * np.sin(k * u + phase[1]) + rng.normal(size=u.shape) * 4
    return place(np.stack([u2, v2], -1).reshape(-1, 2), x, y, angle).reshape(*u.shape, 2)


def _odds(works: float, core: float, dense: float) -> Ring:
    """Return the odds of each of USES: outside a town's core and in it."""
    homes = max(1 - works - 0.16, 0.0) * (1 - core)
    return np.array(
        [
            works + 1e-9,
            core * 0.8,
            0.015 + core * 0.1,
            0.02 + 0.05 * dense,
            0.025,
            0.012,
            0.035,
            0.02,
            0.012 + core * 0.1,
            0.03 * (works > 0.5),
            homes,
        ]
    )


def town(
    s: Sketch,
    centre: tuple[float, float],
    across: float,
    dense: float = 0.6,
    works: float = 0.06,
    label: str = "town",
    core: float = 0.0,
) -> None:
    """Draw a settlement on a bent street grid around a point, as far as the ground is free.

    dense: 0-1, how close the houses stand; works: share of blocks with works; core: share of offices in the middle.
    """
    rng = s.rng
    x, y = centre
    long, deep = (float(rng.uniform(110, 190)), 56.0 + 40 * (1 - dense)) if works < 0.5 else (float(rng.uniform(110, 190)), 95.0)
    if core > 0.4:
        long, deep = float(rng.uniform(75, 130)), float(rng.uniform(60, 100))
    reach = across / 2
    s.palette = ROOFS[rng.permutation(len(ROOFS))[: int(rng.integers(2, 7))]]
    s.roofs = rng.dirichlet((0.5, 1.2, 1.0))
    us, vs = np.arange(-reach, reach + 1, long), np.arange(-reach, reach + 1, deep)
    if len(us) < 2 or len(vs) < 2:
        return
    nodes = _nodes(s, x, y, us, vs, float(rng.uniform(0, math.pi / 2)))
    used = np.zeros((len(us) - 1, len(vs) - 1), bool)
    homes = []
    for i, j in np.ndindex(used.shape):
        cell = np.array([nodes[i, j], nodes[i + 1, j], nodes[i + 1, j + 1], nodes[i, j + 1]])
        middle = cell.mean(axis=0)
        r = math.hypot(middle[0] - x, middle[1] - y) / reach
        if r > 1.0 + 0.12 * rng.normal() or np.abs(middle).max() > s.half + 100 or not s.free(inset(cell, 6)):
            continue
        used[i, j] = True
        s.add(28, cell, "garden", (106, 106, 82, 145), plant="grass")
        s.zone(label, cell)
        odds = _odds(works, core * min(max(1.2 - r, 0.0), 0.95), dense)
        found = _block(s, unturned(cell, 5.5), dense, USES[int(rng.choice(len(USES), p=odds / odds.sum()))])
        if found is not None:
            homes.append(found)
    if homes:
        plots(s, np.concatenate(homes), dense)
    _streets(s, nodes, used, float(rng.choice([0.0, 0.15, 0.5], p=[0.3, 0.4, 0.3])))


def _streets(s: Sketch, nodes: Ring, used: NDArray[np.bool_], planted: float) -> None:
    """Draw the lines of the street grid along every cell that is built."""
    padded = np.pad(used, 1)
    across = padded[1:-1, :-1] | padded[1:-1, 1:]  # (U - 1, V): edge from node i to i + 1 on line j
    along = padded[:-1, 1:-1] | padded[1:, 1:-1]  # (U, V - 1)
    lines = [(across[:, j], nodes[:, j]) for j in range(nodes.shape[1])]
    lines += [(along[i], nodes[i]) for i in range(nodes.shape[0])]
    for built, points in lines:
        width = float(s.rng.choice([5.5, 6.2, 7.0, 9.5], p=[0.35, 0.3, 0.25, 0.1]))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], built.astype(int), [0]])))
        for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            street(s, points[a : b + 1], width, 0.12, planted=planted)


def farmstead(s: Sketch, x: float, y: float) -> None:
    """Draw a farm: a house, barns, a yard, silos and trees, if the ground is free."""
    rng = s.rng
    angle = float(rng.uniform(0, math.pi))
    size = float(rng.uniform(0.8, 1.4))
    plot = rect(x, y, 80 * size, 60 * size, angle)
    if not s.free(plot):
        return
    s.reserve(plot)
    s.add(33, plot, "garden", plant="grass")
    s.add(34, rect(x, y, 46 * size, 32 * size, angle), "yard", tone=float(rng.uniform(0.85, 1.15)))
    for u, v, long, wide in ((-18, -16, 30, 13), (16, -14, 24, 12), (0, 17, 14, 9), (22, 12, 34, 16))[: int(rng.integers(2, 5))]:
        p = place([(u * size, v * size)], x, y, angle + rng.normal() * 0.03)[0]
        roof = ROOFS[int(rng.integers(len(ROOFS)))]
        ring = rect(float(p[0]), float(p[1]), long, wide, angle + (math.pi / 2 if rng.random() < 0.3 else 0))
        s.add(50, ring, "roof", roof, height=6.0, profile=GABLE)
        s.thing("house" if long < 20 else "barn", ring)
    for _ in range(int(rng.integers(0, 3))):
        p = place(rng.uniform(-20, 20, (1, 2)) * size, x, y, angle)[0]
        s.add(51, place(halls.circle(2.6), float(p[0]), float(p[1])), "tank", height=9.0)
    p = place(np.stack([rng.uniform(-38, 38, 14), rng.choice([-27, 27], 14) + rng.normal(size=14) * 2], 1) * size, x, y, angle)
    trees(s, p, rng.uniform(1.5, 5, 14))
