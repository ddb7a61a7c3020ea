"""The parts beneath the API: batches, the cache of pictures, open scenes, the watched progress, tools for assistants."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from mcp.client import Client
from PIL import Image

from geoglot.archive import Archive
from geoglot.core.errors import NotFoundError, RasterError
from geoglot.core.progress import track, watched
from geoglot.serve import logs, problems, styles, tools
from geoglot.serve.batching import Batcher
from geoglot.serve.pictures import ENTRY, Cache
from geoglot.serve.settings import Settings
from geoglot.serve.shelf import Shelf
from geoglot.text.colours import colours
from geoglot.text.templates import NONE


def test_batches_hold_what_came_together() -> None:
    sizes: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        time.sleep(0.02)
        return [item * 2 for item in items]

    batcher = Batcher(work, most=8, wait=0.005, seen=sizes.append)
    found: dict[int, int] = {}
    threads = [threading.Thread(target=lambda i=i: found.update({i: batcher(i)})) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batcher.close()
    assert found == {i: 2 * i for i in range(40)}
    assert sum(sizes) == 40
    assert max(sizes) <= 8
    assert len(sizes) < 40


def test_a_bad_item_does_not_spoil_its_batch() -> None:
    def work(items: Sequence[int]) -> list[int]:
        time.sleep(0.01)
        if 3 in items:
            raise ValueError("three")
        return list(items)

    batcher = Batcher(work, most=8, wait=0.05)
    found: dict[int, Any] = {}

    def ask(i: int) -> None:
        try:
            found[i] = batcher(i)
        except ValueError as error:
            found[i] = str(error)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batcher.close()
    assert found == {0: 0, 1: 1, 2: 2, 3: "three", 4: 4, 5: 5}


def test_the_cache_keeps_what_was_used_last() -> None:
    cache = Cache(8 * (10 + ENTRY))
    for name in "abcdefgh":
        cache.put(name, b"x" * 10)
    assert cache.get("a")
    cache.put("i", b"x" * 10)
    assert cache.get("b") is None
    assert cache.get("a")
    assert cache.held == 8 * (10 + ENTRY)
    cache.put("large", b"x" * (11 + ENTRY))  # more than an eighth
    assert cache.get("large") is None
    cache.put("a", b"y" * 4)
    assert cache.held == 8 * (10 + ENTRY) - 6
    for place in range(1000):  # pictures of nothing are entries as well
        cache.put(str(place), b"")
    assert cache.held <= 8 * (10 + ENTRY)
    assert cache.get("999") == b""
    assert cache.get("0") is None


class Closing:
    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_scenes_that_are_read_stay_open() -> None:
    shelf = Shelf(1)
    one, two = Closing(), Closing()
    with shelf.lend("one", lambda: one) as seen:  # type: ignore[arg-type,return-value]
        assert seen is one
        with shelf.lend("two", lambda: two):  # type: ignore[arg-type,return-value]
            assert len(shelf) == 2
        assert not one.closed
        assert two.closed
        shelf.forget("one")
        assert not one.closed
    assert one.closed
    with pytest.raises(NotFoundError), shelf.lend("three", lambda: (_ for _ in ()).throw(NotFoundError("gone"))):
        pass
    assert len(shelf) == 0


def test_progress_can_be_watched_and_ended() -> None:
    seen: list[tuple[int, int | None, str]] = []
    stream = io.StringIO()
    with watched(lambda shown: seen.append((shown.done, shown.total, shown.label))), track(3, "work", stream=stream) as shown:
        shown.advance()
        shown.advance(2)
    assert seen == [(1, 3, "work"), (3, 3, "work")]
    assert stream.getvalue() == ""

    class Enough(Exception):
        pass

    def stop(shown: object) -> None:
        raise Enough

    with pytest.raises(Enough), watched(stop), track(3, "work") as shown:
        shown.advance()
    with track(1, "work", stream=stream, every=0) as shown:  # nobody watches any more
        shown.advance()
    assert "work: 1" in stream.getvalue()


def test_problems_hide_folders_and_unforeseen_texts() -> None:
    made = problems.of(RasterError("/data/secret/scenes/a b.tif is damaged; see /tmp/x/y.tif, or https://a.example/b/c.tif"))
    assert "/data" not in made.detail
    assert "https://a.example/b/c.tif" in made.detail
    assert made.status == 422
    assert problems.of(KeyError("secret")).detail.count("secret") == 0
    assert problems.of(MemoryError()).status == 507


def test_log_lines_are_json() -> None:
    record = logging.LogRecord("geoglot.serve", logging.INFO, "f", 1, "request", None, None)
    record.fields = {"status": 200, "nothing": None}
    told = json.loads(logs.Lines().format(record))
    assert (told["event"], told["status"], told["level"]) == ("request", 200, "info")
    assert "nothing" not in told


def test_colours_differ_and_styles_are_xml() -> None:
    from xml.etree import ElementTree

    names = [*(f"class {i} & <x>" for i in range(20)), NONE]
    tint = colours(names)
    assert len(set(tint.values())) == 21
    tree = ElementTree.fromstring(styles.qml(names, tint))
    assert [entry.get("label") for entry in tree.iter("paletteEntry")] == names
    assert [entry.get("label") for entry in tree.iter("category")] == names
    ElementTree.fromstring(styles.hits_qml())


def test_the_archive_gives_rows_without_scores(archive: Path) -> None:
    opened = Archive.open(archive)
    every, total = opened.tiles(limit=100)
    assert total == len(every) == 18
    part, _ = opened.tiles(limit=5, offset=3)
    assert [hit.id for hit in part] == [hit.id for hit in every[3:8]]
    inside, count = opened.tiles(bbox=(4, 49, 5, 50), limit=2)
    assert (len(inside), count) == (2, 6)
    assert np.isnan(inside[0].score)
    vectors = opened.vectors([hit.id for hit in every])
    windows, valid, stored = opened.embedded(where={"scene": every[0].scene})
    assert stored.shape == (6, 16)
    assert windows.shape == (6, 4)
    assert (valid == 1).all()
    assert opened.embedded(bbox=(100, 0, 101, 1))[2].shape == (0, 16)
    same = opened.find(vectors[:1], k=3, without=[every[0].id])
    assert {hit.scene for hit in same} == {every[0].scene}
    assert every[0].id not in {hit.id for hit in same}
    with pytest.raises(NotFoundError):
        opened.vectors(["none"])


ROOM = ("archive", "scenes", "scene", "search", "picture")


def test_tools_for_assistants(archive: Path, model: object) -> None:
    async def use() -> dict[str, Any]:
        with tools.opened(Settings(str(archive), name="colours")) as server:
            async with Client(server) as there:
                listed = await there.list_tools()
                made: dict[str, Any] = {"tools": {tool.name: tool for tool in listed.tools}}
                for name, arguments in (
                    ("archive", {}),
                    ("scenes", {"time": "2020"}),
                    ("search", {"text": "green", "limit": 2}),
                    ("classify", {"labels": ["red", "green", "blue"]}),
                    ("nothing", {}),
                ):
                    made[name] = await call(there, name, arguments)
                tile = made["search"].structured_content["result"][0]["id"]
                made["like"] = await call(there, "search", {"like": [tile], "limit": 1})
                chip = archive.parent / "chip.png"
                Image.fromarray(np.full((32, 32, 3), (0, 200, 0), dtype=np.uint8)).save(chip)
                made["by picture"] = await call(there, "search", {"image": str(chip), "limit": 2})
                made["no picture"] = await call(there, "search", {"image": str(archive.parent / "none.png")})
                made["picture"] = await call(there, "picture", {"id": tile, "size": 64})
                made["bad"] = await call(there, "search", {"bbox": [1, 2, 3, 4]})
                return made

    async def call(there: Any, name: str, arguments: dict[str, Any]) -> Any:
        try:
            return await there.call_tool(name, arguments)
        except Exception as error:
            return error

    made = anyio.run(use)
    assert set(made["tools"]) == {*ROOM, "classify", "ask", "change", "cloud", "generate"}
    assert made["tools"]["search"].input_schema["properties"]["limit"]["maximum"] == 100
    assert made["tools"]["search"].output_schema
    assert made["archive"].structured_content["tiles"] == 18
    assert made["scenes"].structured_content["result"][0]["name"] == "red_20200105.tif"
    assert made["search"].structured_content["result"][0]["name"] == "green_20210610.tif"
    assert made["classify"].structured_content["counts"] == {"red": 6, "green": 6, "blue": 6}
    assert made["by picture"].structured_content["result"][0]["name"] == "green_20210610.tif"
    assert "cannot be read" in made["no picture"].content[0].text
    assert made["picture"].content[0].mime_type == "image/png"
    assert made["bad"].is_error
    assert "nothing to look for" in made["bad"].content[0].text
