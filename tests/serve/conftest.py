"""One service for the tests of a file that only read, and one of its own for each that changes something.

The model is replaced while the tests of a file run and no longer: those of other folders want the real one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Colours
from serve_kit import BASE, Start, make_archive
from starlette.testclient import TestClient

import geoglot.models
from geoglot.serve.app import create
from geoglot.serve.settings import Settings


@pytest.fixture(scope="module")
def model() -> Iterator[Colours]:
    made = Colours()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geoglot.models, "load", lambda name, *_, **__: made)
        patch.setattr(geoglot.models, "text_encoder", lambda name: made)
        yield made


@pytest.fixture(scope="module")
def archive(model: Colours, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_archive(tmp_path_factory.mktemp("served"), model)


@pytest.fixture(scope="module")
def client(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service that no test changes."""
    settings = Settings(str(archive), state=tmp_path_factory.mktemp("state"), name="colours")
    with TestClient(create(settings), base_url=BASE, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def start(archive: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a service of one's own, over a copy of the archive, with settings."""
    shutil.copytree(archive, tmp_path / "archive")
    running: list[TestClient] = []

    def begin(**settings: Any) -> TestClient:
        made = Settings(str(tmp_path / "archive"), **({"state": tmp_path / "state"} | settings))
        client = TestClient(create(made), base_url=BASE, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return client

    yield begin
    for client in running:
        client.__exit__(None, None, None)
