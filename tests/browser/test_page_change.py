"""Two dates of one place: the form proposes them in their order, and what changed becomes a layer; clouds likewise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_kit import Site, at, pixels, rested, serving

import dates_kit


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of its own: no two scenes of the demo show one place at two dates."""
    made, _ = dates_kit.archive(tmp_path_factory.mktemp("dates"))
    with serving(made, tmp_path_factory.mktemp("state")) as running:
        yield running


def form(page: Any, verb: str) -> Any:
    page.get_by_role("group", name="What to do").get_by_role("button", name=verb).click()
    return page.locator("form.verb")


def field(page: Any, side: str) -> Any:
    return page.get_by_role("combobox", name=re.compile(f"^{side}"))


def chosen(page: Any, side: str) -> str:
    return str(field(page, side).locator("option:checked").inner_text())


def test_what_changed_is_a_layer_with_its_legend(opened: Any) -> None:
    page = opened("tab=analyse")
    asked = form(page, "Change")
    pair = [chosen(page, side) for side in ("Before", "After")]
    assert all("woods" in name for name in pair)
    assert pair == sorted(pair)
    assert pair[0] != pair[1]
    field(page, "Before").select_option(label="2019-06-01 · woods_20190601")
    field(page, "After").select_option(label="2021-06-03 · woods_20210603")
    asked.locator("summary", has_text="Settings").click()
    page.get_by_label("Where change begins").fill("otsu")
    asked.get_by_role("button", name="Change").click()
    job = page.locator(".job.done", has_text="Change: woods_20190601.tif to woods_20210603.tif").first
    job.wait_for()
    assert "changed" in job.inner_text()
    page.wait_for_selector(".legend")
    rested(page)
    with page.expect_download() as waiting:
        job.get_by_role("link", name="Download areas.json").click()
    rows = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))
    kinds = [row["label"] for row in rows if row["label"] != "unchanged"]
    assert page.locator(".legend .legend-list li").all_inner_texts() == kinds
    job.locator("summary", has_text="Areas").click()
    job.locator(".areas tbody tr").first.wait_for()
    cells = [row.split("\t") for row in job.locator(".areas tbody tr").all_inner_texts()]
    assert [cell[0] for cell in cells] == [row["label"] for row in rows]
    assert cells[-1][1] == f"{100 * rows[-1]['share']:.1f} %"
    shown = ground(page)
    job.get_by_role("button", name="Show change.tif on the map").click()
    page.wait_for_selector(".legend", state="detached")
    rested(page)
    coloured = (np.abs(shown - ground(page)).max(axis=2) > 20).mean()
    assert 0.001 < coloured < 0.1


def ground(page: Any) -> Any:
    """The map without what floats over its edges."""
    left, top = (int(part) for part in at(page, 0.1, 0.2))
    right, bottom = (int(part) for part in at(page, 0.9, 0.85))
    return pixels(page)[top:bottom, left:right].astype(int)


def test_scenes_of_two_places_are_refused_beside_the_form(opened: Any) -> None:
    page = opened("tab=analyse")
    asked = form(page, "Change")
    field(page, "Before").select_option(label="2020-06-02 · far_20200602")
    field(page, "After").select_option(label="2021-06-03 · woods_20210603")
    asked.get_by_role("button", name="Change").click()
    page.wait_for_selector(".verb .failed")
    assert "do not overlap" in page.locator(".verb .failed").inner_text()


def test_clouds_of_one_scene_are_a_layer(opened: Any) -> None:
    page = opened("tab=analyse")
    asked = form(page, "Cloud")
    page.get_by_label("Where").select_option(label="woods_20220605")
    asked.get_by_role("button", name="Cloud").click()
    job = page.locator(".job.done", has_text="Cloud: woods_20220605.tif").first
    job.wait_for()
    page.wait_for_selector(".legend")
    assert page.locator(".legend .legend-list li").all_inner_texts() == ["cloud", "shadow"]
    assert "cloud: woods_20220605.tif" in job.inner_text()
