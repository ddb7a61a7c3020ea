"""Keyboard, names for screen readers, contrast, and the width of a phone."""

from __future__ import annotations

from typing import Any

import pytest
from browser_kit import FAINT, NAMELESS, at, found, parameters, pause, rested


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_and_enough_contrast(opened: Any, scheme: str) -> None:
    page = opened("q=forest", color_scheme=scheme)
    found(page)
    assert page.locator("html").get_attribute("data-theme") == scheme
    page.get_by_role("button", name="Filters").click()
    page.locator(".hit-picture").first.click()
    page.get_by_role("button", name="Place 2 is good").first.click()
    found(page)
    for tab in ("Search", "Layers", "Analyse", "Saved"):
        page.get_by_role("tab", name=tab).click()
        pause(page, 300)
        assert page.evaluate(NAMELESS) == [], tab
        assert page.evaluate(FAINT) == [], tab
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(FAINT) == []


def test_the_whole_way_with_keys(opened: Any) -> None:
    page = opened()
    page.keyboard.press("/")
    page.keyboard.type("storage tanks")
    page.keyboard.press("Enter")
    found(page)
    page.keyboard.press("Escape")  # out of the field, so that letters are shortcuts
    page.keyboard.press("j")
    page.wait_for_selector(".hit.chosen")
    page.keyboard.press("x")
    page.wait_for_selector(".mini.bad")
    found(page)
    page.keyboard.press("h")
    page.locator(".flag").first.wait_for(state="detached")
    page.keyboard.press("2")
    page.wait_for_selector("[role=tab][aria-selected=true]:has-text('Layers')")
    page.keyboard.press("m")
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"
    before = parameters(page)["view"]
    page.keyboard.press("ArrowRight")
    rested(page)
    pause(page, 800)
    assert parameters(page)["view"] != before
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog", name="Help").wait_for(state="detached")


def test_the_order_of_the_focus_and_its_mark(opened: Any) -> None:
    page = opened()
    seen = []
    for _ in range(9):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """() => { const one = document.activeElement; const style = getComputedStyle(one);
                return [one.getAttribute("aria-label") || one.id || one.innerText.trim(), style.outlineStyle !== "none" ||
                getComputedStyle(one.parentElement).boxShadow !== "none"]; }"""
            )
        )
    names = [name for name, _ in seen]
    assert names[0].startswith("Colours")
    assert names[1:4] == ["Help and keys", "tab-search", "words"]
    assert all(marked for _, marked in seen), seen


def test_single_keys_can_be_switched_off(opened: Any) -> None:
    page = opened()
    page.keyboard.press("?")
    page.get_by_label("Single keys work").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("3")
    assert page.get_by_role("tab", name="Search").get_attribute("aria-selected") == "true"


def test_the_width_of_a_phone(opened: Any) -> None:
    page = opened("q=forest", width=390, height=844, is_mobile=True, has_touch=True)
    found(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    panel = page.locator(".panel")
    assert 400 < panel.bounding_box()["height"] < 480
    handle = page.get_by_role("button", name="Panel:")
    handle.tap()
    pause(page, 400)
    assert panel.bounding_box()["height"] > 780
    handle.tap()
    pause(page, 400)
    assert panel.bounding_box()["height"] < 130
    small = """() => [...document.querySelectorAll("button, [role=tab]")].filter(one => one.checkVisibility()
      && !one.closest(".hit, .minis") && one.getBoundingClientRect().height < 24).map(one => one.outerHTML.slice(0, 100))"""
    assert [one for one in page.evaluate(small) if "handle" not in one] == []
    # the map is free now
    page.touchscreen.tap(*at(page, 0.5, 0.2))
    page.get_by_role("tab", name="Layers").tap()
    pause(page, 400)
    assert panel.bounding_box()["height"] > 400
