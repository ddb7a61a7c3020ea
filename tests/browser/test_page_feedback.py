"""Good and bad places refine the search at once."""

from __future__ import annotations

from typing import Any

from browser_kit import found, heard, parameters, until


def test_marks_refine_the_search(opened: Any) -> None:
    page = opened("q=a+field")
    before = found(page)
    with page.expect_request("**/api/search") as asked:
        page.get_by_role("button", name="Place 3 is good").click()
    assert len(asked.value.post_data_json["like"]) == 1
    found(page)
    page.wait_for_selector(".refined")
    with page.expect_request("**/api/search") as asked:
        page.get_by_role("button", name="Place 2 is bad").click()
    assert asked.value.post_data_json["text"] == "a field"
    assert len(asked.value.post_data_json["unlike"]) == 1
    after = found(page)
    assert [name.split(",")[0] for name in after] != [name.split(",")[0] for name in before] or after != before
    assert "Refined with 1 good and 1 bad" in page.locator(".refined").inner_text()
    heard(page, "refined with 1 good and 1 bad")
    assert page.locator(".mini img").count() == 2
    state = parameters(page)
    assert state["good"]
    assert state["bad"]
    page.get_by_role("button", name="Forget marks").click()
    page.wait_for_selector(".refined", state="detached")
    assert found(page) == before


def test_keys_mark_and_more_like_this_starts_from_one_place(opened: Any) -> None:
    page = opened("q=storage+tanks")
    found(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.locator(".hit.chosen .rank", has_text="2").wait_for()
    page.keyboard.press("g")
    page.wait_for_selector(".mini.good")
    found(page)
    page.get_by_role("button", name="More like this").click()
    until(page, "document.querySelector('#words').value === ''")
    assert found(page)[0].startswith("Place 1: harbour")
    assert "Searched with 1 good" in page.locator(".refined").inner_text()


def test_a_saved_search_tells_what_is_new(opened: Any) -> None:
    page = opened("tab=saved")
    assert "Nothing saved yet" in page.locator(".empty").inner_text()
    page.keyboard.press("/")
    page.get_by_label("What to look for, in words").fill("boats")
    page.keyboard.press("Enter")
    found(page)
    page.get_by_role("button", name="Save this search").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Boats here")
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("tab", name="Saved").click()
    row = page.locator(".saved")
    row.wait_for()
    assert "Boats here" in row.inner_text()
    row.get_by_role("button", name="Boats here: nothing new").click()
    page.wait_for_selector("h2:has-text('0 new places')")
    assert "Nothing new for" in page.locator(".empty").inner_text()
    page.get_by_role("tab", name="Saved").click()
    page.get_by_role("button", name="Boats here", exact=True).click()
    assert len(found(page)) == 24
    page.get_by_role("tab", name="Saved").click()
    page.get_by_role("button", name="Delete Boats here").click()
    page.wait_for_selector(".empty:has-text('Nothing saved yet')")
