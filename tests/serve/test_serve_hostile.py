"""Hostile requests: every one is refused with a clear problem, and nothing of it stays."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from serve_kit import BASE, Start, giant, png, tif, wait
from starlette.testclient import TestClient

from geoglot.core.errors import InputError, NetworkError, NotFoundError
from geoglot.serve import safety
from geoglot.serve.errors import Forbidden, Malformed
from geoglot.serve.settings import Basemap, Limits

TRAVERSALS = (
    "/api/scenes/..%2f..%2fetc%2fpasswd",
    "/api/scenes/%2e%2e/preview.png",
    "/api/tiles/..%5c..%5cboot.ini/thumbnail.png",
    "/api/jobs/..%2f..%2fsaved.json",
    "/static/..%2f..%2fapp.py",
    "/static//etc/passwd",
    "/static/%00",
    "/stac/collections/..%2f../items/x",
)
VRT = (
    b'<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
    b"<SourceFilename>/etc/hostname</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
)
PRIVATE = (
    "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.9", "169.254.169.254", "::1", "fe80::1%eth0", "fd00::1",
    "::ffff:127.0.0.1", "2002:7f00:1::", "0.0.0.0", "224.0.0.1", "100.64.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "::7f00:1",
    "::ffff:0:7f00:1", "fec0::1", "ff0e::1", "2001:0:7f00:1::", "::ffff:169.254.169.254",
)  # fmt: skip


def refused(answer: object, *statuses: int) -> dict[str, object]:
    """The problem of an answer that is one."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text[:300]}"  # type: ignore[attr-defined]
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    problem: dict[str, object] = answer.json()  # type: ignore[attr-defined]
    assert {"type", "title", "status", "detail", "remedy", "request_id"} <= set(problem)
    assert problem["detail"]
    assert problem["remedy"]
    return problem


@pytest.mark.parametrize("path", TRAVERSALS)
def test_traversal(client: TestClient, path: str) -> None:
    refused(client.get(path), 404, 422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sensor", "x' OR '1'='1"),
        ("sensor", "x'; DROP TABLE tiles_1; --"),
        ("scene", "x') OR (1=1"),
        ("like", ["a') OR (1=1) --"]),
        ("time", "2020' OR 1=1"),
    ],
)
def test_text_reaches_no_query_language(client: TestClient, field: str, value: object) -> None:
    answer = client.post("/api/search", json={"text": "red", field: value})
    assert answer.status_code in (404, 422) or answer.json()["features"] == []
    assert client.get("/health").json()["tiles"] == 18


def test_json_that_is_deep_large_or_broken(client: TestClient) -> None:
    send = {"headers": {"content-type": "application/json"}}
    refused(client.post("/api/search", content="[" * 100_000, **send), 400)
    deep = json.dumps({"text": "red", "polygon": {"a": 0}}).replace("0", '{"b":' * 50 + "0" + "}" * 50)
    refused(client.post("/api/search", content=deep, **send), 400)
    refused(client.post("/api/search", content=b'{"text": "' + b"x" * 2**20 + b'"}', **send), 413)
    refused(client.post("/api/search", content=b"{", **send), 422)
    refused(client.post("/api/search", content=b"\xff\xfe", **send), 400, 422)
    refused(client.post("/api/search", content=b'{"text": "red", "gsd": [NaN, Infinity]}', **send), 422)
    refused(client.post("/api/search", content=b'{"text": "red", "limit": 1e400}', **send), 422)
    assert client.post("/api/search", content=b'{"text": "[[[[[[{{{{{{"}', **send).status_code == 200


def test_areas_with_too_many_corners_or_nonsense(client: TestClient) -> None:
    ring = [[i / 1e4, (i % 7) / 10] for i in range(20_000)]
    many = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    refused(client.post("/api/search", json={"text": "red", "polygon": many}), 422)
    for polygon in (
        {"type": "Polygon", "coordinates": [[["a", "b"]]]},
        {"type": "Polygon"},
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "FeatureCollection", "features": 3},
        {"type": "Polygon", "coordinates": [[[1e308, 1e308], [-1e308, 0], [0, 1e308], [1e308, 1e308]]]},
    ):
        refused(client.post("/api/search", json={"text": "red", "polygon": polygon}), 422)


