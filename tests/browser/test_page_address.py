"""Addresses can be shared, and the browser's back button works."""

from __future__ import annotations

from typing import Any

from browser_kit import found, parameters, pause, rested, until


def test_an_address_brings_everything_back(opened: Any) -> None:
    page = opened("q=forest&sensor=rgb&from=2018-01-01&view=6.18,52.25,14.2")
    first = found(page)
    page.locator(".hit-picture").nth(1).click()
    page.get_by_role("button", name="Place 3 is good").first.click()
    found(page)
    page.wait_for_selector(".refined")
    rested(page)
    pause(page, 500)
    again = opened(page.url.split("#", 1)[1])
    assert found(again) == found(page) != first
    assert parameters(again) == parameters(page)
    assert again.locator(".detail").is_visible()
    assert again.locator(".tag").all_inner_texts()[1:] == page.locator(".tag").all_inner_texts()[1:]


def test_the_back_button_goes_through_searches(opened: Any) -> None:
    page = opened()
    words = page.get_by_label("What to look for, in words")
    for text in ("boats", "forest"):
        words.fill(text)
        words.press("Enter")
        found(page)
        parameters(page)
    page.go_back()
    until(page, "document.querySelector('#words').value === 'boats'")
    assert any("harbour" in name for name in found(page))
    page.go_back()
    page.wait_for_selector(".welcome")
    page.go_forward()
    until(page, "document.querySelector('#words').value === 'boats'")


def test_nonsense_in_an_address_is_left_out(opened: Any) -> None:
    page = opened("view=a,b&bbox=1,2&limit=-5&tab=nowhere&swipe=x&layers=scene:gone@300%20job:no/such&polygon=1,1")
    assert page.locator("[role=tab][aria-selected=true]").inner_text().strip() == "Search"
    page.wait_for_selector(".welcome")
