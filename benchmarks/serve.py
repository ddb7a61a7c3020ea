"""A served archive under load: users who search in words, pan the map and look at thumbnails, all at once.

Prints for each kind of request how many there were, their median and 95th percentile, errors, and the server's memory at the
start and at the end; then what encoding concurrent texts and pictures together gives over one by one. Ends with 1 on any error.
Usage: python benchmarks/serve.py [--archive FOLDER] [--users 50] [--seconds 60] [--think 0] [--compare 20]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import machine

THINGS = "storage tanks,harbour,boats,airplanes,runway,forest,farmland,river,houses,road,bridge,parking lot,beach,lake".split(",")
WAYS = "near,beside,north of,without,between,along,behind,far from".split(",")
KINDS = "dense,large,small,many,few,green,grey,narrow,round,new".split(",")
WARM_UP = 5.0  # seconds that are not counted


@dataclass
class Seen:
    """Seconds of each kind of request, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    began: float = 0.0


def words(rng: random.Random) -> str:
    """A query that has hardly been asked before, so that no remembered vector answers it."""
    first, second, number = (rng.choice(KINDS), rng.choice(THINGS)), (rng.choice(KINDS), rng.choice(THINGS)), rng.randrange(10**4)
    return f"{' '.join(first)} {rng.choice(WAYS)} {' '.join(second)} {number}"


class User:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length")), 0)
        return int(lines[0].split()[1]), await reader.readexactly(length) if length else b""


def searches(user: User, rng: random.Random, seen: dict[str, Any]) -> tuple[str, Any]:
    return "search", user.ask("POST", "/api/search", json.dumps({"text": words(rng), "limit": 20}).encode())


def chips(user: User, rng: random.Random, seen: dict[str, Any]) -> tuple[str, Any]:
    edge = "----geoglot"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    body = head.encode() + rng.choice(seen["pictures"]) + f"\r\n--{edge}--\r\n".encode()
    return "chip", user.ask("POST", "/api/chips", body, f"multipart/form-data; boundary={edge}")


def mixed(user: User, rng: random.Random, seen: dict[str, Any]) -> tuple[str, Any]:
    """What people do: half searches, and pictures of what they find."""
    turn = rng.random()
    if turn < 0.5:
        return searches(user, rng, seen)
    if turn < 0.75:
        scene, (z, x, y) = rng.choice(seen["places"])
        return "map tile", user.ask("GET", f"/api/scenes/{scene}/tiles/{z}/{x}/{y}.png")
    return "thumbnail", user.ask("GET", f"/api/tiles/{rng.choice(seen['tiles'])}/thumbnail.png")


async def use(
    port: int, number: int, until: float, think: float, act: Callable[..., Any], known: dict[str, Any], seen: Seen
) -> None:
    rng, user = random.Random(number), User(port)
    while time.monotonic() < until:
        kind, call = act(user, rng, known)
        began = time.monotonic()
        try:
            status, _ = await asyncio.wait_for(call, 60)
            if status not in (200, 201, 204):
                seen.errors.append(f"{kind}: {status}")
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            seen.errors.append(f"{kind}: {type(error).__name__}")
            user = User(port)
        if began >= seen.began:
            seen.seconds.setdefault(kind, []).append(time.monotonic() - began)
        if think:
            await asyncio.sleep(rng.expovariate(1 / think))


async def load(
    server: Server, users: int, seconds: float, think: float, act: Callable[..., Any], known: dict[str, Any]
) -> tuple[Seen, list[float]]:
    """What the users saw, and the server's memory in MiB after the warm-up, at a third, at two thirds and at the end."""
    seen, memory = Seen(began=time.monotonic() + WARM_UP), []
    until = seen.began + seconds

    async def watch() -> None:
        for part in range(4):
            await asyncio.sleep(max(0.0, seen.began + seconds * part / 3 - time.monotonic()))
            memory.append(server.memory())

    await asyncio.gather(watch(), *(use(server.port, number, until, think, act, known, seen) for number in range(users)))
    return seen, memory