@pytest.mark.parametrize(
    ("name", "data", "statuses"),
    [
        ("a.txt", b"no raster at all", (415,)),
        ("empty.tif", b"", (415,)),
        ("a.vrt", VRT, (415,)),
        ("a.tif", VRT, (415,)),
        ("wms.tif", b"<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1/</ServerUrl></Service></GDAL_WMS>", (415,)),
        ("cut.png", png((1, 2, 3), 200)[:60], (422,)),
        ("head.tif", b"II*\0" + b"\xff" * 400, (422,)),
        ("riff.webp", b"RIFF\0\0\0\0WAVEfmt ", (415,)),
        ("a.zip", b"PK\x03\x04" + b"\0" * 100, (415,)),
    ],
)
def test_broken_uploads_leave_nothing(start: Start, tmp_path: Path, name: str, data: bytes, statuses: tuple[int, ...]) -> None:
    client = start()
    for path in ("/api/uploads", "/api/chips"):
        refused(client.post(path, files={"file": (name, data)}), *statuses)
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
    assert list((tmp_path / "state" / "chips").iterdir()) == []
    assert client.get("/api/jobs").json() == {"jobs": []}


def test_giants_and_bombs_are_refused_by_their_header(start: Start, tmp_path: Path) -> None:
    client = start()
    data = giant(tmp_path / "giant.tif")
    assert len(data) < 2**20
    for path in ("/api/uploads", "/api/chips"):
        refused(client.post(path, files={"file": ("giant.tif", data)}), 413)
    refused(client.post("/api/uploads", files={"file": ("bomb.tif", giant(tmp_path / "bomb.tif", 25_000))}), 413)
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


def test_uploads_over_the_limit(start: Start, tmp_path: Path) -> None:
    client = start(limits=Limits(upload=2**20, chip=2**16))
    refused(client.post("/api/uploads", files={"file": ("a.tif", b"II*\0" + b"x" * 3 * 2**20)}), 413)
    refused(client.post("/api/chips", files={"file": ("a.png", b"\x89PNG" + b"x" * 2**17)}), 413)
    refused(client.post("/api/chips", data={"other": "x"}), 422)
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


