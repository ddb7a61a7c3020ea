"""Questions: answers with boxes on the map, evidence as tiles, a stream of events, a line that is not endless, refusals."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
import requests
from cli_kit import Colours
from converse_kit import Blobs, scene
from mcp.client import Client as Assistant
from serve_kit import BASE, around, events, listening, pixels, wait
from starlette.testclient import TestClient

from geoglot.archive import index
from geoglot.core.errors import ModelError, NetworkError, ResourceError
from geoglot.core.protocols import Reply, Said
from geoglot.models.chats.endpoint import Endpoint
from geoglot.serve import tools
from geoglot.serve.app import create
from geoglot.serve.client import Client, ServiceError
from geoglot.serve.settings import Limits, Settings

BLOBS = [(20, 30, 20, 20), (60, 90, 16, 12), (100, 20, 10, 18)]


class Slow(Blobs):
    """A chat that begins when it is let, tells that it is at work, and may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        self.begun.set()
        assert self.go.wait(30)
        if self.error is not None:
            raise self.error
        return super().reply(turns, pictures)


@pytest.fixture(scope="module")
def blobs(model: Colours, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dates of one place, one larger scene, one far away, and one without georeference."""
    folder = tmp_path_factory.mktemp("blobs")
    scenes = folder / "scenes"
    scenes.mkdir()
    scene(scenes / "yard_20200105.tif", 128, BLOBS)
    scene(scenes / "yard_20210610.tif", 128, BLOBS[:1])
    scene(scenes / "wide.tif", 512, [(20, 30, 20, 20), (400, 400, 30, 30)], west=510_000.0)
    scene(scenes / "bare.tif", 128, BLOBS, west=None)
    index([scenes], model=model, out=folder / "archive", progress=False)
    return folder / "archive"


Serve = Callable[..., TestClient]


@pytest.fixture
def serve(blobs: Path, tmp_path: Path) -> Iterator[Serve]:
    running: list[TestClient] = []

    def begin(chat: Any, **settings: Any) -> TestClient:
        made = create(Settings(str(blobs), state=tmp_path / "state", chat=chat, **settings))
        client = TestClient(made, base_url=BASE, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return client

    yield begin
    for client in running:
        client.__exit__(None, None, None)


def ids(client: TestClient) -> dict[str, str]:
    """Public ids of scenes by the names of their files."""
    found = client.get("/api/scenes").json()["features"]
    return {one["properties"]["name"].removesuffix(".tif"): one["id"] for one in found}


def ask(client: TestClient, scenes: Sequence[str], question: str, **more: Any) -> Any:
    return client.post("/api/ask", json={"scenes": list(scenes), "question": question, **more})


def test_an_answer_has_boxes_on_the_map_and_evidence_as_tiles(serve: Serve) -> None:
    client = serve(Blobs())
    assert client.get("/api/archive").json()["chat"]["model"] == "blobs@1"
    yard = ids(client)["yard_20200105"]
    made = ask(client, [yard], "Find all blobs").json()
    assert (made["text"], made["kind"], made["refused"], made["confidence"]) == ("3 found: blobs", "where", False, 0.8)
    assert made["scenes"] == [yard]
    boxes = [feature["properties"]["box"] for feature in made["boxes"]["features"]]
    want = [[col, row, col + width, row + height] for row, col, height, width in BLOBS]
    assert sorted(boxes) == sorted([pytest.approx(box, abs=1e-6) for box in want], key=lambda box: box.expected)
    feature = made["boxes"]["features"][0]
    assert feature["properties"]["label"] == "blobs"
    assert feature["properties"]["scene"] == yard
    west, south, east, north = client.get(f"/api/scenes/{yard}").json()["bbox"]
    lon, lat = feature["geometry"]["coordinates"][0][0]
    assert west < lon < east and south < lat < north  # noqa: PT018
    evidence = made["evidence"]
    assert evidence["bounds"] == pytest.approx([west, south, east, north], abs=1e-5)
    shown = pixels(client.get(evidence["href"]).content)
    assert shown.shape == (32, 32, 4)
    assert shown[7, 10, 3] > 200 > 60 > shown[25, 25, 3]
    assert [row["label"] for row in evidence["legend"]][-1] == "most"
    x, y = around(17, (west + east) / 2, (south + north) / 2)
    tile = pixels(client.get(evidence["tiles"].format(z=17, x=x, y=y)).content)
    assert tile[..., 3].max() == 230
    assert 0 < (tile[..., 3] > 200).mean() < 0.05
    assert client.get("/api/answers/none/evidence.png").status_code == 404
    assert "folder" not in json.dumps(made)
    assert str(Path(__file__).parent) not in json.dumps(made)


def test_a_scene_without_a_place_has_boxes_in_pixels(serve: Serve) -> None:
    client = serve(Blobs())
    bare = ids(client)["bare"]
    made = ask(client, [bare], "Find all blobs").json()
    assert [feature["geometry"] for feature in made["boxes"]["features"]] == [None] * 3
    assert "tiles" not in made["evidence"]
    assert client.get(made["evidence"]["href"]).status_code == 200
    one = ask(client, [bare], "Find all blobs", window=[0, 0, 50, 60]).json()
    assert len(one["boxes"]["features"]) == 1
    refused = ask(client, [bare], "Find all blobs", bbox=[3, 52, 4, 53])
    assert refused.status_code == 422
    assert "window" in refused.json()["remedy"]
    assert ask(client, [bare], "How long is the blob?").json()["text"].startswith("bare.tif has no georeference")


def test_dates_regions_refusals_and_history(serve: Serve) -> None:
    chat = Blobs()
    client = serve(chat)
    known = ids(client)
    pair = [known["yard_20200105"], known["yard_20210610"]]
    assert ask(client, pair, "What has changed?").json()["text"] == "2 blobs went"
    made = ask(client, pair[:1], "Is there a lighthouse?").json()
    assert made["refused"]
    before = [{"role": "user", "text": "Is there a blob?"}, {"role": "assistant", "text": "yes"}]
    ask(client, pair[:1], "How large is the blob?", history=before)
    assert [said.text for said in chat.asked[-1][0][:2]] == ["Is there a blob?", "yes"]
    west, south, east, north = client.get(f"/api/scenes/{pair[0]}").json()["bbox"]
    part = [west, (south + north) / 2, (west + east) / 2, north]
    assert ask(client, pair[:1], "How many blobs are there?").json()["text"] == "3"
    assert ask(client, pair[:1], "How many blobs are there?", bbox=part).json()["text"] == "1"
    ring = [[part[0], part[1]], [part[2], part[1]], [part[2], part[3]], [part[0], part[1]]]
    area = ask(client, pair[:1], "How many blobs are there?", polygon={"type": "Polygon", "coordinates": [ring]}).json()
    assert area["text"] == "1"
    assert any("box around" in text for text in area["assumptions"])


def test_what_a_question_points_at(serve: Serve) -> None:
    client = serve(Blobs())
    yard = ids(client)["yard_20200105"]
    row, col, height, width = BLOBS[1]
    box = [col, row, col + width, row + height]
    made = ask(client, [yard], "Which blob is this?", boxes=[box]).json()
    (feature,) = made["boxes"]["features"]
    assert feature["properties"]["box"] == pytest.approx(box)
    assert (made["text"], feature["properties"]["label"], made["reasons"]) == (*["A picture of 1 blobs."] * 2, [])
    lon, lat = feature["geometry"]["coordinates"][0][0]
    twice = ask(client, [yard], "Which blob is this?", boxes=[box], points=[[40, 30]]).json()["text"]
    assert [line[:2] for line in twice.splitlines()] == ["1:", "2:"]
    assert ask(client, [yard], "Which blob is this?", points=[[lon, lat]], lonlat=True).status_code == 200
    far = ask(client, [yard], "Which blob is this?", points=[[500, 30]])
    assert (far.status_code, "lies outside yard_20200105.tif" in far.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"scenes": ["none"]}, 404, "no scene"),
        ({"boxes": [[1, 2, 3]]}, 422, "boxes"),
        ({"boxes": [[9, 2, 3, 4]]}, 422, "rising"),
        ({"question": "  "}, 422, "empty"),
        ({"question": "x" * 1001}, 422, "1000"),
        ({"bbox": [10, 10, 11, 11]}, 422, "outside"),
        ({"bbox": [10, 10, 11, 11], "window": [0, 0, 8, 8]}, 422, "more than one"),
        ({"window": [500, 500, 8, 8]}, 422, "outside"),
        ({"history": [{"role": "user", "text": "a"}]}, 422, "no answer"),
        ({"history": [{"role": "assistant", "text": "a"}]}, 422, "missing"),
        ({"history": [{"role": "user", "text": "a"}, {"role": "assistant", "text": "b"}] * 11}, 422, "20"),
        ({"most": 0}, 422, "most"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(serve: Serve, change: dict[str, Any], status: int, word: str) -> None:
    client = serve(Blobs())
    asked = {"scenes": [ids(client)["yard_20200105"]], "question": "How many blobs are there?"} | change
    answer = client.post("/api/ask", json=asked)
    assert answer.status_code == status
    assert word in answer.json()["detail"]
    assert answer.json()["remedy"]


def test_scenes_of_two_places_are_refused(serve: Serve) -> None:
    client = serve(Blobs())
    known = ids(client)
    answer = ask(client, [known["yard_20200105"], known["wide"]], "What has changed?")
    assert (answer.status_code, "do not overlap" in answer.json()["detail"]) == (422, True)
    assert ask(client, [known["wide"]] * 2, "What has changed?").status_code == 422


def test_without_a_model_the_service_says_so(serve: Serve) -> None:
    client = serve("none")
    assert client.get("/api/archive").json()["chat"] is None
    answer = ask(client, [ids(client)["wide"]], "How many blobs are there?")
    assert (answer.status_code, "--chat" in answer.json()["remedy"]) == (404, True)


def test_a_model_that_does_not_converse_is_refused_at_the_start(serve: Serve) -> None:
    with pytest.raises(ModelError, match="does not answer questions"):
        serve("colours")


def test_a_stream_tells_parts_and_words_and_ends_with_the_answer(serve: Serve) -> None:
    chat = Blobs()
    client = serve(chat)
    known = ids(client)
    headers = {"Accept": "text/event-stream"}
    asked = {"scenes": [known["yard_20200105"]], "question": "Describe the blobs."}
    answer = client.post("/api/ask", json=asked, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    assert [what["text"] for kind, what in told if kind == "text"] == ["A ", "picture ", "of ", "3 ", "blobs."]
    assert told[-1][0] == "answer"
    assert told[-1][1]["text"] == "A picture of 3 blobs."
    assert told[-1][1]["confidence"] == 0.5
    assert len(chat.asked) == 1, "what is said aloud is not asked again"
    asked = {"scenes": [known["wide"]], "question": "How many blobs are there?", "most": 64}
    told = events(client.post("/api/ask", json=asked, headers=headers).text)
    done = [what["done"] for kind, what in told if kind == "progress"]
    assert done == list(range(1, told[-1][1]["views"] + 1))
    assert told[-1][1]["text"] == "2"
    far = events(client.post("/api/ask", json=asked | {"bbox": [9, 9, 10, 10]}, headers=headers).text)
    assert [(kind, what["status"]) for kind, what in far] == [("problem", 422)]
    assert client.post("/api/ask", json=asked | {"scenes": ["none"]}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NetworkError("http://10.0.0.7 is silent"), 502),
        (ModelError("nonsense from http://10.0.0.7"), 502),
        (ResourceError("http://10.0.0.7 has too many questions"), 503),
    ],
)
def test_a_model_that_fails_is_told_without_the_operators_addresses(serve: Serve, error: Exception, status: int) -> None:
    chat = Slow()
    chat.error = error
    chat.go.set()
    client = serve(chat)
    answer = ask(client, [ids(client)["yard_20200105"]], "How many blobs are there?")
    assert answer.status_code == status
    assert answer.json()["remedy"]
    assert "10.0.0.7" not in answer.text
    chat.error = None
    assert ask(client, [ids(client)["yard_20200105"]], "How many blobs are there?").json()["text"] == "3"


def test_a_model_behind_another_server_answers_or_is_silent(serve: Serve) -> None:
    class Handler(BaseHTTPRequestHandler):
        silent = False

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if Handler.silent:
                time.sleep(1)
            body = json.dumps({"choices": [{"message": {"role": "assistant", "content": "a yard"}, "finish_reason": "stop"}]})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    client = serve(Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "some", timeout=0.4, tries=1))
    scenes = [ids(client)["yard_20200105"]]
    made = ask(client, scenes, "Describe this picture.").json()
    assert (made["text"], made["confidence"], made["evidence"], made["model"]) == ("a yard", None, None, "some@served")
    Handler.silent = True
    silent = ask(client, scenes, "Describe this picture.")
    assert (silent.status_code, str(server.server_port) in silent.text) == (502, False)
    server.shutdown()


def test_one_question_at_a_time_and_no_endless_line(serve: Serve) -> None:
    chat = Slow()
    client = serve(chat, limits=Limits(questions=2))
    scenes = [ids(client)["yard_20200105"]]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(ask(client, scenes, "How many blobs are there?"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert chat.begun.wait(10)
    asker = client.app.state.service.asker  # type: ignore[attr-defined]
    until = time.monotonic() + 10
    while len(asker) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    refused = ask(client, scenes, "How many blobs are there?")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert len(chat.asked) == 0
    assert "geoglot_questions 2.0" in client.get("/metrics").text
    chat.go.set()
    for thread in threads:
        thread.join(30)
    assert [answer.json()["text"] for answer in found] == ["3", "3"]


def test_a_question_that_takes_too_long_is_given_up(serve: Serve) -> None:
    chat = Slow()
    client = serve(chat, limits=Limits(answer_seconds=0.3))
    scenes = [ids(client)["yard_20200105"]]
    answer = ask(client, scenes, "How many blobs are there?")
    assert (answer.status_code, "too long" in answer.json()["detail"]) == (503, True)
    told = client.post(
        "/api/ask", json={"scenes": scenes, "question": "How many blobs?"}, headers={"Accept": "text/event-stream"}
    )
    assert [(kind, what["status"]) for kind, what in events(told.text)] == [("problem", 503)]
    chat.go.set()


def test_who_goes_away_gives_the_question_up(blobs: Path, tmp_path: Path) -> None:
    chat = Slow()
    app = create(Settings(str(blobs), state=tmp_path / "state", chat=chat))
    with listening(app) as address:
        scenes = [next(iter(app.state.service.library.entries()))]
        body = {"scenes": scenes, "question": "How many blobs are there?"}
        headers = {"Accept": "text/event-stream"}
        with requests.post(f"{address}/api/ask", json=body, headers=headers, stream=True, timeout=30):
            assert chat.begun.wait(10)
            (task,) = app.state.service.asker._tasks
        assert task.stop.wait(10)
        chat.go.set()
        assert requests.post(f"{address}/api/ask", json=body, timeout=30).status_code == 200
    app.state.service.close()


def test_a_question_under_way_when_the_service_ends_is_told_so(serve: Serve) -> None:
    chat = Slow()
    client = serve(chat)
    scenes = [ids(client)["yard_20200105"]]
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(ask(client, scenes, "How many blobs are there?")))
    thread.start()
    assert chat.begun.wait(10)
    client.app.state.service.asker.close()  # type: ignore[attr-defined]
    chat.go.set()
    thread.join(30)
    assert (found[0].status_code, "stopped" in found[0].json()["detail"]) == (503, True)


def test_evidence_is_kept_of_the_newest_answers(serve: Serve) -> None:
    client = serve(Blobs(), limits=Limits(evidence=1))
    scenes = [ids(client)["yard_20200105"]]
    first, second = (ask(client, scenes, "Find all blobs").json()["evidence"]["href"] for _ in range(2))
    assert [client.get(path).status_code for path in (first, second)] == [404, 200]
    assert ask(client, scenes, "How many blobs are there?").json()["evidence"] is not None


def test_an_upload_can_be_asked_about(serve: Serve, tmp_path: Path) -> None:
    client = serve(Blobs())
    data = scene(tmp_path / "new.tif", 96, BLOBS[:2], west=520_000.0).read_bytes()
    job = wait(client, client.post("/api/uploads", files={"file": ("new.tif", data)}).json()["id"])
    assert ask(client, job["scenes"], "How many blobs are there?").json()["text"] == "2"


def test_the_client_asks(blobs: Path, tmp_path: Path) -> None:
    app = create(Settings(str(blobs), state=tmp_path / "state", chat=Blobs()))
    with listening(app) as address, Client(address) as there:
        scenes = {one["properties"]["name"]: one["id"] for one in there.scenes()}
        made = there.ask("Find all blobs", scenes["yard_20200105.tif"])
        assert (str(made), made.confidence, made.refused, len(made.boxes)) == ("3 found: blobs", 0.8, False, 3)
        made.write(tmp_path / "boxes.geojson")
        assert len(json.loads((tmp_path / "boxes.geojson").read_text())["features"]) == 3
        after = there.ask("Is there a blob?", scenes["yard_20200105.tif"], after=[made])
        assert after.text == "yes"
        with pytest.raises(ServiceError, match="no scene"):
            there.ask("Is there a blob?", "none")
    app.state.service.close()


def test_assistants_ask_and_compare(blobs: Path) -> None:
    async def use() -> list[Any]:
        with tools.opened(Settings(str(blobs), chat=Blobs())) as server:
            async with Assistant(server) as there:
                listed = (await there.call_tool("scenes", {})).structured_content["result"]
                known = {one["name"]: one["id"] for one in listed}
                pair = [known["yard_20200105.tif"], known["yard_20210610.tif"]]
                asked = {"question": "Find all blobs", "scenes": pair[:1]}
                return [
                    await there.call_tool("ask", asked),
                    await there.call_tool("ask", asked | {"scenes": pair, "question": "What has changed?"}),
                    await there.call_tool("ask", asked | {"scenes": ["none"]}),
                    await there.call_tool("change", {"before": pair[0], "after": pair[1], "method": "cva"}),
                    await there.call_tool("cloud", {"scenes": pair}),
                ]

    found, changed, missing, compared, clouds = anyio.run(use)
    told = found.structured_content
    assert (told["text"], told["found"], told["refused"]) == ("3 found: blobs", 3, False)
    assert len(told["things"][0]["centre"]) == 2
    assert changed.structured_content["text"] == "2 blobs went"
    assert missing.is_error
    assert "no scene" in missing.content[0].text
    kinds = compared.structured_content
    assert 0 < kinds["changed"] < 0.2
    assert {kind["label"] for kind in kinds["kinds"]} > {"unchanged"}
    assert clouds.is_error  # the model of this archive masks none
