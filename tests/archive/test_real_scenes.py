"""Real scenes of five kinds, and odd ones, in one archive: each tile lies inside its own scene, whatever is refused is told."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from archive_kit import FakeEncoder

from geoglot.archive import Archive, index


@pytest.mark.parametrize("part", ["scenes", "edge_cases"])
def test_tiles_lie_inside_their_scenes(data, tmp_path, part):
    encoder = FakeEncoder(size=128)
    report = index([data / part], model=encoder, out=tmp_path / "archive", progress=False)
    files = list((data / part).rglob("*.tif"))
    assert len(report.added) + len(report.skipped) == len(files)
    assert all(reason for _, reason in report.skipped)
    if part == "scenes":
        assert report.skipped == ()
    archive = Archive.open(tmp_path / "archive")
    scenes = {row["scene"]: row for row in archive.scenes()}
    hits = archive.search("green", k=10_000, merge=False, text_encoder=encoder)
    assert len(hits) == len(archive) == report.tiles
    for name, scene in scenes.items():
        mine = [hit for hit in hits if hit.scene == name]
        assert len(mine) == scene["tiles"]
        assert all(0 < hit.valid <= 1 for hit in mine)
        if scene["geometry"] is None:
            assert all(hit.geometry is None for hit in mine)
            continue
        # outlines are chords of curves: they may differ by a thousandth of a tile
        slack = max(1e-3 * max(np.ptp(np.reshape(hit.geometry.bounds, (2, 2)), axis=0).max() for hit in mine), 1e-6)
        around = shapely.buffer(scene["geometry"], slack)
        shapely.prepare(around)
        outside = [hit.window for hit in mine if not around.covers(hit.geometry)]
        assert not outside, f"{name}: {outside[:3]}"
    if part == "scenes":
        assert {"naip", "landsat", "sentinel-2", "worldview"} <= {row["sensor"] for row in scenes.values()}
