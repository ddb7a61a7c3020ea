"""Where, when, and what kind of picture: filters and drawing, with the pointer and with keys."""

from __future__ import annotations

from typing import Any

from browser_kit import at, found, parameters, pause, rested

VIEW = "view=6.1147,52.304,12"  # the whole demo


def test_filters_narrow_and_can_be_taken_away(opened: Any) -> None:
    page = opened(f"q=forest&{VIEW}")
    found(page)
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Sensor").select_option("sentinel-2")
    page.wait_for_selector(".tag:has-text('sentinel-2')")
    assert all("country" in name for name in found(page))
    page.get_by_label("From", exact=True).fill("2019-01-01")
    page.get_by_label("To", exact=True).fill("2019-12-31")
    page.wait_for_selector(".empty")
    assert "Nothing in the archive passes the filters" in page.locator(".empty").inner_text()
    page.get_by_role("button", name="Remove the filter sentinel-2").click()
    assert all("town" in name for name in found(page))
    page.locator(".filter-body").get_by_role("button", name="Remove all filters").click()
    page.wait_for_selector(".hit-picture[aria-label*=lake]")
    assert set(parameters(page)) == {"q", "view"}


def test_resolution_and_clouds(opened: Any) -> None:
    page = opened(f"q=forest&gsd-max=1.1&{VIEW}")  # one end of the range alone
    names = found(page)
    assert names
    assert {name.split("_")[0].split(": ")[1] for name in names} <= {"harbour", "town"}


def test_a_view_beyond_the_antimeridian_is_an_area_of_the_server(opened: Any) -> None:
    page = opened("q=forest&view=179.9,0,2")
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("button", name="What the map shows").click()
    page.wait_for_selector(".empty")  # no place there, and no refusal
    west, _, east, _ = (float(part) for part in parameters(page)["bbox"].split(","))
    assert -180 <= east < west <= 180
    assert page.locator(".failed").count() == 0


def test_a_box_is_drawn_with_the_pointer(opened: Any) -> None:
    page = opened(f"q=forest&{VIEW}")
    found(page)
    page.get_by_role("toolbar").get_by_role("button", name="Draw a box").click()
    assert page.locator(".draw-hint").is_visible()
    page.mouse.move(*at(page, 0.62, 0.2))
    page.mouse.down()
    page.mouse.move(*at(page, 0.7, 0.4), steps=4)
    page.mouse.move(*at(page, 0.85, 0.55), steps=4)
    page.mouse.up()
    page.wait_for_selector(".tag:has-text('Box')")
    west, south, east, north = (float(part) for part in parameters(page)["bbox"].split(","))
    assert 6.0 < west < east < 6.3
    assert 52.2 < south < north < 52.4
    assert not page.locator(".draw-hint").is_visible()
    assert {name.split("_")[0].split(": ")[1] for name in found(page)} <= {"airfield", "country"}
    # the map can be moved again
    before = parameters(page)["view"]
    page.mouse.move(*at(page, 0.4, 0.8))
    page.mouse.down()
    page.mouse.move(*at(page, 0.5, 0.7), steps=5)
    page.mouse.up()
    rested(page)
    assert parameters(page)["view"] != before


def test_a_polygon_is_drawn_with_the_pointer(opened: Any) -> None:
    page = opened(f"q=forest&{VIEW}")
    found(page)
    page.keyboard.press("p")
    for point in ((0.62, 0.2), (0.85, 0.2), (0.85, 0.5)):
        page.mouse.click(*at(page, *point))
        pause(page, 350)  # two presses in short order would be a double-click
    page.mouse.dblclick(*at(page, 0.7, 0.5))
    page.wait_for_selector(".tag:has-text('Polygon')")
    assert len(parameters(page)["polygon"].split(" ")) == 4
    assert {name.split("_")[0].split(": ")[1] for name in found(page)} <= {"airfield", "country"}


def test_a_box_is_drawn_with_keys(opened: Any) -> None:
    page = opened(f"q=forest&{VIEW}")
    found(page)
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
        pause(page, 700)
        page.keyboard.press("ArrowUp")
        pause(page, 700)
    rested(page)
    page.keyboard.press("Enter")
    page.wait_for_selector(".tag:has-text('Box')")
    west, south, _, _ = (float(part) for part in parameters(page)["bbox"].split(","))
    assert abs(west - 6.1147) < 1e-3
    assert abs(south - 52.304) < 1e-3


def test_escape_ends_drawing_and_a_typed_box_counts(opened: Any) -> None:
    page = opened(f"q=forest&{VIEW}")
    page.keyboard.press("b")
    page.wait_for_selector(".draw-hint")
    page.keyboard.press("Escape")
    page.wait_for_selector(".draw-hint", state="detached")
    page.get_by_role("button", name="Filters").click()
    field = page.get_by_label("West, south, east, north")
    field.fill("6.06, 52.4, 6.1, 52.3")
    field.press("Enter")
    assert "Four numbers" in page.locator(".wrong").inner_text()
    field.fill("6.066 52.352 6.094 52.368")
    field.press("Enter")
    page.wait_for_selector(".tag:has-text('Box')")
    assert all("harbour" in name or "country" in name for name in found(page))
