"""Own splits of sets without an official one, whole pictures for figures, and groups for cross-validation."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from geoglot.core.parts import find
from geoglot.data.build import duplicates
from geoglot.data.build.folders import split_by_hash
from geoglot.data.build.windows import wholes
from geoglot.data.records import dumps, sample_of
from geoglot.data.sample import Mask, Picture, Sample, Split, Thing

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def test_the_hash_of_a_name_makes_a_split_that_does_not_depend_on_others() -> None:
    shares = Counter(split_by_hash("made up", f"{i}") for i in range(2000))
    assert [round(shares[split] / 2000, 1) for split in SPLITS] == [0.7, 0.1, 0.2]
    assert [split_by_hash("vhr10", name) for name in ("001", "002", "024")] == ["test", "train", "test"]
    alike = [("7", "3", "9")]
    assert len({split_by_hash("made up", name, alike) for name in alike[0]}) == 1
    assert split_by_hash("made up", "9", alike) == split_by_hash("made up", "3")


def test_whole_pictures_come_once_and_uncut() -> None:
    window = (0, 0, 5, 5)
    mask = Mask(Path("m.png"), {1: "a"}, window)
    parts = [
        Sample(f"s/a@{i},0,5", "s", (Picture(Path("a.png"), window),), cover={"a": 1}, masks={"cover": mask}) for i in (0, 1)
    ]
    boxed = Sample("s/b@0,0,5", "s", (Picture(Path("b.png"), window),), things=(Thing("x", (0, 0, 1, 1)),))
    whole = Sample("s/c", "s", (Picture(Path("c.png")),), things=(Thing("x", (0, 0, 1, 1)),))
    found = list(wholes([*parts, boxed, whole, Sample("s/c@0,0,5", "s", (Picture(Path("c.png"), window),))]))
    assert [sample.id for sample in found] == ["s/a", "s/c"]
    assert found[0].pictures[0].window is None
    assert found[0].masks["cover"].window is None
    assert found[0].cover == {}


def test_a_group_survives_its_record() -> None:
    sample = Sample("s/a", "s", (Picture(Path("a.png")),), group="tile1")
    assert sample_of(json.loads(dumps(sample))).group == "tile1"


def test_groups_of_dubai_are_on_one_side(real_data: Path) -> None:
    source = find("data.sources", "dubai")
    groups = {split: {sample.group for sample in source.rows(real_data, split)} for split in source.CARD.splits}
    assert groups == {"train": {f"tile{i}" for i in range(1, 6)}, "test": {"tile6"}}
    assert len(list(wholes(source.rows(real_data, "test")))) == 9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vhr10", "epfl_roads"])
def test_no_two_splits_hold_pictures_that_look_alike(name: str, real_data: Path) -> None:
    source, found = find("data.sources", name), {}
    for split in SPLITS:
        pictures = [sample.pictures[0].read(64) for sample in wholes(source.rows(real_data, split))]
        found[split] = duplicates.turned(np.stack(pictures))
    for a, b in (("train", "test"), ("train", "val"), ("val", "test")):
        assert duplicates.near(found[a][:, 0], found[b], 8) == []
