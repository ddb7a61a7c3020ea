"""Schemathesis over the whole API: whatever is sent, no fault of the server, and every refusal is a problem with a remedy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from cli_kit import Colours
from converse_kit import Blobs
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from serve_kit import BASE, listening
from starlette.testclient import TestClient

from geoglot.serve.app import create
from geoglot.serve.settings import Limits, Settings

pytestmark = pytest.mark.fuzz
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))  # of each path


@pytest.fixture(scope="module")
def fuzzed(archive: Path, model: Colours, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    made = Settings(str(archive), state=tmp_path_factory.mktemp("fuzzed"), hosts=("*",), chat=Blobs(), limits=Limits(jobs=10**6))
    with TestClient(create(made), base_url=BASE, raise_server_exceptions=False) as client:
        yield client


def check(case: schemathesis.Case) -> None:
    """Send one request, and look at the answer."""
    if case.path.endswith("/events"):
        case.path_parameters["id"] = "none"  # a job that goes on is followed as long as it lasts
    answer = case.call()
    told = f"{case.method} {case.formatted_path}: {answer.status_code}: {answer.content[:500]!r}"
    assert answer.status_code < 500 or answer.status_code == 503, told
    if answer.status_code >= 400 and case.method != "HEAD":
        assert answer.headers["content-type"] == ["application/problem+json"], told
        problem = answer.json()
        assert problem["remedy"], told
        assert problem["detail"], told


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_makes_the_server_fail(fuzzed: TestClient, mode: GenerationMode) -> None:
    with listening(fuzzed.app) as address:
        sent = storm(schemathesis.openapi.from_url(f"{address}/openapi.json"), mode)
    assert sent > 20 * EXAMPLES
    assert fuzzed.get("/health").json()["tiles"] >= 18
    assert fuzzed.post("/api/search", json={"text": "red"}).status_code == 200


def storm(schema: schemathesis.BaseSchema, mode: GenerationMode) -> int:
    """Requests to every path, made from the description of what they take; gives how many."""
    sent = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            check(case)

        with contextlib.suppress(Unsatisfiable):  # nothing wrong can be said to a path without parameters
            send()
    return sent
