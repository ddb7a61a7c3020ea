"""Resolution sensitivity on tiny data."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="studies need the extra [train]")

from study_kit import common, data, read

from geoglot.zoo import study_resolution

__all__ = ["common", "data"]


def test_report_has_a_figure_for_every_sampling_distance(common: dict[str, object], tmp_path: Path) -> None:
    values = {**common, "gsds": (0.3, 1.2), "rendered": ((0.5, 2), (2.0, 1)), "places": 1}
    study_resolution.run(study_resolution.Recipe.build(values), tmp_path / "out")
    told = read(tmp_path / "out")
    places = [(one["on"], one["metres"]) for one in told["figures"] if one["model"] == "nano"]
    real = [(name, gsd) for gsd in (0.3, 1.2) for name in ("ucm-captions", "ucm-classes")]
    assert places == [*real, ("rendered", 0.5), ("rendered", 2.0)]
    over = [one for one in told["figures"] if one["on"] == "rendered"]
    assert [one["n"] for one in over] == [3, 3]
