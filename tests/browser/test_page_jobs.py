"""Uploads and long work: progress, results, cancelling, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from browser_kit import Site, found, pause, rested
from rasterio.transform import from_origin


def scene(path: Path, size: int) -> Path:
    """A picture of noise in a place where nothing else lies."""
    data = np.random.default_rng(0).integers(0, 255, (3, size, size), dtype=np.uint8)
    profile = {"driver": "GTiff", "width": size, "height": size, "count": 3, "dtype": "uint8", "crs": "EPSG:32632"}
    with rasterio.open(path, "w", **profile, transform=from_origin(320000, 5810000, 1, 1), photometric="RGB") as file:
        file.write(data)
    return path


def scenes(site: Site) -> int:
    return int(json.loads(site.get("api/archive"))["scenes"])


def test_an_upload_is_indexed_shown_searched_and_removed(opened: Any, site: Site, tmp_path: Path) -> None:
    before = scenes(site)
    page = opened("tab=analyse&from=2023-01-01")  # nothing else is as new
    page.get_by_label("GeoTIFF to upload").set_input_files(scene(tmp_path / "noise_20230401.tif", 400))
    page.wait_for_selector(".job.done")
    page.wait_for_selector(".notice.good:has-text('can be searched')")
    page.get_by_role("tab", name="Layers").click()
    row = page.locator(".scene", has_text="noise_20230401")
    assert "uploaded" in row.inner_text()
    assert "noise_20230401" in page.locator(".layer").first.inner_text()
    page.keyboard.press("/")
    page.get_by_label("What to look for, in words").fill("noise")
    page.keyboard.press("Enter")
    names = found(page)
    assert names
    assert all("noise_20230401" in name for name in names)
    page.get_by_role("tab", name="Layers").click()
    row.get_by_role("button", name="Remove").click()
    row.wait_for(state="detached")
    assert scenes(site) == before


def test_a_broken_upload_is_refused_with_what_to_do(opened: Any, site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0 this is no picture")
    before = scenes(site)
    page = opened("tab=analyse")
    page.get_by_label("GeoTIFF to upload").set_input_files(broken)
    card = page.locator(".job.failed").first
    card.wait_for()
    assert "broken.tif" in page.locator(".jobs").inner_text()
    assert len(card.locator(".remedy").first.inner_text()) > 20
    assert scenes(site) == before


def test_classify_is_a_job_with_a_layer_and_its_legend(opened: Any) -> None:
    page = opened("tab=analyse")
    page.get_by_label("Labels").fill("forest, farmland, water")
    page.locator("form.verb").get_by_role("button", name="Classify").click()
    job = page.locator(".job.done", has_text="forest, farmland, water").first
    job.wait_for()
    page.wait_for_selector(".legend")
    assert page.locator(".legend .legend-list li").all_inner_texts()[:3] == ["forest", "farmland", "water"]
    rested(page)
    page.get_by_role("tab", name="Layers").click()
    assert "Classify: forest, farmland, water" in page.locator(".layer").first.inner_text()
    page.get_by_role("tab", name="Analyse").click()
    with page.expect_download() as waiting:
        job.get_by_role("link", name="Download classes.geojson").click()
    features = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))["features"]
    assert {"forest", "farmland", "water"} >= {feature["properties"]["label"] for feature in features} - {"none of these"}
    # the address brings the result back on another page
    pause(page, 500)
    again = opened(page.url.split("#", 1)[1])
    again.wait_for_selector(".legend")


def test_segment_draws_a_map_of_one_scene(opened: Any) -> None:
    page = opened("tab=analyse")
    page.get_by_role("group", name="What to do").get_by_role("button", name="Segment").click()
    page.get_by_label("Labels").fill("houses|town, farmland, forest")
    page.locator("form.verb").get_by_role("button", name="Segment").click()
    job = page.locator(".job.done", has_text="Segment: houses, farmland, forest").first
    job.wait_for()
    page.wait_for_selector(".legend")
    assert page.locator(".legend .legend-list li").all_inner_texts() == ["houses", "farmland", "forest"]
    rested(page)
    with page.expect_download() as waiting:
        job.get_by_role("link", name="Download classes.tif").click()
    with rasterio.open(waiting.value.path()) as file:
        assert file.nodata == 255
        assert set(np.unique(file.read(1))) <= {0, 1, 2, 3, 255}


def test_detect_finds_boxes_in_all_scenes(opened: Any) -> None:
    page = opened("tab=analyse")
    page.get_by_role("group", name="What to do").get_by_role("button", name="Detect").click()
    page.get_by_label("Labels").fill("storage tank, swimming pool")
    page.get_by_label("Where").select_option("all")
    page.locator("form.verb").get_by_role("button", name="Detect").click()
    job = page.locator(".job.done", has_text="Detect: storage tank, swimming pool").first
    job.wait_for(timeout=120_000)
    with page.expect_download() as waiting:
        job.get_by_role("link", name="Download boxes.geojson").click()
    features = json.loads(Path(waiting.value.path()).read_text(encoding="utf-8"))["features"]
    assert {feature["properties"]["label"] for feature in features} <= {"storage tank", "swimming pool"}
    assert len({feature["properties"]["scene"] for feature in features}) > 1


def test_a_refused_job_says_why_beside_its_form(opened: Any) -> None:
    page = opened("tab=analyse")
    page.get_by_label("Labels").fill("x" * 300)
    page.locator("form.verb").get_by_role("button", name="Classify").click()
    page.wait_for_selector(".verb .failed")
    assert page.locator(".verb .failed .remedy").inner_text()


def test_a_job_can_be_cancelled(opened: Any, site: Site, tmp_path: Path) -> None:
    before = scenes(site)
    page = opened("tab=analyse")
    page.get_by_label("GeoTIFF to upload").set_input_files(scene(tmp_path / "large_20230402.tif", 6000))
    card = page.locator(".job", has_text="large_20230402").first
    card.get_by_role("button", name="Cancel").click()
    page.locator(".job.running, .job.queued, .job.sending", has_text="large_20230402").wait_for(state="detached")
    assert scenes(site) == before, "what was cancelled must leave nothing"


def test_of_many_jobs_that_wait_the_oldest_is_followed(opened: Any) -> None:
    """A browser opens six connections to a server: streams for all jobs would leave none for searches and pictures."""
    page = opened("tab=analyse")
    waiting = [
        {
            "id": f"job{at}",
            "verb": "classify",
            "state": "queued",
            "done": 0,
            "total": None,
            "created": f"2026-01-0{8 - at}T00:00:00Z",
        }
        for at in range(7)
    ]
    asked: list[str] = []
    page.route("**/api/jobs", lambda route: route.fulfill(json={"jobs": waiting}))
    page.route("**/events", lambda route: asked.append(route.request.url))  # never answered
    page.reload()
    page.locator(".job.queued").nth(6).wait_for()
    pause(page, 500)
    assert [url.split("/")[-2] for url in asked] == ["job6"]


def test_a_job_that_has_ended_can_be_removed(opened: Any, site: Site) -> None:
    page = opened("tab=analyse")
    page.get_by_label("Labels").fill("roof, meadow")
    page.locator("form.verb").get_by_role("button", name="Classify").click()
    page.wait_for_selector(".legend")
    page.locator(".job.done", has_text="roof, meadow").get_by_role("button", name="Remove").click()
    page.locator(".job", has_text="roof, meadow").wait_for(state="detached")
    page.wait_for_selector(".legend", state="detached")
    assert "roof, meadow" not in site.get("api/jobs").decode()
