"""An archive of many tiles without pixels: rows as ingest writes them, vectors and places that are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.archive import rows as made
from geoglot.archive.store import Store, Tables, Writer
from geoglot.archive.tiling import Options
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid, tiles
from geoglot.geo.sensors import Sensor, sensor
from search_data import TILES

SIDE = 256  # pixels of a tile
ACROSS = 16  # tiles of a scene from left to right
SENSORS = (("naip", 0.6, 0.5), ("sentinel-2", 10.0, 0.3), ("worldview", 0.5, 0.1), ("landsat-8", 30.0, 0.1))
YEARS = 2015, 2024
REGIONS = 3  # of the Earth in which one kind of landscape is found


def spec(dims: int) -> ModelSpec:
    bands = ("red", "green", "blue")
    return ModelSpec("made", "1", f"made-{dims}", dims, bands, 144, (0.1, 90.0), (0.5,) * 3, (0.5,) * 3, "none", "none")


@dataclass
class Place:
    """What the rows of an archive ask of a scene."""

    id: str
    grid: Grid
    sensor: Sensor
    time: datetime
    assumptions: list[str] = field(default_factory=list)

    @property
    def href(self) -> str:
        return self.id

    @property
    def bands(self):
        return self.sensor.bands[:3]

    @property
    def gsd(self) -> float:
        return self.grid.gsd

    @property
    def shape(self) -> tuple[int, int]:
        return self.grid.shape

    @property
    def footprint(self):
        return self.grid.footprint()


def place(number: int, home: int, rng: np.random.Generator) -> Place:
    """A scene near one of the regions of its home cluster, at any time of ten years."""
    lon, lat = np.random.default_rng([home, int(rng.integers(REGIONS))]).uniform((-170, -55), (170, 65))
    lon, lat = lon + rng.normal(0, 2), lat + rng.normal(0, 2)
    name, gsd, _ = SENSORS[int(rng.choice(len(SENSORS), p=[share for *_, share in SENSORS]))]
    rows = -(-TILES // ACROSS)
    grid = replace(Grid.at(lon, lat, gsd, SIDE * ACROSS), shape=(SIDE * rows, SIDE * ACROSS))
    span = datetime(YEARS[1] + 1, 1, 1, tzinfo=UTC) - datetime(YEARS[0], 1, 1, tzinfo=UTC)
    time = datetime(YEARS[0], 1, 1, tzinfo=UTC) + timedelta(seconds=int(rng.random() * span.total_seconds()))
    return Place(f"made/{number:06}.tif", grid, sensor(name), time)


def build(folder: Path, vectors: Iterator[tuple[int, NDArray[np.float32]]], dims: int) -> tuple[Writer, Tables]:
    """Write everything but the index; the caller holds the lock, and tidies and publishes."""
    store = Store(folder)
    writer = Writer(store, spec(dims), Options())
    tables = writer.tables(writer.state.live)
    rng = np.random.default_rng(3)
    batches, records = [], []
    for number, (home, part) in enumerate(vectors):
        seen = place(number, home, rng)
        run = made.run_of(seen.id, "made", made.Asked())
        windows = list(tiles(seen.shape, SIDE, 0.0))[: len(part)]
        clear = [float(value) for value in rng.random(len(part))]
        rows = made.Tiles(windows, clear, list(rng.random(len(part))), list(part))
        batches.append(made.tile_batch(seen, run, "made", rows, dims))
        counts = {"tiles": len(part), "empty": 0, "cloudy": 0}
        records.append(made.scene_row(seen, run, "made", made.Asked(), counts, True))
        if len(batches) == 40:
            tables.add(batches)
            batches = []
    if batches:
        tables.add(batches)
    tables.complete(records)
    return writer, tables
