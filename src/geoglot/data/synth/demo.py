"""A small landscape of georeferenced scenes on disk, and searches whose right answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from geoglot.core.errors import ConfigError
from geoglot.data.synth.landscape import landscape
from geoglot.data.synth.render import render
from geoglot.data.synth.truth import Rendered, Truth
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import sensor
from geoglot.geo.write import write_geotiff


@dataclass(frozen=True)
class Plan:
    """One scene of the demo; gsd in metres, size in pixels a side, `must` the number of things it holds at least."""

    name: str
    kind: str
    gsd: float
    size: int
    time: datetime
    lonlat: tuple[float, float]
    must: tuple[tuple[str, int], ...] = ()
    satellite: bool = False


@dataclass(frozen=True)
class DemoScene:
    """A scene written to disk and what is in it (`truth.truth_at`, `truth.window_of`)."""

    path: Path
    truth: Rendered


@dataclass(frozen=True)
class Search:
    """A search in words and what a right answer holds."""

    text: str
    right: Callable[[Truth], bool]


def _day(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 10, 40, tzinfo=UTC)


PLANS = (
    Plan("harbour", "harbour", 1.0, 1728, _day(2021, 6, 14), (6.08, 52.36), (("ship", 40), ("storage tank", 8), ("house", 50))),
    Plan("airfield", "airfield", 1.25, 1728, _day(2020, 8, 7), (6.16, 52.33), (("airplane", 20),)),
    Plan("town", "houses", 1.0, 1728, _day(2019, 5, 23), (6.05, 52.30), (("house", 600),)),
    Plan("river", "river", 2.0, 1728, _day(2020, 7, 2), (6.12, 52.28), (("bridge", 1),)),
    Plan("lake", "woods", 1.5, 1440, _day(2018, 9, 18), (6.18, 52.25)),
    Plan("country", "country", 10.0, 1008, _day(2022, 7, 18), (6.11, 52.30), satellite=True),
)

SEARCHES = (
    Search("storage tanks", lambda t: t.count.get("storage tank", 0) >= 1 and t.cover.get("tank", 0) > 0.01),
    Search("a harbour with many boats", lambda t: t.count.get("ship", 0) >= 1 and t.use.get("harbour", 0) > 0.1),
    Search("airplanes on an airfield", lambda t: t.count.get("airplane", 0) >= 1),
    Search("farmland fields along a river", lambda t: t.cover.get("crops", 0) > 0.2 and t.cover.get("water", 0) > 0.03),
    Search("dense forest", lambda t: t.cover.get("forest", 0) > 0.6),
)


def demo_scenes(folder: str | Path, seed: int = 0, plans: tuple[Plan, ...] = PLANS) -> list[DemoScene]:
    """Write the demo's scenes as cloud-optimised GeoTIFFs into a folder (made if absent) and return them with their truth."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for number, plan in enumerate(plans):
        scene = _make(plan, seed + number)
        path = out / f"{plan.name}_{plan.time:%Y%m%d}.tif"
        tags = {
            "SENSOR": "sentinel-2" if plan.satellite else "rgb",
            "TIFFTAG_DATETIME": f"{plan.time:%Y:%m:%d %H:%M:%S}",
            "TIFFTAG_IMAGEDESCRIPTION": f"Rendered by geoglot, not observed: {plan.name}, seed {seed + number}",
            "TIFFTAG_SOFTWARE": "geoglot",
        }
        raster = scene.raster
        write_geotiff(path, _reflectance(raster) if plan.satellite else raster, tags=tags)
        blank = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), raster.data.shape)
        slim = Raster(blank, raster.valid, raster.grid, raster.bands, raster.time)
        made.append(DemoScene(path, Rendered(slim, scene.cover, scene.objects, scene.zones, scene.kind, scene.gsd, scene.plant)))
    return made


def _make(plan: Plan, seed: int) -> Rendered:
    """Render the first place, over seeds, that holds what the plan asks for within its frame."""
    bands = ("blue", "green", "red", "nir") if plan.satellite else ("red", "green", "blue")
    half = plan.size * plan.gsd / 2
    for attempt in range(40):
        world = landscape(seed + 1000 * attempt, plan.kind, plan.size * plan.gsd, plan.lonlat)
        held = [thing.label for thing in world.things if np.abs(thing.ring.mean(axis=0)).max() < half]
        if all(held.count(label) >= count for label, count in plan.must):
            return render(world, world.grid(plan.gsd, plan.size), bands, seed, plan.time)
    raise ConfigError(f"No place of kind {plan.kind!r} near seed {seed} holds {dict(plan.must)}: ask for less or another seed.")


def _reflectance(raster: Raster) -> Raster:
    """Turn counts (blue, green, red, nir) into Sentinel-2 level 2A numbers, so that its fixed stretch shows the same picture."""
    known = sensor("sentinel-2")
    bands = tuple(known.known[name] for name in ("b02", "b03", "b04", "b08"))
    low, high = known.stretch or (0.0, 0.3)
    level = raster.data.astype(np.float32) / 255
    visible = low + (high - low) * level[:3] ** known.gamma
    values = np.concatenate([visible, 0.5 * level[3:]]) * 1e4
    return Raster(np.rint(values).astype(np.uint16), raster.valid, raster.grid, bands, raster.time)
