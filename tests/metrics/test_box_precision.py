"""Average precision of boxes: equal to pycocotools, to VOC's and DOTA's definition written out, and to weighted repeats."""

from __future__ import annotations

import contextlib
import io
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from geoglot.geo import iou
from geoglot.metrics.box_precision import BoxPrecision
from geoglot.metrics.detected import Detected
from geoglot.metrics.oriented_precision import OrientedPrecision

CLASSES = 3


def made(seed: int, pictures: int = 4, kind: int = 4, things: int = 7) -> list[dict[str, np.ndarray]]:
    """Objects, and detections that lie about them; scores with ties."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(pictures):
        count, extra = int(rng.integers(0, things)), int(rng.integers(0, 6))
        centre, size = rng.uniform(10, 90, (count, 2)), rng.uniform(6, 40, (count, 2))
        again = rng.integers(0, count, int(rng.integers(0, 2 * count + 1))) if count else np.zeros(0, int)
        c = np.concatenate([centre[again] + rng.normal(0, 3, (len(again), 2)), rng.uniform(10, 90, (extra, 2))])
        s = np.concatenate([size[again] * rng.uniform(0.7, 1.4, (len(again), 2)), rng.uniform(6, 40, (extra, 2))])
        wanted = rng.integers(0, CLASSES, count)
        labels = np.concatenate([np.where(rng.random(len(again)) < 0.8, wanted[again], 0), rng.integers(0, CLASSES, extra)])
        boxes = [np.concatenate([p - q / 2, p + q / 2], 1) for p, q in ((c, s), (centre, size))]
        if kind == 5:
            turn = rng.uniform(-90, 90, (count, 1))
            tilt = np.concatenate([turn[again] + rng.normal(0, 8, (len(again), 1)), rng.uniform(-90, 90, (extra, 1))])
            boxes = [np.concatenate([c, s, tilt], 1), np.concatenate([centre, size, turn], 1)]
        found.append(
            {
                "boxes": boxes[0],
                "scores": rng.integers(0, 12, len(c)) / 12,
                "labels": labels,
                "truth": boxes[1],
                "wanted": wanted,
                "ignore": rng.random(count) < 0.15,
                "crowd": rng.random(count) < 0.15,
            }
        )
    return found


class Scored(COCOeval):
    """COCOeval takes `iscrowd` for `ignore`; here both are heard."""

    def _prepare(self) -> None:
        super()._prepare()
        for rows in self._gts.values():
            for row in rows:
                row["ignore"] = row["iscrowd"] or row["left_out"]


def coco(data: list[dict[str, np.ndarray]], most: int) -> COCOeval:
    truth, answers = [], []
    for image, row in enumerate(data, 1):
        for box, label, ignore, crowd in zip(row["truth"], row["wanted"], row["ignore"], row["crowd"], strict=True):
            xywh = [float(v) for v in (*box[:2], *(box[2:] - box[:2]))]
            own = {"id": len(truth) + 1, "image_id": image, "category_id": int(label), "bbox": xywh, "area": xywh[2] * xywh[3]}
            truth.append(own | {"iscrowd": int(crowd), "left_out": bool(ignore)})
        for box, score, label in zip(row["boxes"], row["scores"], row["labels"], strict=True):
            xywh = [float(v) for v in (*box[:2], *(box[2:] - box[:2]))]
            answers.append({"image_id": image, "category_id": int(label), "bbox": xywh, "score": float(score)})
    images = [{"id": i} for i in range(1, len(data) + 1)]
    with contextlib.redirect_stdout(io.StringIO()):
        held = COCO()
        held.dataset = {"images": images, "categories": [{"id": k} for k in range(CLASSES)], "annotations": truth}
        held.createIndex()
        run = Scored(held, held.loadRes(answers), "bbox")
        run.params.maxDets = [most]
        run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
        run.evaluate()
        run.accumulate()
    return run


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 100]))
def test_figures_are_those_of_pycocotools(seed: int, most: int) -> None:
    data = made(seed)
    if not any(len(row["boxes"]) for row in data):
        return
    metric = BoxPrecision(most=most)
    for row in data:
        metric.add(**row)
    precision, recall = (coco(data, most).eval[name] for name in ("precision", "recall"))
    there = [k for k in range(CLASSES) if (recall[:, k, 0, 0] >= 0).all()]
    assert sorted(metric.per_class()) == there
    if not there:
        assert np.isnan(metric.result()["AP"])
        return
    found = metric.result()
    assert found["AP"] == pytest.approx(100 * precision[:, :, there, 0, 0].mean(), abs=1e-6)
    assert found["AP50"] == pytest.approx(100 * precision[0, :, there, 0, 0].mean(), abs=1e-6)
    assert found["AP75"] == pytest.approx(100 * precision[5, :, there, 0, 0].mean(), abs=1e-6)
    assert found["AR"] == pytest.approx(100 * recall[:, there, 0, 0].mean(), abs=1e-6)
    for k in there:
        assert metric.per_class()[k]["AP"] == pytest.approx(100 * precision[:, :, k, 0, 0].mean(), abs=1e-6)


def by_definition(data: list[dict[str, np.ndarray]], label: int, level: float, eleven: bool) -> float | None:
    """VOC's average precision of one class, detection by detection, written from its description."""
    rows = [
        (score, i, box)
        for i, row in enumerate(data)
        for box, score in zip(row["boxes"][row["labels"] == label], row["scores"][row["labels"] == label], strict=True)
    ]
    taken: set[tuple[int, int]] = set()
    right, wrong, curve = 0, 0, []
    objects = sum(int(((row["wanted"] == label) & ~row["ignore"]).sum()) for row in data)
    if not objects:
        return None
    for _, i, box in sorted(rows, key=lambda row: -row[0]):
        there = np.flatnonzero(data[i]["wanted"] == label)
        over = iou.iou(box[None], data[i]["truth"][there])[0]
        best = int(over.argmax()) if len(there) else -1
        if best >= 0 and over[best] > level:
            if not data[i]["ignore"][there[best]]:
                right, wrong = (right, wrong + 1) if (i, best) in taken else (right + 1, wrong)
                taken.add((i, best))
        else:
            wrong += 1
        if right + wrong:
            curve.append((right / objects, right / (right + wrong)))
    if eleven:
        return float(np.mean([max((p for r, p in curve if r >= t), default=0) for t in np.arange(0, 1.1, 0.1)]))
    steps = [(0.0, 0.0), *curve]
    return float(sum((b[0] - a[0]) * max(p for r, p in curve if r >= b[0]) for a, b in pairwise(steps)))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["voc07", "area"]))
