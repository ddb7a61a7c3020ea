"""When something is wrong the page says what, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_kit import ARGUMENTS, WAIT, Site, chromium, found, heard, serving


@pytest.fixture(scope="module")
def locked(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that asks for a key."""
    folder = tmp_path_factory.mktemp("locked")
    keys = folder / "keys"
    keys.write_text("open-sesame-0123456789 ali\n", encoding="utf-8")
    with serving(demo / "archive", folder / "state", "--key", str(keys)) as running:
        yield running


def test_a_refusal_shows_detail_and_remedy(opened: Any) -> None:
    page = opened("q=forest&chip=gone")
    page.wait_for_selector(".results .failed")
    assert len(page.locator(".results .failed .remedy").inner_text()) > 10
    heard(page, "The search failed")
    assert page.get_by_role("button", name="Try again").is_visible()


def test_a_server_that_is_gone(opened: Any) -> None:
    page = opened()
    page.route("**/api/search", lambda route: route.abort())
    page.get_by_label("What to look for, in words").fill("forest")
    page.keyboard.press("Enter")
    page.wait_for_selector(".results .failed")
    assert "No answer from the server" in page.locator(".results .failed").inner_text()
    page.unroute("**/api/search")
    page.get_by_role("button", name="Try again").click()
    assert len(found(page)) == 24


def test_pictures_that_do_not_come(opened: Any) -> None:
    page = opened()
    page.route("**/tiles/**", lambda route: route.fulfill(status=500, content_type="application/problem+json", body="{}"))
    page.get_by_label("What to look for, in words").fill("forest")
    page.keyboard.press("Enter")
    found(page)
    page.locator(".hit-picture").first.click()
    page.wait_for_selector(".missing")
    page.unroute("**/tiles/**")
    page.locator(".missing").get_by_role("button", name="Try again").click()
    page.wait_for_selector(".missing", state="detached")


def test_a_key_is_asked_for(opened: Any, locked: Site) -> None:
    opened.site = locked
    page = opened()
    page.get_by_role("dialog").get_by_label("Key").fill("open-sesame-0123456789")
    page.get_by_role("button", name="Use the key").click()
    page.wait_for_selector(".welcome")
    page.get_by_label("What to look for, in words").fill("forest")
    page.keyboard.press("Enter")
    assert len(found(page)) == 24
    # pictures cannot send a header: the key is in their address
    assert page.locator(".hit-picture img").first.evaluate("async one => (await one.decode(), one.naturalWidth)") > 0


def test_nothing_leaves_the_machine(browser: Any, site: Site, tmp_path: Path) -> None:
    """Chromium's own record of the network, workers included; what the browser asks for itself has another initiator."""
    log = tmp_path / "net.json"
    recorded = browser.browser_type.launch(executable_path=chromium(), args=[*ARGUMENTS, f"--log-net-log={log}"])
    page = recorded.new_page()
    page.set_default_timeout(WAIT)
    page.goto(f"{site.address}#q=forest")
    assert len(found(page)) == 24
    page.wait_for_selector(".map-area[aria-busy=false] canvas")
    recorded.close()
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    asked = {
        str(event["params"]["url"])
        for event in events
        if "url" in event.get("params", {}) and str(event["params"].get("initiator")) == site.address.rstrip("/")
    }
    assert any("/api/search" in url for url in asked)
    assert any("/thumbnail.png" in url for url in asked)
    assert {url for url in asked if not url.startswith((site.address, "data:", "blob:"))} == set()
