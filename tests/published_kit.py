"""Small published-style checkpoints for the tests, and a hub on the loopback address."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from geoglot.nn.batch import ImageBatch

torch.set_num_threads(1)

GOLDENS = Path(__file__).parent / "goldens"
TEXTS: list[str] = json.loads((GOLDENS / "texts.json").read_text())
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def golden(name: str) -> dict[str, Any]:
    """One set of open_clip's outputs."""
    with np.load(GOLDENS / f"open_clip_{name}.npz") as file:
        return {key: file[key] for key in file.files}


def state(name: str) -> dict[str, Tensor]:
    """A golden state dict: "vit" or "resnet"."""
    found: dict[str, Tensor] = torch.load(GOLDENS / f"open_clip_{name}.pt", weights_only=True)
    return found


def config(folder: Path, name: str) -> None:
    """Put a golden configuration into a folder, under the name that open_clip's own folders have."""
    tree = {"model_cfg": json.loads((GOLDENS / f"open_clip_{name}.json").read_text()), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(tree))


def images(name: str) -> ImageBatch:
    """The pictures that a golden was computed from."""
    return ImageBatch.of(torch.from_numpy(golden(name)["image01"]))


class Shell(nn.Module):
    """A tree of modules with the parameters of a state dict, and a QuickGELU, to be traced into an archive."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        for name, value in tensors.items():
            place: nn.Module = self
            *path, last = name.split(".")
            for part in path:
                if not hasattr(place, part):
                    place.add_module(part, nn.Module())
                place = place.get_submodule(part)
            place.register_buffer(last, value)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Exact(Shell):
    """The same with GELU."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(x)


class _Hub(http.server.BaseHTTPRequestHandler):
    root: Path

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0].strip("/")
        headers = {"X-Repo-Commit": COMMIT}
        if path.startswith("api/models/"):
            repo = "/".join(path.split("/")[2:4])
            files = [str(f.relative_to(self.root / repo)) for f in (self.root / repo).rglob("*") if f.is_file()]
            if not files:
                return self._send(404, b"{}", headers | {"X-Error-Code": "RepoNotFound"}, body)
            if "/tree/" in path:
                tree = [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in files]
                return self._send(200, json.dumps(tree).encode(), headers, body)
            info = {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            return self._send(200, json.dumps(info).encode(), headers, body)
        found = self.root / (path if "/resolve/" not in path else "/".join(path.split("/")[:2] + path.split("/")[4:]))
        if not found.is_file():
            return self._send(404, b"", headers | {"X-Error-Code": "EntryNotFound"}, body)
        return self._send(200, found.read_bytes(), headers | {"ETag": f'"{found.stat().st_size}-{found.name}"'}, body)

    def _send(self, code: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(code)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def hub(root: Path) -> Iterator[str]:
    """Serve folders `owner/name` as a hub; gives its address."""
    handler = type("Handler", (_Hub,), {"root": root})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
