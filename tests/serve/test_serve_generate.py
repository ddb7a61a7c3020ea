"""The job and the tool `generate`: what they give, and what they refuse at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from serve_kit import Start, around, pixels, wait

from generate_kit import Painter
from geoglot.geo.scene import Scene
from geoglot.serve import tools
from geoglot.serve.settings import Limits, Settings

ASKED: dict[str, Any] = {"prompt": "snowy farmland", "lon": 6.1, "lat": 52.3, "gsd": 10, "size": 64, "seed": 3}
PATIENCE = 120  # the first scene waits for diffusers to be imported


def test_a_scene_is_drawn_and_shown(start: Start, tmp_path: Path) -> None:
    client = start(generator=Painter())
    asked = client.post("/api/jobs", json={"verb": "generate", "parameters": ASKED})
    assert asked.status_code == 202, asked.text
    assert asked.json()["title"] == "Generate: snowy farmland"
    done = wait(client, asked.json()["id"], PATIENCE)
    assert done["state"] == "done", done
    assert done["message"].startswith("Synthetic image, not an observation of the Earth; drawn by painter@1")
    made = {result["name"]: result for result in done["results"]}
    assert set(made) == {"generated.tif", "generated.png", "generated.stac.json"}
    west, south, east, north = made["generated.tif"]["bounds"]
    assert west < 6.1 < east
    assert south < 52.3 < north
    x, y = around(15, 6.1, 52.3)
    tile = client.get(made["generated.tif"]["tiles"].format(z=15, x=x, y=y))
    assert (pixels(tile.content)[..., 3] > 0).any()
    (tmp_path / "got.tif").write_bytes(client.get(made["generated.tif"]["href"]).content)
    with Scene.open(tmp_path / "got.tif") as scene:
        assert scene.synthetic is not None
        assert (scene.synthetic.seed, scene.synthetic.prompt) == (3, "snowy farmland")
    item = client.get(made["generated.stac.json"]["href"]).json()
    assert item["properties"]["geoglot:synthetic"] == "generated"
    assert client.get("/api/scenes").json()["numberMatched"] == 3


def test_without_a_place_it_is_a_picture(start: Start) -> None:
    client = start(generator=Painter())
    asked = {"verb": "generate", "parameters": {"prompt": "a", "size": 32}}
    done = wait(client, client.post("/api/jobs", json=asked).json()["id"], PATIENCE)
    assert done["state"] == "done", done
    assert not any("tiles" in result for result in done["results"])


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        ({"lat": None}, 422, "give both"),
        ({"gsd": None}, 422, "How many metres"),
        ({"lon": 190}, 422, "lon"),
        ({"size": 0}, 422, "size"),
        ({"size": 200}, 422, "100 pixels a side"),
        ({"date": "soon"}, 422, "not a time"),
        ({"prompt": ""}, 422, "prompt"),
        ({"cloud": 2}, 422, "cloud"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_nonsense_is_refused_at_once(start: Start, more: dict[str, Any], status: int, told: str) -> None:
    client = start(generator=Painter(), limits=Limits(drawn=10_000))
    answer = client.post("/api/jobs", json={"verb": "generate", "parameters": ASKED | more})
    assert answer.status_code == status, answer.text
    assert told in answer.text


def test_a_service_without_a_generator_says_so(start: Start) -> None:
    client = start(generator="none")
    answer = client.post("/api/jobs", json={"verb": "generate", "parameters": ASKED})
    assert (answer.status_code, "--generator" in answer.text) == (404, True)


def test_the_tool_gives_a_picture_and_says_what_it_is(archive: Path, model: object) -> None:
    async def use() -> Any:
        with tools.opened(Settings(str(archive), generator=Painter())) as server:  # type: ignore[arg-type]
            async with Client(server) as there:
                return await there.call_tool("generate", {"prompt": "a lake", "size": 40, "centre": [6.1, 52.3], "gsd": 5})

    picture, text = anyio.run(use).content
    assert picture.mime_type == "image/png"
    assert text.text.startswith("Synthetic image")