def test_a_scene_that_breaks_while_it_is_indexed_leaves_nothing(start: Start, tmp_path: Path) -> None:
    client = start()
    whole = tif(tmp_path)
    broken = whole[: len(whole) // 2] + b"\0" * 10
    answer = client.post("/api/uploads", files={"file": ("broken.tif", broken)})
    if answer.status_code == 202:
        assert wait(client, answer.json()["id"])["state"] == "failed"
    else:
        refused(answer, 422)
    assert client.get("/health").json()["scenes"] == 3
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


def test_paths_are_limited_to_what_the_operator_allows(start: Start, tmp_path: Path) -> None:
    good, secret = tmp_path / "good", tmp_path / "secret"
    good.mkdir()
    secret.mkdir()
    tif(good, "a.tif")
    tif(secret, "b.tif")
    (good / "link.tif").symlink_to(secret / "b.tif")
    client = start(allow=(str(good),))

    def ask(source: str) -> object:
        return client.post("/api/jobs", json={"verb": "ingest", "parameters": {"source": source}})

    for source in (
        str(secret / "b.tif"), str(good / ".." / "secret" / "b.tif"), str(good / "link.tif"), str(good / "none.tif"),
        "/etc/passwd", "/proc/self/environ", "~/x.tif", "file:///etc/passwd", "/vsicurl/http://127.0.0.1/a.tif",
        "/vsizip//etc/x.zip/a.tif", "/vsistdin/", "a\0b", "",
    ):  # fmt: skip
        refused(ask(source), 403, 422)
    job = ask(str(good / "a.tif"))
    assert job.status_code == 202  # type: ignore[attr-defined]
    done = wait(client, job.json()["id"])  # type: ignore[attr-defined]
    assert done["state"] == "done", done
    assert client.delete(f"/api/scenes/{done['scenes'][0]}").status_code == 204
    assert (good / "a.tif").exists()  # what the operator owns is taken out of the index only


ADDRESSES = (
    "http://127.0.0.1/a.tif", "http://localhost:22/", "http://[::1]/a.tif", "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/a.tif", "http://0x7f000001/a.tif", "http://good.example@127.0.0.1/a.tif", "ftp://good.example/a.tif",
    "http://good.example/data/../private/a.tif", "http://good.example/data/%2e%2e/a.tif", "http://good.example:8080/data/a.tif",
    "https://good.example/data/a.tif", "http://good.example/database/a.tif", "http://good.example.evil.example/data/a.tif",
    "gopher://good.example/data/", "http://good.example/data/a.tif\r\nHost: x", "http://good.example\\@127.0.0.1/data/a.tif",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_limited_to_what_the_operator_allows(start: Start, address: str) -> None:
    client = start(allow=("http://good.example/data",))
    refused(client.post("/api/jobs", json={"verb": "ingest", "parameters": {"source": address}}), 403)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server on this machine: a raster, a redirect, and something endless."""
    data = tif(tmp_path, "far.tif")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/data/far.tif":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)
            elif self.path == "/data/away.tif":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
            else:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"II*\0" * 10**6)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/data"
    server.shutdown()


def test_private_networks_are_refused_unless_allowed(start: Start, site: str, tmp_path: Path) -> None:
    def ask(client: TestClient, name: str) -> dict[str, object]:
        job = client.post("/api/jobs", json={"verb": "ingest", "parameters": {"source": f"{site}/{name}"}})
        assert job.status_code == 202, job.text
        return wait(client, job.json()["id"])

    closed = start(allow=(site,), state=tmp_path / "closed")
    done = ask(closed, "far.tif")
    assert done["state"] == "failed"
    assert "private network" in str(done["problem"])
    opened = start(allow=(site,), private=True, limits=Limits(upload=2**20))
    assert ask(opened, "far.tif")["state"] == "done"
    assert "redirects" in str(ask(opened, "away.tif")["problem"])
    assert "larger" in str(ask(opened, "endless.tif")["problem"])
    left = [path.name for path in (tmp_path / "state" / "uploads").glob("*/*")]
    assert left == ["far.tif"]


def test_a_drip_ends_in_time(tmp_path: Path) -> None:
    import time

    class Dripping:
        def read1(self, size: int) -> bytes:
            time.sleep(0.01)
            return b"x"

        def read(self, size: int) -> bytes:
            raise AssertionError("waits for all of a piece")

    steps: list[int] = []
    answer: http.client.HTTPResponse = Dripping()  # type: ignore[assignment]
    with pytest.raises(NetworkError, match="too long"):
        safety._copy(answer, tmp_path / "x", 10**6, time.monotonic() + 0.1, lambda: steps.append(1))
    assert steps


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known(address: str) -> None:
    with pytest.raises(Forbidden):
        safety.check_public(address)


def test_public_addresses_are_known() -> None:
    for address in ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"):
        safety.check_public(address)


def test_keys_and_rates(start: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("# for friends\nabcdefghijklmnop ada\nqrstuvwxyz0123456 bob 3  # slow\n")
    client = start(keys=keys)
    refused(client.get("/api/archive"), 401)
    refused(client.get("/metrics"), 401)
    refused(client.get("/api/archive", headers={"X-API-Key": "wrong"}), 401)
    assert client.get("/health").status_code == client.get("/").status_code == client.get("/docs").status_code == 200
    ada = {"X-API-Key": "abcdefghijklmnop"}
    assert all(client.get("/api/archive", headers=ada).status_code == 200 for _ in range(6))
    assert client.get("/api/scenes?key=abcdefghijklmnop").status_code == 200
    refused(client.post("/api/search?key=abcdefghijklmnop", json={"text": "red"}), 401)
    bob = {"X-API-Key": "qrstuvwxyz0123456"}
    assert [client.get("/api/archive", headers=bob).status_code for _ in range(4)] == [200, 200, 200, 429]
    problem = client.get("/api/archive", headers=bob)
    assert int(problem.headers["retry-after"]) > 0
    for text in ("short x\n", "abcdefghijklmnop\n", "# none\n"):
        keys.write_text(text)
        with pytest.raises(InputError):
            start(keys=keys, state=tmp_path / "other")
    with pytest.raises(NotFoundError):
        start(keys=tmp_path / "none", state=tmp_path / "other")


def test_rates_without_keys(start: Start) -> None:
    client = start(limits=Limits(rate=2))
    assert [client.get("/api/archive").status_code for _ in range(3)] == [200, 200, 429]


def test_other_sites_and_hosts(start: Start, tmp_path: Path) -> None:
    client = start()
    refused(client.get("/api/archive", headers={"Host": "evil.example"}), 421)  # a name that was pointed at this machine
    refused(client.post("/api/chips", files={"file": ("a.png", png((1, 2, 3)))}, headers={"Origin": "http://evil.example"}), 403)
    refused(client.delete("/api/saved/x", headers={"Sec-Fetch-Site": "cross-site"}), 403)
    assert client.post("/api/search", json={"text": "red"}, headers={"Origin": BASE}).status_code == 200
    assert "access-control-allow-origin" not in client.get("/api/archive", headers={"Origin": "http://friend.example"}).headers
    friendly = start(cors=("http://friend.example",), hosts=("maps.example",), state=tmp_path / "other")
    answer = friendly.post("/api/search", json={"text": "red"}, headers={"Origin": "http://friend.example"})
    assert answer.headers["access-control-allow-origin"] == "http://friend.example"
    assert friendly.get("/health", headers={"Host": "maps.example:8000"}).status_code == 200


def test_headers_of_safety(start: Start) -> None:
    client = start(basemap=Basemap("https://maps.example/{z}/{x}/{y}.png"))
    for path in ("/", "/api/archive", "/api/none", "/docs"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "worker-src 'self' blob:" in policy
        assert "unsafe" not in policy
        assert "img-src 'self' data: blob: https://maps.example;" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-request-id"]
    with pytest.raises(InputError):
        Basemap("https://maps.example/tiles.png")


def test_request_ids(client: TestClient) -> None:
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/health", headers={"X-Request-ID": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def test_uploads_can_be_off(start: Start, tmp_path: Path) -> None:
    client = start(uploads=False, allow=(str(tmp_path),))
    refused(client.post("/api/uploads", files={"file": ("a.tif", tif(tmp_path))}), 403)
    refused(client.post("/api/jobs", json={"verb": "ingest", "parameters": {"source": str(tmp_path / "new.tif")}}), 403)


def test_a_second_server_on_one_state_is_refused(start: Start) -> None:
    start()
    with pytest.raises(Exception, match="--state"):
        start()


def test_faults_tell_strangers_nothing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start()
    service = client.app.state.service  # type: ignore[attr-defined]
    monkeypatch.setattr(service.search, "find", lambda asked: 1 / 0)
    problem = refused(client.post("/api/search", json={"text": "red"}), 500)
    assert "division" not in str(problem)
    assert "request id" in str(problem["remedy"])


def test_slow_requests_end(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    client = start(limits=Limits(seconds=0.2))
    service = client.app.state.service  # type: ignore[attr-defined]
    monkeypatch.setattr(service.library, "entries", lambda: time.sleep(1) or {})
    refused(client.get("/api/scenes"), 503)


def test_depth_is_counted_outside_of_texts() -> None:
    safety.check_depth(b'{"a": "[[[[", "b": "\\"[[[[[["}', 3)
    with pytest.raises(Malformed):
        safety.check_depth(b"[[[[1]]]]", 3)


def test_every_refusal_says_what_to_do() -> None:
    made = Forbidden("It is wrong.", "Do right.")
    assert str(made) == "It is wrong. Do right."