def fetch(port: int, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def survey(port: int) -> dict[str, Any]:
    """Scenes with map tiles over them, tiles, and a few pictures."""
    import math

    places = []
    for scene in json.loads(fetch(port, "/api/scenes"))["features"]:
        if scene["geometry"] is None:
            continue
        how = json.loads(fetch(port, f"/api/scenes/{scene['id']}/tilejson.json"))
        west, south, east, north = how["bounds"]
        for z in range(how["minzoom"], min(how["minzoom"] + 4, how["maxzoom"] + 1)):
            for part in range(9):
                lon, lat = west + (east - west) * (part % 3 + 1) / 4, south + (north - south) * (part // 3 + 1) / 4
                x = int((lon + 180) / 360 * 2**z)
                y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
                places.append((scene["id"], (z, x, y)))
    hits = json.loads(fetch(port, "/api/search", {"text": "houses", "limit": 200}))["features"]
    tiles = [hit["id"] for hit in hits]
    return {"places": places, "tiles": tiles, "pictures": [fetch(port, f"/api/tiles/{tile}/thumbnail.png") for tile in tiles[:8]]}


class Server:
    """A server of its own process over an archive, with or without batches."""

    def __init__(self, archive: Path, batch: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._state = tempfile.TemporaryDirectory()
        command = [sys.executable, __file__, "--serve", str(archive), str(self.port), str(batch), self._state.name]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 180
        while True:
            try:
                fetch(self.port, "/health")
                return
            except OSError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise SystemExit("The server did not start: run it by hand with geoglot serve to see why.") from None
                time.sleep(0.1)

    def memory(self) -> float:
        """Resident MiB."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def kept(self) -> float:
        """MiB of rendered pictures that the server keeps, up to its limit."""
        lines = fetch(self.port, "/metrics").decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("geoglot_picture_cache_bytes ")) / 2**20

    def batches(self) -> dict[str, float]:
        """Mean number of items in a batch, by kind."""
        found: dict[str, float] = {}
        for line in fetch(self.port, "/metrics").decode().splitlines():
            if line.startswith(("geoglot_batch_items_sum", "geoglot_batch_items_count")):
                found[line.split(" ")[0]] = float(line.split(" ")[1])
        kinds = {name.split('"')[1] for name in found}
        return {
            kind: found[f'geoglot_batch_items_sum{{kind="{kind}"}}'] / found[f'geoglot_batch_items_count{{kind="{kind}"}}']
            for kind in kinds
        }

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._state.cleanup()


def serve(archive: str, port: str, batch: str, state: str) -> None:
    from geoglot.serve import web
    from geoglot.serve.settings import Settings

    web.serve(Settings(archive, state=Path(state), batch=int(batch)), "127.0.0.1", int(port), "error")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def table(seen: Seen, seconds: float) -> str:
    lines = ["| request | count | a second | median | 95 % within |", "|---|---|---|---|---|"]
    every = {**seen.seconds, "all": [value for values in seen.seconds.values() for value in values]}
    for kind, values in every.items():
        lines.append(
            f"| {kind} | {len(values):,} | {len(values) / seconds:.1f} | {1000 * statistics.median(values):.0f} ms | "
            f"{1000 * percentile(values, 0.95):.0f} ms |"
        )
    return "\n".join(lines)


def compare(archive: Path, users: int, seconds: float) -> list[str]:
    """Texts, then pictures, from all users at once: together and one by one."""
    lines, errors = ["| requests | batches | a second | 95 % within | items in a batch |", "|---|---|---|---|---|"], []
    for name, act, key in (("search in words", searches, "text"), ("picture to search by", chips, "image")):
        for batch in (32, 1):
            with Server(archive, batch) as server:
                known = survey(server.port)
                seen, _ = asyncio.run(load(server, users, seconds, 0, act, known))
                values = [value for part in seen.seconds.values() for value in part]
                mean = server.batches()[key]
                if not values:
                    raise SystemExit("No request was answered within the time: the machine is too busy, or --compare too short.")
                how = "together" if batch > 1 else "one by one"
                lines.append(
                    f"| {name} | {how} | {len(values) / seconds:.1f} | {1000 * percentile(values, 0.95):.0f} ms | {mean:.1f} |"
                )
                errors += seen.errors
    print("\n".join(lines))
    return errors


def demo_archive(work: Path) -> Path:
    """A rendered landscape, indexed with the embedded model."""
    if not (work / "archive").is_dir():
        # the demo's own check of its answers is not what is measured here
        subprocess.run([sys.executable, "-m", "geoglot", "demo", "-o", str(work), "-q"], check=False, stdout=subprocess.DEVNULL)
    return work / "archive"


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, help="an archive made with nano; by default a landscape is rendered")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--think", type=float, default=0, help="mean seconds between the requests of one user")
    parser.add_argument("--compare", type=float, default=20, help="seconds of each run with and without batches; 0 for none")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "geoglot-bench-serve")
    given = parser.parse_args()
    archive = given.archive or demo_archive(given.work)
    print(f"{machine()}, load of the machine {os.getloadavg()[0]:.1f} at the start\n", flush=True)
    with Server(archive, 32) as server:
        known = survey(server.port)
        seen, memory = asyncio.run(load(server, given.users, given.seconds, given.think, mixed, known))
        held = server.kept()
    print(table(seen, given.seconds))
    print(
        f"\n{given.users} users for {given.seconds:g} s, {given.think:g} s between requests; {len(seen.errors)} errors",
        *sorted(set(seen.errors)),
    )
    print(f"memory of the server: {', '.join(f'{value:.0f}' for value in memory)} MiB from the beginning to the end, by thirds;")
    print(f"{held:.0f} MiB of it are pictures that it keeps, up to a limit\n", flush=True)
    errors = seen.errors + (compare(archive, given.users, given.compare) if given.compare else [])
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
