"""Scenes as layers: opacity, order, and the swipe between two of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from browser_kit import at, parameters, pause, pixels, rested, until

VIEW = "view=6.12,52.28,13.5"  # where the river's scene lies over the country's


def test_layers_fade_leave_and_return(opened: Any) -> None:
    page = opened("tab=layers")
    assert page.locator(".layer").count() == 6
    x, y = (int(part) for part in at(page, 0.5, 0.5))
    rested(page)
    full = pixels(page)[y - 20 : y + 20, x - 20 : x + 20].astype(float)
    for slider in page.locator(".layer input[type=range]").all():
        slider.fill("0")
    rested(page)
    faded = pixels(page)[y - 20 : y + 20, x - 20 : x + 20].astype(float)
    assert np.abs(full - faded).mean() > 30
    assert np.ptp(faded, axis=(0, 1)).max() < np.ptp(full, axis=(0, 1)).max()
    page.locator(".scene", has_text="river").get_by_role("button", name="on the map").click()
    assert page.locator(".layer").count() == 5
    page.locator(".scene", has_text="river").get_by_role("button", name="on the map").click()
    assert "river" in page.locator(".layer").first.inner_text()
    page.locator(".layer").first.get_by_role("button", name="down").click()
    assert "river" in page.locator(".layer").nth(1).inner_text()
    assert len(parameters(page)["layers"].split(" ")) == 6


def test_a_swipe_shows_two_scenes_beside_each_other(opened: Any) -> None:
    page = opened(VIEW)
    page.keyboard.press("s")
    divider = page.get_by_role("slider", name="Divider")
    divider.wait_for()
    until(page, 'document.activeElement.getAttribute("role") === "slider"')
    assert {"river", "country"} == {
        page.locator(f".swipe-choice.{side} option:checked").inner_text().split(" · ")[1].split("_")[0]
        for side in ("left", "right")
    }
    page.wait_for_selector(".swipe-pane canvas")
    pause(page, 3000)
    rested(page)
    half = pixels(page)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert divider.get_attribute("aria-valuenow") == "100"
    pause(page, 500)
    left = pixels(page)
    # right of the middle another scene was to be seen; left of it nothing has changed
    box = page.locator(".map").bounding_box()
    middle, bottom = int(box["x"] + box["width"] / 2), int(box["height"])
    changed = np.abs(half.astype(int) - left.astype(int)).max(axis=2) > 12
    assert changed[120 : bottom - 60, middle + 40 : middle + 240].mean() > 0.3
    assert changed[120 : bottom - 60, middle - 240 : middle - 40].mean() < 0.02
    assert parameters(page)["swipe"].endswith(" 1")
    box = divider.bounding_box()
    page.mouse.move(box["x"] + 14, 400)
    page.mouse.down()
    page.mouse.move(*at(page, 0.25, 0.5), steps=4)
    page.mouse.up()
    assert abs(int(divider.get_attribute("aria-valuenow")) - 25) <= 2
    page.keyboard.press("Escape")
    page.wait_for_selector(".swipe", state="detached")


def test_on_a_phone_the_divider_can_be_reached(opened: Any) -> None:
    page = opened("tab=layers", width=390, height=844, has_touch=True)
    page.get_by_role("toolbar").get_by_role("button", name="Swipe between two scenes").click()
    knob = page.locator(".divider span")
    knob.wait_for()
    page.wait_for_selector(".panel.peek")  # out of the way
    page.locator(".handle").click()
    page.wait_for_selector(".panel.half")
    pause(page, 400)
    box, sheet = knob.bounding_box(), page.locator(".panel").bounding_box()
    assert box["y"] + box["height"] < sheet["y"]
