"""Questions on the page: what an answer is from is drawn on the map, a conversation is kept, and failures leave it whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_kit import FAINT, NAMELESS, Site, at, heard, pixels, rested, running
from converse_kit import scene

from geoglot.archive import index

BLOBS = [(60, 80, 30, 30), (150, 170, 24, 20), (190, 40, 16, 26)]
PINK = np.array((240, 95, 180))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of its own, whose chat sees bright blobs."""
    folder = tmp_path_factory.mktemp("asked")
    scenes = folder / "scenes"
    scenes.mkdir()
    scene(scenes / "yard_20200105.tif", 256, BLOBS)
    scene(scenes / "yard_20210610.tif", 256, BLOBS[:1])
    scene(scenes / "bare.tif", 256, BLOBS, west=None)
    index([scenes], model="nano", out=folder / "archive", progress=False)
    program = Path(__file__).with_name("asked_server.py")
    with running(folder / "archive", folder / "state", str(program), str(folder / "archive"), str(folder / "state")) as one:
        yield one


def choose(page: Any, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(f"^{label}")).select_option(label=option)


def ask(page: Any, words: str) -> Any:
    """Ask, and give the card of the question."""
    page.locator(".turn.busy").first.wait_for(state="detached")  # words stream before the answer is there
    before = page.locator(".turn").count()
    page.get_by_label("What you want to know").fill(words)
    page.keyboard.press("Enter")
    return page.locator(".turn").nth(before)


def ground(page: Any) -> Any:
    """The map without what floats over its edges."""
    left, top = (int(part) for part in at(page, 0.15, 0.2))
    right, bottom = (int(part) for part in at(page, 0.85, 0.85))
    return pixels(page)[top:bottom, left:right].astype(int)


def pink(page: Any) -> float:
    rested(page)
    return float((np.abs(ground(page) - PINK).max(axis=2) < 24).mean())


def on_map(page: Any) -> list[str]:
    """Titles of layers, top first."""
    page.get_by_role("tab", name="Layers").click()
    titles: list[str] = page.locator(".layer .name").all_inner_texts()
    page.get_by_role("tab", name="Ask").click()
    return titles


def test_an_answer_draws_what_it_is_from_and_the_conversation_is_kept(opened: Any) -> None:
    page = opened("tab=ask")
    assert page.get_by_role("tab", name="Ask").get_attribute("aria-selected") == "true"
    choose(page, "Scene", "2020-01-05 · yard_20200105")
    rested(page)
    assert pink(page) == 0
    first = ask(page, "Find all blobs")
    first.locator(".said", has_text="3 found: blobs").wait_for()
    heard(page, "Answer: 3 found: blobs. 80 % sure. 3 places marked.")
    assert first.locator(".pill").all_inner_texts() == ["80 % sure", "3 places"]
    assert page.locator(".legend .legend-list li").all_inner_texts() == ["a little", "more", "most"]
    assert 0.001 < pink(page) < 0.2
    assert on_map(page)[:2] == ["Evidence: Find all blobs", "yard_20200105 · 2020-01-05"]
    strong = ground(page)
    fade = first.get_by_label("Opacity of the evidence")
    fade.fill("0")
    rested(page)
    assert (np.abs(strong - ground(page)).max(axis=2) > 20).mean() > 0.002
    first.locator(".things button").first.focus()
    second = ask(page, "Is there a lighthouse?")
    second.locator(".pill.refused").wait_for()
    heard(page, "Refused")
    assert page.locator(".legend").count() == 0
    first.get_by_role("button", name="Show the evidence of").click()
    page.wait_for_selector(".legend")
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(FAINT) == []
    page.reload()
    page.wait_for_selector(".panel[aria-busy=false]")
    assert page.locator(".turn .said").all_inner_texts() == ["3 found: blobs", "I cannot see that in this picture."]
    page.get_by_role("button", name="Begin a new conversation").click()
    page.get_by_role("group", name="Examples").wait_for()
    assert page.locator(".turn").count() == 0


def test_two_dates_a_part_of_the_map_and_a_scene_without_a_place(opened: Any) -> None:
    page = opened("tab=ask")
    choose(page, "Scene", "2021-06-10 · yard_20210610")
    choose(page, "Another date", "2020-01-05 · yard_20200105")
    dates = ask(page, "What has changed?")
    dates.locator(".said", has_text="2 blobs went").wait_for()
    assert "yard_20200105 and yard_20210610" in dates.inner_text()
    choose(page, "Another date", "none")
    choose(page, "Scene", "no date · bare (not on the map)")
    bare = ask(page, "Find all blobs")
    bare.locator(".on-picture rect").first.wait_for(state="attached")
    assert bare.locator(".on-picture rect").count() == 3
    choose(page, "Scene", "2020-01-05 · yard_20200105")
    page.get_by_label("Only what the map shows").check()
    whole = ask(page, "How many blobs are there?")
    whole.locator(".said", has_text="3").wait_for()
    assert "only what the map showed" in whole.inner_text()
    page.evaluate("location.hash = 'tab=ask&view=10,10,12'")
    rested(page)
    away = ask(page, "How many blobs are there?")
    away.locator(".failed", has_text="outside").wait_for()
    assert "Move the map to the scene" in away.inner_text()
    assert page.locator(".turn").count() == 4
    page.get_by_label("Only what the map shows").uncheck()


def test_a_question_can_be_stopped_and_asked_again_and_a_phone_has_room(opened: Any) -> None:
    page = opened("tab=ask", width=360, height=740, color_scheme="dark")
    page.get_by_role("button", name="Panel: half height. Change").click()
    one = ask(page, "Describe the blobs and wait.")
    page.get_by_role("button", name="Stop").click()
    one.locator(".pill", has_text="given up").wait_for()
    heard(page, "given up")
    page.get_by_role("button", name="Ask again").click()
    one.locator(".said", has_text="A picture of").wait_for()
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(FAINT) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tabs = page.get_by_role("tab").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(tabs) <= 360
