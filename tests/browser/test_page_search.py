"""Words, pictures and what the list and the map show together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from browser_kit import found, heard, parameters, rested, until
from PIL import Image


def test_words_bring_ranked_places_on_the_map_and_in_the_list(opened: Any) -> None:
    page = opened()
    assert "725 places of 6 scenes" in page.locator(".welcome").inner_text()
    page.get_by_label("What to look for, in words").fill("dense forest")
    page.keyboard.press("Enter")
    names = found(page)
    assert len(names) == 24
    assert names[0].startswith("Place 1: lake")
    scores = [float(name.rsplit(" ", 1)[1]) for name in names]
    assert scores == sorted(scores, reverse=True)
    assert page.locator(".flag").count() == 24
    heard(page, "24 places found")
    loaded = page.locator(".hit-picture img").first.evaluate("async one => (await one.decode(), one.naturalWidth)")
    assert loaded > 100
    assert page.locator("h2", has_text="24 places").is_visible()


def test_list_and_map_are_linked(opened: Any) -> None:
    page = opened("q=storage+tanks")
    found(page)
    page.locator(".hit-picture").nth(2).hover()
    assert page.locator(".flag.hovered").inner_text() in ("3", "")  # a dot has no number to be seen
    before = parameters(page)["view"]
    page.locator(".hit-picture").nth(0).click()
    page.wait_for_selector(".detail")
    rested(page)
    now = parameters(page)
    assert now["sel"]
    assert now["view"] != before, "a place that is a dot on the screen is gone to"
    assert page.locator(".flag.chosen").inner_text() == "1"
    # the other way: from the map to the list
    page.locator(".flag:not(.dot):not(.chosen)").first.click()
    other = page.locator(".hit.chosen .rank:not(:text-is('1'))").inner_text()
    assert page.locator(".detail strong .rank").inner_text() == other


def test_a_dropped_picture_searches_by_image(opened: Any, demo: Path, tmp_path: Path) -> None:
    with rasterio.open(demo / "scenes" / "harbour_20210614.tif") as scene:
        data = scene.read([1, 2, 3], window=((432, 576), (1152, 1296)))
    Image.fromarray(np.moveaxis(data, 0, -1)).save(tmp_path / "tanks.png")
    page = opened()
    hand = page.evaluate_handle(
        """async ([bytes]) => {
          const all = new DataTransfer();
          all.items.add(new File([new Uint8Array(bytes)], "tanks.png", {type: "image/png"}));
          return all;
        }""",
        [list((tmp_path / "tanks.png").read_bytes())],
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": hand})
    assert page.locator(".drop-over").is_visible()
    page.dispatch_event("body", "drop", {"dataTransfer": hand})
    page.get_by_role("button", name="Search by it").click()
    assert found(page)[0].startswith("Place 1: harbour")
    assert page.locator(".chip-image img").evaluate("async one => (await one.decode(), one.naturalWidth)") > 0
    assert parameters(page)["chip"]
    page.get_by_role("button", name="Search without the picture").click()
    page.wait_for_selector(".welcome")


def test_downloads_hold_what_is_seen(opened: Any, tmp_path: Path) -> None:
    page = opened("q=dense+forest&limit=5")
    seen = found(page)
    for label, ending in (("GeoJSON", "geojson"), ("GeoParquet", "parquet"), ("CSV", "csv")):
        page.get_by_role("button", name="Download").click()
        with page.expect_download() as waiting:
            page.get_by_role("menuitem", name=label).click()
        assert waiting.value.suggested_filename == f"dense-forest.{ending}"
        waiting.value.save_as(tmp_path / f"out.{ending}")
    features = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))["features"]
    assert len(features) == len(seen) == 5
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 6
    assert (tmp_path / "out.parquet").read_bytes()[:4] == b"PAR1"


def test_more_places_are_shown_on_demand(opened: Any) -> None:
    page = opened("q=forest")
    assert len(found(page)) == 24
    page.get_by_role("button", name="Show more").click()
    until(page, "document.querySelectorAll('.hit-picture').length === 48")
