"""Schemathesis over the whole API: whatever is sent, no fault of the server, and every refusal is a problem with a remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import schemathesis
from cli_kit import Colours
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from serve_kit import BASE
from starlette.testclient import TestClient

from geoglot.serve.app import create
from geoglot.serve.settings import Limits, Settings

pytestmark = pytest.mark.fuzz
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "30"))  # of each path


@pytest.fixture(scope="module")
def fuzzed(archive: Path, model: Colours, tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    app = create(Settings(str(archive), state=tmp_path_factory.mktemp("fuzzed"), hosts=("*",), limits=Limits(jobs=10**6)))
    made = schemathesis.openapi.from_asgi("/openapi.json", app)
    made.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return made


schema = schemathesis.pytest.from_fixture("fuzzed")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case: schemathesis.Case) -> None:
    if case.path.endswith("/events"):
        case.path_parameters["id"] = "none"  # a job that goes on is followed as long as it lasts
    answer = case.call(base_url=BASE)
    assert answer.status_code < 500 or answer.status_code == 503, f"{answer.status_code}: {answer.text[:500]}"
    if answer.status_code >= 400 and case.method != "HEAD":
        assert answer.headers["content-type"] == ["application/problem+json"], answer.headers
        problem = answer.json()
        assert problem["remedy"]
        assert problem["detail"]


def test_the_service_is_whole_after_all_that(fuzzed: schemathesis.BaseSchema) -> None:
    client = TestClient(fuzzed.app, base_url=BASE)
    assert client.get("/health").json()["tiles"] >= 18
    assert client.post("/api/search", json={"text": "red"}).status_code == 200
