"""Figures of masks on validation parts: what is counted, with one class and with several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoglot.data.build import masks
from geoglot.data.build.masks import Masked
from geoglot.evals import decoded


class Answer:
    """A map that is given."""

    def __init__(self, data: np.ndarray) -> None:
        self._data = data

    def read(self) -> np.ndarray:
        return self._data


def picture(index: np.ndarray, classes: dict[str, frozenset[int]]) -> Masked:
    return Masked("a", "s", np.zeros((*index.shape, 3), np.uint8), index.astype(np.uint8), classes)


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    answers: list[Any] = []
    monkeypatch.setattr(decoded, "segment", lambda *_, **__: Answer(answers.pop(0)))
    return answers


def test_one_class_against_all_else(drawing: list[Any]) -> None:
    truth = np.array([[0, 0, 1, 255]])
    drawing.append(np.array([[1, 0, 1, 1]], np.uint8))
    found = decoded.figures(None, "epfl_roads", [picture(truth, {"roads": frozenset({0})})], {})
    assert found["IoU"] == {"roads": 33.3}
    assert "mIoU" not in found


def test_several_classes(drawing: list[Any]) -> None:
    classes = {name: frozenset({k}) for k, name in enumerate(decoded.WORDS["dubai"])}
    drawing.append(np.array([[1, 2, 3, 4, 4]], np.uint8))
    found = decoded.figures(None, "dubai", [picture(np.array([[0, 1, 2, 3, 4]]), classes)], {})
    assert found["IoU"] == {"bare land": 100, "water": 100, "buildings": 100, "vegetation": 50, "roads": 0}
    assert found["mIoU"] == 70


def test_examples_show_their_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = np.ones((200, 200))
    index[20:120, 30:150] = 0
    monkeypatch.setattr(masks, "load", lambda root, source, split: [picture(index, {"roads": frozenset({0})})])
    found = decoded.examples(tmp_path, "epfl_roads", tmp_path)
    assert len(found["roads"]) == decoded.EXAMPLES
    assert all(file.exists() for file in found["roads"])
