"""A service over small scenes of one colour each, with an encoder that knows colours in the place of the model."""

from __future__ import annotations

import io
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import uvicorn
from affine import Affine
from cli_kit import Colours, write_scene
from PIL import Image
from starlette.testclient import TestClient

from geoglot.archive import index

Start = Callable[..., TestClient]
BASE = "http://127.0.0.1"
HTML = "<html>the page</html>"


def make_archive(folder: Path, model: Colours) -> Path:
    """Three scenes, six tiles each: two near 3 degrees east with dates in their names, one without georeference."""
    scenes = folder / "scenes"
    scenes.mkdir()
    write_scene(scenes / "red_20200105.tif", "red", 500_000)
    write_scene(scenes / "green_20210610.tif", "green", 600_000)
    write_scene(scenes / "blue.tif", "blue", 0, crs=None)
    index([scenes], model=model, out=folder / "archive", progress=False)
    return folder / "archive"


def png(colour: tuple[int, int, int], size: int = 40) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    return buffer.getvalue()


def tif(folder: Path, name: str = "new.tif", colour: str = "red", west: float = 700_000) -> bytes:
    """A GeoTIFF of one colour."""
    return write_scene(folder / name, colour, west).read_bytes()


def giant(path: Path, side: int = 60_000) -> bytes:
    """A small file whose header claims billions of pixels."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "SPARSE_OK": True}
    profile |= {"crs": "EPSG:32631", "transform": Affine(10, 0, 0, 0, -10, 5_500_000), "tiled": True}
    with rasterio.open(path, "w", **profile, blockxsize=4096, blockysize=4096):
        pass
    return path.read_bytes()


def wait(client: Any, id: str, seconds: float = 30) -> dict[str, Any]:
    """A job once it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job: dict[str, Any] = client.get(f"/api/jobs/{id}").json()
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.02)
    raise AssertionError(f"{id} did not end: {job}")


def found(client: Any, **asked: Any) -> list[dict[str, Any]]:
    """Features of a search."""
    answer = client.post("/api/search", json=asked)
    assert answer.status_code == 200, answer.text
    features: list[dict[str, Any]] = answer.json()["features"]
    return features


def names(features: list[dict[str, Any]]) -> set[str]:
    return {feature["properties"]["name"] for feature in features}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def events(text: str) -> list[tuple[str, Any]]:
    """Server-sent events by kind, without beats."""
    parts = [part.split("\n", 1) for part in text.strip().split("\n\n") if not part.startswith(":")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in parts]


def around(z: int, lon: float, lat: float) -> tuple[int, int]:
    """The web map tile of a place."""
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """An application behind a real socket; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
