"""Servers on loopback for the tests: files with byte ranges, and a small STAC search service."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@dataclass
class Served:
    """Where a server listens, and what it was asked for: (method, path, bytes sent)."""

    url: str
    log: list[tuple[str, str, int]] = field(default_factory=list)

    def requests(self, suffix: str = "", method: str = "") -> list[tuple[str, str, int]]:
        return [entry for entry in self.log if entry[1].endswith(suffix) and entry[0].startswith(method)]

    def sent(self, suffix: str = "") -> int:
        return sum(entry[2] for entry in self.requests(suffix))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    served: Served
    items: list[dict]
    page: int
    silent: threading.Event

    def log_message(self, *args):
        pass

    def answer(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        sent = 0 if self.command == "HEAD" else len(body)
        self.served.log.append((self.command, self.path, sent))
        if sent:
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/silent"):
            self.silent.wait(60)
            return
        if parts.path == "/api":
            self.answer(json.dumps(self.landing()).encode())
        elif parts.path == "/api/search":
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            self.search({**query, **({"bbox": json.loads(f"[{query['bbox']}]")} if "bbox" in query else {})})
        else:
            self.file(self.folder / parts.path.lstrip("/"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.search(body)

    def landing(self) -> dict:
        url = self.served.url
        core = "https://api.stacspec.org/v1.0.0/"
        return {
            "type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "a search service",
            "conformsTo": [core + "core", core + "item-search", "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson"],
            "links": [
                {"rel": "root", "href": f"{url}/api", "type": "application/json"},
                {"rel": "self", "href": f"{url}/api", "type": "application/json"},
                {"rel": "search", "href": f"{url}/api/search", "type": "application/geo+json", "method": "POST"},
            ],
        }  # fmt: skip

    def search(self, asked: dict) -> None:
        found = self.items
        if asked.get("collections"):
            found = [item for item in found if item.get("collection") in asked["collections"]]
        if asked.get("bbox"):
            w, s, e, n = asked["bbox"]
            found = [i for i in found if i["bbox"][0] <= e and i["bbox"][2] >= w and i["bbox"][1] <= n and i["bbox"][3] >= s]
        if asked.get("datetime"):
            first, _, last = asked["datetime"].partition("/")
            found = [i for i in found if first[:10] <= i["properties"]["datetime"][:10] <= (last or first)[:10]]
        start = int(asked.get("token", 0))
        page = {"type": "FeatureCollection", "features": found[start : start + self.page], "links": []}
        if start + self.page < len(found):
            link = {"rel": "next", "href": f"{self.served.url}/api/search", "method": "POST", "type": "application/geo+json"}
            page["links"].append({**link, "body": {**asked, "token": start + self.page}})
        self.answer(json.dumps(page).encode(), kind="application/geo+json")

    def file(self, path: Path) -> None:
        if not path.is_file():
            self.answer(b"nothing here", 404, "text/plain")
            return
        body = path.read_bytes()
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
            part = body[first : last + 1]
            self.answer(part, 206, "application/octet-stream", Content_Range=f"bytes {first}-{last}/{len(body)}", ETag=_tag(path))
        else:
            self.answer(body, 200, "application/octet-stream", Accept_Ranges="bytes", ETag=_tag(path))


def _tag(path: Path) -> str:
    return f'"{path.stat().st_mtime_ns}"'


@contextmanager
def serve(folder: Path, items: list[dict] | None = None, page: int = 2) -> Iterator[Served]:
    """Serve a folder, and a search service at /api over `items`, in a thread; /silent never answers."""
    served = Served("")
    silent = threading.Event()
    kind = type("Own", (Handler,), {"folder": folder, "served": served, "items": items or [], "page": page, "silent": silent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        silent.set()
        server.shutdown()
        server.server_close()
        thread.join()
