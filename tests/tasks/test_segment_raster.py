"""A model as a segmenter of rasters in memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geoglot.core.errors import InputError
from geoglot.core.protocols import Segmenter
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.tasks.segment import segment
from geoglot.tasks.segment.raster import RasterSegmenter
from segment_kit import Painter, fields, truth, write

BANDS = tuple(Band(name) for name in ("red", "green", "blue"))
LABELS = (("red", "scarlet"), ("green",), ("blue",))


def raster(picture: np.ndarray, valid: np.ndarray | None = None) -> Raster:
    return Raster(picture, np.ones(picture.shape[1:], bool) if valid is None else valid, None, BANDS)


def test_as_the_verb_does(tmp_path: Path) -> None:
    picture = fields(150, 130)
    model = RasterSegmenter(Painter())
    assert isinstance(model, Segmenter)
    valid = np.ones(picture.shape[1:], bool)
    valid[:, 120:] = False
    found = model.segment(raster(picture, valid), LABELS)
    write(tmp_path / "a.tif", picture, crs=None)
    whole = segment(
        Painter(), tmp_path / "a.tif", {"red": ("red", "scarlet"), "green": ("green",), "blue": ("blue",)}, progress=False
    )
    assert (found[:, :110] == whole.read()[:, :110]).all()
    assert (found[:, 120:] == 255).all()
    assert (found[:, :110] == truth(picture)[:, :110]).mean() > 0.9


def test_what_is_none_of_the_labels() -> None:
    picture = np.full((3, 64, 128), 128, np.uint8)
    picture[:, :, :64] = np.array([220, 20, 20], np.uint8)[:, None, None]
    found = RasterSegmenter(Painter(), background=True).segment(raster(picture), [("red",)])  # other words are grey to it
    assert (found[:, :48] == 1).all()
    assert (found[:, 80:] == 0).all()
    with pytest.raises(InputError, match="nothing to tell"):
        RasterSegmenter(Painter()).segment(raster(picture), [("red",)])


def test_a_head_answers_with_the_classes_of_the_same_name(tmp_path: Path) -> None:
    picture = fields(160, 160, seed=3)
    scene = write(tmp_path / "a.tif", picture, crs=None)
    features = []
    for value, name in ((1, "red"), (2, "green"), (3, "blue")):
        for row, col in (np.argwhere(truth(picture)[4::40, 4::40] == value)[:4] * 40).tolist():
            ring = [[col, row], [col + 39, row], [col + 39, row + 39], [col, row + 39], [col, row]]
            outline = {"type": "Polygon", "coordinates": [ring]}
            features.append({"type": "Feature", "properties": {"label": name}, "geometry": outline})
    (tmp_path / "marks.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    head = tmp_path / "head.safetensors"
    segment(Painter(), scene, train=tmp_path / "marks.geojson", save=head, progress=False)
    found = RasterSegmenter(Painter(), head=head).segment(raster(picture), [("blue",), ("town",), ("red",)])
    with pytest.raises(InputError, match="no class is in both"):
        RasterSegmenter(Painter(), head=head).segment(raster(picture), [("town",), ("water",)])
    true = truth(picture)
    for value, name in ((1, 3), (3, 1), (0, 2)):
        assert (found[true == name] == value).mean() > 0.9
