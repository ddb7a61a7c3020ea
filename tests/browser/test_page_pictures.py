"""The page at three sizes, light and dark; GEOGLOT_SHOTS names a folder (docs/images) where the pictures are kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_kit import found, pause, pixels, rested, until
from PIL import Image

SIZES = {"wide": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}


def chosen(page: Any) -> None:
    found(page)
    page.locator(".hit-picture").nth(1).click()
    page.wait_for_selector(".detail")


def marked(page: Any) -> None:
    found(page)
    page.get_by_role("button", name="Place 1 is good").first.click()
    found(page)
    page.get_by_role("button", name="Place 5 is bad").first.click()
    found(page)


def classified(page: Any) -> None:
    page.get_by_label("Labels").fill("forest, farmland, water, houses")
    page.locator("form.verb").get_by_role("button", name="Classify").click()
    page.wait_for_selector(".legend")


def swiped(page: Any) -> None:
    page.keyboard.press("s")
    page.wait_for_selector(".swipe-pane canvas")
    pause(page, 3000)


SHOTS: dict[str, tuple[str, str, str, Callable[[Any], None]]] = {
    "page-wide": ("wide", "light", "q=storage+tanks&view=6.0875,52.3635,15.4", chosen),
    "page-wide-dark": ("wide", "dark", "q=farmland+fields+along+a+river", found),
    "page-tablet": ("tablet", "light", "tab=analyse", classified),
    "page-tablet-dark": ("tablet", "dark", "q=dense+forest", marked),
    "page-phone": ("phone", "light", "q=a+harbour+with+many+boats", found),
    "page-phone-dark": ("phone", "dark", "tab=layers", lambda page: None),
    "page-swipe": ("wide", "light", "", swiped),
}


@pytest.mark.parametrize("name", list(SHOTS))
def test_the_page_looks_as_in_the_documentation(opened: Any, name: str) -> None:
    size, scheme, state, act = SHOTS[name]
    width, height = SIZES[size]
    phone = size == "phone"
    page = opened(state, width=width, height=height, color_scheme=scheme, is_mobile=phone, has_touch=phone)
    act(page)
    pause(page, 1000)
    until(page, "[...document.images].every(one => one.complete || one.getBoundingClientRect().top > innerHeight)")
    rested(page)
    page.wait_for_selector(".notice.good", state="detached")
    seen = pixels(page)
    assert seen.shape == (height, width, 3)
    panel = seen[-30:, 4:30] if phone else seen[-30:, 4:14]
    assert (panel.mean() > 200) == (scheme == "light")
    # nothing reaches beyond the window
    assert page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"
    )
    if folder := os.environ.get("GEOGLOT_SHOTS"):
        Image.fromarray(seen).save(Path(folder) / f"{name}.webp", quality=82, method=6)