def test_oriented_precision_is_that_of_its_definition(seed: int, curve: str) -> None:
    data = [{key: value for key, value in row.items() if key != "crowd"} for row in made(seed, kind=5)]
    metric = OrientedPrecision(curve=curve)  # type: ignore[arg-type]
    for row in data:
        metric.add(**row)
    wanted = {k: by_definition(data, k, 0.5, curve == "voc07") for k in range(CLASSES)}
    wanted = {k: 100 * value for k, value in wanted.items() if value is not None}
    assert {k: row["AP50"] for k, row in metric.per_class().items()} == pytest.approx(wanted)
    if wanted:
        assert metric.result()["AP50"] == pytest.approx(np.mean(list(wanted.values())))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_weights_repeat_pictures_and_parts_make_the_whole(seed: int) -> None:
    data = made(seed, pictures=3)
    for place, row in enumerate(data):  # of equal scores within a picture repeats would stand in another order
        row["scores"] = row["scores"] + np.arange(len(row["scores"])) / 1e3 + place / 1e6
    weight = np.array([2.0, 0.0, 3.0])
    for make in (BoxPrecision, lambda: BoxPrecision((0.5,), "voc", "area", None)):
        whole, repeated, first, rest = make(), make(), make(), make()
        for place, row in enumerate(data):
            whole.add(**row)
            (rest if place else first).add(**row)
            for _ in range(int(weight[place])):
                repeated.add(**row)
        assert whole.result(weight) == pytest.approx(repeated.result(), nan_ok=True)
        first.merge(rest)
        assert first.result() == pytest.approx(whole.result(), nan_ok=True)
        assert all(np.isnan(v) or 0 <= v <= 100 + 1e-9 for v in whole.result().values())


def test_all_right_and_nothing() -> None:
    truth = np.array([[0, 0, 10, 10], [20, 0, 30, 9.0]])
    metric, some = BoxPrecision(), Detected(3, threshold=0.5)
    for target in (metric, some):
        target.add(truth, np.array([0.9, 0.8]), np.array([1, 2]), truth, np.array([1, 2]))
    assert metric.result() == pytest.approx({"AP": 100, "AP50": 100, "AP75": 100, "AR": 100})
    assert metric.per_class()[1]["n"] == 1
    assert some.result() == {"precision": 100, "recall": 100, "f1": 100}
    none = BoxPrecision()
    none.add(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), truth, np.array([1, 2]))
    assert none.result()["AP"] == 0
    assert np.isnan(BoxPrecision().result()["AP"])
    with pytest.raises(ValueError, match="different settings"):
        none.merge(OrientedPrecision())


def test_recall_and_precision_above_a_score() -> None:
    truth = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [50, 0, 60, 10.0]])
    boxes = np.array([[0, 0, 10, 9], [0, 0, 10, 8], [20, 0, 30, 10], [50, 0, 60, 10.0]])
    metric = Detected(2, threshold=0.4)
    metric.add(
        boxes, np.array([0.9, 0.8, 0.3, 0.7]), np.array([0, 0, 0, 0]), truth, np.array([0, 0, 0]), np.array([False, False, True])
    )
    # the second is a repeat, the third below the threshold, the fourth found what is ignored
    assert metric.result() == {"precision": 50, "recall": 50, "f1": 50}
    other = Detected(2, threshold=0.4)
    other.add(boxes[:1], np.ones(1), np.ones(1, int), np.zeros((0, 4)), np.zeros(0, int))
    metric.merge(other)
    assert metric.result()["precision"] == pytest.approx(100 / 3)
    assert set(metric.per_class()) == {0, 1}
    assert metric.result(np.array([1.0, 0.0]))["precision"] == 50
    assert np.isnan(Detected(1).result()["recall"])
