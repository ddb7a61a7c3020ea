"""Training tiles cut from rendered scenes, with sentences from their exact truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.progress import track
from geoglot.data.build.mixture import Material
from geoglot.data.synth import KINDS, describe, landscape, render, scene_class
from geoglot.text import sentences

SOURCE = "rendered"
FIRST_SEED = 700_000  # far from the seeds that demonstrations and tests use
GSDS = ((0.5, 4), (1.0, 5), (2.0, 5), (4.0, 4), (8.0, 3), (16.0, 2))
EXTENT = (4200.0, 2200.0, 2200.0, 2200.0)
INFRARED = 0.15
CONTAINS = {
    "lake": ("water",),
    "river": ("water",),
    "water": ("water",),
    "beach": ("water", "sand"),
    "harbour": ("water", "ships"),
    "forest": ("trees",),
    "farmland": ("fields",),
    "houses": ("buildings", "roads"),
    "dense houses": ("buildings", "roads"),
    "industrial area": ("buildings",),
}


def tiles(world_number: int, size: int) -> Iterator[tuple[NDArray[np.uint8], list[str], str]]:
    """Give tiles (size, size, 3), their captions and scene class: some windows of one place at every distance."""
    seed = FIRST_SEED + world_number
    rng = np.random.default_rng(seed)
    world = landscape(seed, list(KINDS)[world_number % len(KINDS)], EXTENT[world_number % len(EXTENT)])
    for gsd, count in GSDS:
        if gsd * size > world.extent:
            continue
        reach = max(0.0, world.extent / 2 - gsd * size / 2)
        for _ in range(count):
            spread = reach * (0.35 if rng.random() < 0.4 else 1.0)  # what a place is named for lies about its middle
            east, north = rng.uniform(-spread, spread, 2)
            look = int(rng.integers(1 << 31))
            bands = ("nir", "red", "green") if rng.random() < INFRARED else ("red", "green", "blue")
            scene = render(world, world.grid(gsd, size, float(east), float(north)), bands, look)
            captions = [text for text in describe(scene, None, 6, look) if not sentences.has_direction(text)]
            yield np.moveaxis(scene.raster.data, 0, -1), captions, scene_class(scene.truth_at())


def material(worlds: int, size: int, folder: Path) -> Material:
    """Render (once; later calls read the folder) the tiles of a number of places."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"rendered-{worlds}-{size}.npz"
    if not file.exists():
        pixels, rows = [], []
        with track(worlds, "render", "place") as progress:
            for number in range(worlds):
                for tile, captions, label in tiles(number, size):
                    pixels.append(tile)
                    rows.append((captions, label))
                progress.advance(1)
        part = file.with_suffix(".part.npz")
        np.savez(part, pixels=np.stack(pixels), rows=np.array(json.dumps(rows)))
        part.rename(file)
    with np.load(file) as found:
        return _material(found["pixels"], json.loads(str(found["rows"])))


def _material(pixels: NDArray[np.uint8], rows: list[tuple[list[str], str]]) -> Material:
    table: dict[str, int] = {}
    by_kind = []
    for captions, label in rows:
        kinds = {"caption": captions, "class": sentences.prompts((label,))}
        kinds["objects"] = sentences.from_objects(CONTAINS.get(label, ()))
        by_kind.append({k: tuple(table.setdefault(t, len(table)) for t in v) for k, v in kinds.items() if v})
    return Material(
        pixels,
        tuple(table),
        tuple(by_kind),
        tuple(f"{SOURCE}/{i}" for i in range(len(rows))),
        (SOURCE,) * len(rows),
        tuple(label for _, label in rows),
    )
