"""Protocols of pixels and boxes: models that know the answer, or err in a known way, on made-up sets in published layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from published_layouts import dota, labels, picture, spacenet, uavid, udd5
from stub_kit import Seer

from geoglot.core.errors import ConfigError, InputError, ModelError
from geoglot.core.protocols import Detector, Segmenter
from geoglot.data.build.pixels import drawn
from geoglot.data.sample import Sample, Thing
from geoglot.evals import gallery, protocol, report, runner
from geoglot.evals.kinds.segmentation import Legend
from geoglot.geo.raster import Raster
from geoglot.models.record import Record, Taught
from segment_kit import Painter


class Striped(Seer):
    """Draws rows of equal height; 0 is none of the labels."""

    def __init__(self, *rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.asked: list[tuple[str, ...]] = []

    def segment(self, raster: Raster, labels: Sequence[Sequence[str]]) -> np.ndarray:
        self.asked = [tuple(words) for words in labels]
        height, width = raster.valid.shape
        return np.repeat(np.array(self.rows, np.uint8), height // len(self.rows))[:, None].repeat(width, 1)


class Pointing(Seer):
    """Finds the boxes that it was given."""

    def __init__(self, boxes: list[list[float]], scores: list[float], places: list[int]) -> None:
        super().__init__()
        self.found = np.array(boxes), np.array(scores), np.array(places)

    def detect(self, raster: Raster, labels: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.found


# labels in order: building, road, vegetation, vehicle; the truth of udd5() is vegetation, building, vehicle, other
RIGHT = (3, 1, 4, 0)


def test_a_map_that_is_right(tmp_path: Path) -> None:
    udd5(tmp_path)
    model = Striped(*RIGHT)
    assert isinstance(model, Segmenter)
    found = runner.evaluate(model, protocol.load("udd5-segments"), tmp_path, None, tmp_path / "cache")
    assert model.asked == [("building", "roof", "house"), ("road",), ("vegetation", "trees", "grass"), ("vehicle", "car")]
    assert found.figures == {"mIoU": 100, "pixel_accuracy": 100, "mF1": 100, "mIoU_named": 100, "boundary_f1": 100}
    assert (found.n, found.low, found.high) == (1, 100, 100)
    # a quarter of one class of four
    assert found.baselines == {"majority": 6.25, "best single class": 6.25, "image-blind": 6.25}
    assert model.looks == 0
    assert "prompted segmentation" in found.term
    assert "IoU: building 100.0, vegetation 100.0, vehicle 100.0, other 100.0" in report.text(found)


def test_a_map_that_is_wrong_in_places(tmp_path: Path) -> None:
    udd5(tmp_path)
    record = Record(model="seer@1", sources={"udd5": Taught(pictures=1)})
    found = runner.evaluate(Striped(3, 3, 4, 255), protocol.load("udd5-segments"), tmp_path, record, tmp_path / "cache")
    # vegetation 1 of 2, building 0, vehicle 1, other 0 (no data where it should be): road is nowhere
    assert found.figures["mIoU"] == 37.5
    assert found.figures["mIoU_named"] == 50
    assert found.term == "prompted segmentation of seen classes"
    (mistake,) = found.outcome.mistakes
    assert mistake.given == "IoU: building 0 %, vegetation 50 %, vehicle 100 %, other 0 %"
    page = gallery.write([found], tmp_path / "page.html").read_text()
    assert page.count("data:image/webp;base64,") == 3
    assert "title='wanted'" in page


def test_joined_classes_and_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    uavid(tmp_path)
    folder = tmp_path / "UAVid" / "uavid_test" / "seq3"
    picture(folder / "Images" / "000100.png")
    labels(folder / "Labels" / "000100.png", [0, 0])
    (folder / "Labels" / "000100.png").write_bytes(b"no picture")
    rules = protocol.load("uavid-segments")
    legend = Legend.of(rules)
    assert legend.names == ("building", "human", "low_vegetation", "road", "static_car", "tree", "clutter")
    assert legend.index["moving car"] == legend.index["parked car"] == 4
    # truth: clutter, building, parked car, moving car
    found = runner.evaluate(Striped(0, 1, 5, 5), rules, tmp_path, None, tmp_path / "cache")
    assert found.figure == 100
    assert [skipped.id for skipped in found.skipped] == ["uavid/seq3/000100"]


def test_outlines_are_drawn_as_classes(tmp_path: Path) -> None:
    spacenet(tmp_path)
    rules = protocol.load("spacenet-segments", "train")
    found = runner.evaluate(Striped(1), rules, tmp_path, None, tmp_path / "cache")
    # 30 m by 60 m at half a metre, in 300 by 600 pixels
    assert found.figure == pytest.approx(100 * 60 * 120 / (300 * 600))
    assert found.baselines == {"majority": 0, "best single class": pytest.approx(found.figure)}
    sample = Sample("a", "s", (), things=(Thing("x", (0.5, 0, 1, 0.5)), Thing("y", (0, 0, 1, 1))))
    assert drawn(sample, (4, 4), {"x": 2}, 7).tolist() == [[7, 7, 2, 2]] * 2 + [[7] * 4] * 2
    assert (drawn(sample, (2, 2), {"z": 1}) == 0).all()


def test_a_dual_encoder_draws_by_way_of_segment(tmp_path: Path) -> None:
    udd5(tmp_path)
    found = runner.evaluate(Painter(), protocol.load("udd5-segments"), tmp_path, None, tmp_path / "cache", how={"least": 0.0})
    assert found.n == 1
    assert "prompted segmentation" in found.term
    assert ", least 0.0" in report.text(found)


def test_boxes_that_are_right_and_others(tmp_path: Path) -> None:
    dota(tmp_path)
    rules = protocol.load("dota-oriented")
    names = list(rules.labels())
    plane, ship = names.index("plane"), names.index("ship")
    # the difficult plane costs nothing, the ship is found with a turned box of the same shape
    right = Pointing([[50, 50, 42.43, 42.43, 45], [2, 2, 4, 4, 90], [150, 50, 9, 9, 0]], [0.9, 0.8, 0.1], [plane, ship, ship])
    assert isinstance(right, Detector)
    found = runner.evaluate(right, rules, tmp_path, None, tmp_path / "cache")
    assert found.figures["AP50"] == pytest.approx(100)
    assert found.figures["precision"] == found.figures["recall"] == 100
    # the plane that was found counts as one too many
    assert found.figures["count_mae"] == pytest.approx(1 / 15)
    assert set(found.baselines) == {"nothing", "image-blind"}
    assert found.baselines["nothing"] == 0
    assert found.term.startswith("prompted detection")
    upright = rules.model_copy(update={"boxes": protocol.Boxes(score=0.5)})
    wrong = Pointing([[0, 0, 4, 2.1], [100, 50, 120, 60]], [0.9, 0.95], [ship, ship])
    half = runner.evaluate(wrong, upright, tmp_path, None, tmp_path / "cache")
    assert half.figures["AP50"] == pytest.approx(50)
    assert half.figures["precision"] == 50
    assert half.low <= half.figure <= half.high
    (mistake,) = half.outcome.mistakes
    assert (mistake.given, mistake.gap) == ("1 found, 0 missed, 1 wrong", 1)
    assert gallery.page([half]).count("data:image/webp;base64,") == 2
    both = report.table([found])
    assert "AP50" in both


@pytest.mark.parametrize("metric", ["AP", "count_mae", "recall"])
def test_any_figure_can_be_the_headline(metric: str, tmp_path: Path) -> None:
    dota(tmp_path)
    rules = protocol.load("dota-oriented").model_copy(update={"metric": metric})
    found = runner.evaluate(Pointing([[2, 2, 4, 4, 0]], [0.8], [10]), rules, tmp_path, None, tmp_path / "cache")
    assert found.low == found.high == found.figure  # of one picture


def test_models_and_protocols_that_do_not_fit_are_answered(tmp_path: Path) -> None:
    udd5(tmp_path)
    dota(tmp_path)
    for name, told in (("udd5-segments", "draws no classes"), ("dota-oriented", "finds no objects")):
        with pytest.raises(ModelError, match=told):
            runner.evaluate(Seer(), protocol.load(name), tmp_path, None, tmp_path / "cache")

    with pytest.raises(ModelError, match="its own way to segment"):
        runner.evaluate(Striped(*RIGHT), protocol.load("udd5-segments"), tmp_path, how={"head": "a.safetensors"})
    with pytest.raises(ModelError, match="its own way to detect"):
        runner.evaluate(Pointing([], [], []), protocol.load("dota-oriented"), tmp_path, how={"route": "dense"})
    with pytest.raises(InputError, match="protocols of boxes and pixels"):
        runner.evaluate(Seer(), protocol.load("aid-classes"), tmp_path, how={"route": "dense"})

    class Small(Striped):
        def segment(self, raster: Raster, labels: Sequence[Sequence[str]]) -> np.ndarray:
            return np.zeros((3, 3), np.uint8)

    with pytest.raises(ModelError, match="keep the size"):
        runner.evaluate(Small(0), protocol.load("udd5-segments"), tmp_path, None, tmp_path / "cache")
    rules = protocol.load("udd5-segments")
    with pytest.raises(ConfigError, match="what is no class of it: street"):
        rules.model_copy(update={"synonyms": {"street": ("road",)}}).labels()
    with pytest.raises(InputError, match="asks for no class"):
        Legend.of(rules.model_copy(update={"pixels": protocol.Pixels(ignore=tuple(rules.called()))}))
    empty = rules.model_copy(update={"pixels": protocol.Pixels(ignore=("vegetation", "building", "vehicle", "other"))})
    with pytest.raises(InputError, match="No pixel"):
        runner.evaluate(Striped(0), empty, tmp_path, None, tmp_path / "cache")


def test_a_data_set_that_was_cut_anew_is_compared_as_a_whole(tmp_path: Path) -> None:
    udd5(tmp_path)
    record = Record(model="seer@1", sources={"udd5": Taught(pictures=2)})  # more than train now has
    found = runner.evaluate(Striped(*RIGHT), protocol.load("udd5-segments"), tmp_path, record, tmp_path / "cache")
    assert found.overlap is not None
    assert found.overlap.compared == ("udd5 train and val",)
    assert ("udd5/DJI_val", "udd5/DJI_val") in found.overlap.pairs
