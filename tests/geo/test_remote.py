"""Scenes over HTTP and object storage on loopback: few bytes, clear errors, bounded waiting."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from serving import serve

from geoglot.core.errors import NetworkError, NotFoundError, RasterError
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.scene import Scene
from geoglot.geo.sensors import Band
from geoglot.geo.write import write_geotiff


@pytest.fixture(scope="module")
def cog(tmp_path_factory) -> Path:
    """A COG of a million pixels that does not compress."""
    data = np.random.default_rng(0).integers(1, 3000, (3, 1024, 1024)).astype(np.uint16)
    raster = Raster(data, np.ones(data.shape[1:], bool), Grid.at(3, 50, 10, 1024), tuple(map(Band, ("red", "green", "blue"))))
    return write_geotiff(tmp_path_factory.mktemp("cog") / "S2A_MSIL2A_20200831T105031.tif", raster)


def test_a_window_of_a_remote_cog_costs_its_header_and_its_blocks(cog):
    whole = cog.stat().st_size
    with serve(cog.parent) as served:
        scene = Scene.open(f"{served.url}/{cog.name}", bands=["red", "green", "blue"])
        opened = served.sent()
        assert opened < 70_000 < whole / 50
        # nothing beside the file is looked for
        assert {path for _, path, _ in served.log} == {f"/{cog.name}"}
        assert scene.time.isoformat() == "2020-08-31T10:50:31+00:00"
        with Scene.open(cog) as local:
            window = (300, 300, 128, 128)
            assert (scene.read(window=window).data == local.read(window=window).data).all()
        assert served.sent() - opened < 3_000_000
        before = served.sent()
        small = scene.read(shape=(64, 64))  # from the overviews
        assert small.valid.all()
        assert served.sent() - before < whole / 4
        assert len(served.requests()) < 30


def test_a_remote_fingerprint_follows_the_file_and_needs_no_body(cog):
    with serve(cog.parent) as served:
        href = f"{served.url}/{cog.name}"
        first = Scene.open(href)
        before = served.sent()
        mark = first.fingerprint
        assert served.sent() == before
        assert Scene.open(href).fingerprint == mark
        time.sleep(0.01)
        cog.touch()
        assert Scene.open(href).fingerprint != mark


def test_what_is_not_there_not_a_raster_or_not_reachable_is_told_apart(tmp_path):
    (tmp_path / "page.tif").write_text("<html>please log in</html>" * 100)
    with serve(tmp_path) as served:
        with pytest.raises(NotFoundError, match="Check the address"):
            Scene.open(f"{served.url}/none.tif")
        with pytest.raises(RasterError):
            Scene.open(f"{served.url}/page.tif")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NetworkError, match="network"):
        Scene.open(f"http://127.0.0.1:{port}/a.tif")


def test_a_server_that_says_nothing_is_given_up(tmp_path):
    code = "import sys; from geoglot.geo.scene import Scene; Scene.open(sys.argv[1])"
    quick = {
        "GDAL_HTTP_LOW_SPEED_TIME": "1",
        "GDAL_HTTP_TIMEOUT": "2",
        "GDAL_HTTP_MAX_RETRY": "1",
        "GDAL_HTTP_RETRY_DELAY": "0.1",
    }
    with serve(tmp_path) as served:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, f"{served.url}/silent.tif"], env={**os.environ, **quick}, capture_output=True,
            timeout=50, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "NetworkError" in done.stderr
        assert time.monotonic() - started < 20


def test_scenes_on_object_storage(cog, monkeypatch):
    server = pytest.importorskip("moto.server", reason="moto's server is not installed")
    boto3 = pytest.importorskip("boto3")
    own = server.ThreadedMotoServer(port=0)
    own.start()
    try:
        host, port = own.get_host_and_port()
        address = f"{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
        for key, value in {
            "AWS_S3_ENDPOINT": address, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE", "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(key, value)
        client = boto3.client("s3", endpoint_url=f"http://{address}")
        client.create_bucket(Bucket="scenes")
        client.upload_file(str(cog), "scenes", "folder/S2A_MSIL2A_20200831T105031.tif")
        with Scene.open("s3://scenes/folder/S2A_MSIL2A_20200831T105031.tif") as scene, Scene.open(cog) as local:
            assert scene.fingerprint
            assert (scene.read(window=(0, 0, 64, 64)).data == local.read(window=(0, 0, 64, 64)).data).all()
        with pytest.raises((NotFoundError, NetworkError)):
            Scene.open("s3://scenes/none.tif")
    finally:
        own.stop()
