"""The demo at a small size, with an encoder that sees only how blue a tile is: right and wrong answers are told apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoglot.core.protocols import ModelSpec
from geoglot.data.synth import Plan, Search
from geoglot.tasks.demo import Demo, demo

DAY = datetime(2021, 6, 1, tzinfo=UTC)
PLANS = (
    Plan("harbour", "harbour", 2.0, 288, DAY, (6.08, 52.36)),
    Plan("woods", "woods", 2.0, 288, DAY, (6.18, 52.25)),
)
SEARCHES = (
    Search("water", lambda truth: truth.cover.get("water", 0) > 0.3),
    Search("land", lambda truth: truth.cover.get("water", 0) < 0.05),
    Search("dragons", lambda truth: truth.count.get("dragon", 0) > 0),
)


class Blueness:
    """One number of a tile: how much bluer than green it is. "water" asks for much of it, every other word for little."""

    spec = ModelSpec("blue", "1", "0" * 32, 16, ("red", "green", "blue"), 72, (0.1, 90.0), (0.5,) * 3, (0.5,) * 3, "none", "none")

    def encode(self, tiles: np.ndarray, valid: np.ndarray, gsd: np.ndarray) -> np.ndarray:
        means = tiles.mean(axis=(2, 3))
        return self._unit(8 * (means[:, 2] - means[:, 1]))

    def text(self, texts: list[str]) -> np.ndarray:
        return self._unit(np.array([2.0 if text == "water" else -2.0 for text in texts]))

    def _unit(self, blue: np.ndarray) -> np.ndarray:
        wide = np.zeros((len(blue), 16), np.float32)
        wide[:, 0], wide[:, 1] = np.cos(blue), np.sin(blue)
        return wide


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return demo(tmp_path_factory.mktemp("demo"), Blueness(), plans=PLANS, searches=SEARCHES, progress=False)


def test_answers_are_checked_against_what_was_rendered(made: Demo) -> None:
    water, land, dragons = made.answers
    assert water.hit
    assert land.hit
    assert not dragons.hit
    assert made.missed == ["dragons"]
    assert dragons.base == 0
    assert 0 < water.base < 1
    for answer in made.answers:
        for hit, right in zip(answer.hits, answer.right, strict=True):
            scene = next(scene for scene in made.scenes if str(scene.path) == hit.scene)
            assert answer.search.right(scene.truth.truth_at(hit.window)) == right


def test_the_base_rate_is_that_of_all_tiles(made: Demo) -> None:
    rights = [
        SEARCHES[0].right(scene.truth.truth_at((row, col, 72, 72)))
        for scene in made.scenes
        for row in range(0, 288, 72)
        for col in range(0, 288, 72)
    ]
    assert len(made.archive) == len(rights) == 32
    assert made.answers[0].base == pytest.approx(np.mean(rights))


def test_everything_is_written(made: Demo) -> None:
    report = json.loads((made.folder / "demo.json").read_text(encoding="utf-8"))
    assert (report["model"], report["scenes"], report["tiles"]) == ("blue@1", 2, 32)
    assert [search["hit"] for search in report["searches"]] == [True, True, False]
    page = made.page.read_text(encoding="utf-8")
    for search in report["searches"]:
        assert search["sheet"] in page
        assert json.loads((made.folder / search["geojson"]).read_text(encoding="utf-8"))["features"]
        with Image.open(made.folder / search["sheet"]) as sheet:
            assert min(sheet.size) > 200


def test_doing_it_again_replaces_what_is_there(made: Demo, tmp_path: Path) -> None:
    plans, searches = PLANS[:1], SEARCHES[:1]
    first = demo(tmp_path, Blueness(), plans=plans, searches=searches, progress=False)
    second = demo(tmp_path, Blueness(), seed=3, plans=plans, searches=searches, progress=False)
    assert len(first.archive) == len(second.archive) == 16
    assert [path.name for path in sorted((tmp_path / "scenes").iterdir())] == ["harbour_20210601.tif"]
