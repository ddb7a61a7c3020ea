"""The pages on sensors and odd rasters name what the code knows."""

from pathlib import Path

import pytest
from test_edge_cases import REFUSED, RIGHT

from geoglot.geo.sensors import SENSORS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("entry", SENSORS, ids=lambda entry: entry.id)
def test_the_page_on_sensors_has_a_row_for_each(entry):
    rows = (DOCS / "sensors.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in rows if line.startswith(f"| `{entry.id}` |")]
    if entry.stretch and not entry.radar:
        low, high = entry.stretch
        assert f"{low:g} to {high:.2f}" in row or f"{low:g} to {high:g}" in row
    if entry.bands and entry.bands[0].scale != 1:
        assert f"{entry.bands[0].scale:.7f}".rstrip("0") in row or "as Sentinel-2" in row


def test_the_page_on_odd_rasters_has_a_row_for_each():
    text = (DOCS / "edge-cases.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in RIGHT | REFUSED)
