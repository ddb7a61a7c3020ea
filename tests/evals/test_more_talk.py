"""Protocols of changes in words, questions as RSVQA publishes them, turned boxes and regions; what lenient scorers say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stub_kit import Seer
from talked_layouts import vrsbench
from teller_kit import Teller, job

from geoglot import models
from geoglot.core.errors import InputError
from geoglot.core.protocols import Reply, Said
from geoglot.data.records import dumps, sample_of
from geoglot.data.sample import Picture, Sample, Thing
from geoglot.data.sources import rendered_pairs, rsvqa_hr, rsvqa_lr
from geoglot.evals import protocol, report, runner
from geoglot.evals.kinds import change_caption, ground, region
from geoglot.geo.boxes import Box
from geoglot.metrics import meteor, released
from geoglot.text.bins import bin_of, binned
from geoglot.text.changed import changed


@pytest.fixture(autouse=True)
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meteor, "missing", lambda: "METEOR needs Java")


def drawn(folder: Path, name: str, bright: int) -> Picture:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((32, 32, 3), bright, np.uint8)).save(folder / name)
    return Picture(folder / name)


def levir(root: Path, each: int = 4) -> None:
    """LEVIR-CC in its published form: every other pair changed, which its pictures show."""
    images: list[dict[str, Any]] = []
    for split in ("train", "val", "test"):
        for k in range(each):
            name = f"{split}_{k:06d}.png"
            drawn(root / "LEVIR-CC" / "images" / split / "A", name, 90)
            drawn(root / "LEVIR-CC" / "images" / split / "B", name, 200 if k % 2 else 90)
            text = "a house appears in the wood ." if k % 2 else "the scene is the same as before ."
            sentences = [{"raw": f" {text}", "tokens": text.split()}]
            images.append({"filename": name, "split": split, "imgid": k, "changeflag": k % 2, "sentences": sentences})
    (root / "LEVIR-CC" / "LevirCCcaptions.json").write_text(json.dumps({"images": images}))


class Looker(Teller):
    """Sees whether the second picture is brighter."""

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        assert turns[-1].pictures == (0, 1)
        brighter = pictures[1].data.mean() > pictures[0].data.mean() + 0.1
        return Reply("A house appears in the wood." if brighter else "there is no difference .")


def test_changes_in_words_as_published(tmp_path: Path) -> None:
    levir(tmp_path)
    rules = protocol.load("levir-cc-change-captions")
    found = runner.evaluate(Looker({}), rules, tmp_path, check_overlap=False)
    assert found.figures["flag"] == found.figures["flag_balanced"] == 100
    assert found.n == 4
    assert set(found.baselines) == {
        "image-blind", "modal caption of the predicted class", "caption of the nearest training pair"
    }  # fmt: skip
    flags = {name.removesuffix(", flag"): value["all"] for name, value in found.details["per class"].items()}
    assert flags == {
        "image-blind": 50, "modal caption of the predicted class": 100, "caption of the nearest training pair": 100
    }  # fmt: skip
    assert "CIDEr-D with rare words as one (LEVIR-CC)" in found.details["released"]
    silent = runner.evaluate(Teller({}, Reply("")), rules, tmp_path, check_overlap=False)
    assert (silent.figures["unparsed"], silent.figures["flag"]) == (100, 0)
    with pytest.raises(InputError, match="needs pairs"):
        change_caption.run(
            job([Sample("a", "levir_cc", (drawn(tmp_path, "a.png", 9),), ("a .",), "change")], rules.name, Teller({}))
        )


def test_subsets_of_pairs_that_changed() -> None:
    metric = change_caption.Compared(["a house .", "a road .", "it is unchanged"],
                                     [["a house ."], ["no change ."], ["no change ."]],
                                     [True, False, False])  # fmt: skip
    told = metric.result()
    assert (told["flag"], told["flag_balanced"]) == pytest.approx((200 / 3, 75))
    assert np.isnan(metric.result(np.array([0, 1.0, 0]))["cider_changed"])
    assert metric.result(np.array([0, 1.0, 0]))["flag"] == 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("there is no difference .", False), ("the two scenes seem identical .", False),
        ("the scene is the same as before .", False),
        ("no change has occurred .", False), ("almost nothing has changed .", False), ("nothing was built or removed", False),
        ("the land cover stayed the same", False), ("the pictures do not differ", False), ("It has not changed.", False),
        ("a road was built", True), ("many houses appear in the same row", True), ("there are no trees any more", True),
        ("", None),
        ("...", None),
    ],
)  # fmt: skip
def test_whether_a_sentence_tells_of_a_change(text: str, wanted: bool | None) -> None:
    assert changed(text) is wanted


def test_rendered_pairs_say_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_pairs, "PLACES", {"val": 2})
    rendered_pairs._rows.cache_clear()
    try:
        found = list(rendered_pairs.rows(Path(), "val"))
    finally:
        rendered_pairs._rows.cache_clear()
    for sample in found:
        assert len(sample.pictures) == 2
        assert sample.pictures[0].time < sample.pictures[1].time  # type: ignore[operator]
        assert sample.pictures[0].grid == sample.pictures[1].grid
        assert sample.label in ("change", "no change")
        assert changed(sample.captions[0]) == (sample.label == "change")
        assert {turn.kind for turn in sample.turns} <= {"change", "season"}


def rsvqa(root: Path, name: str, stem: str, images: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """RSVQA's three linked files a split, with one picture each."""
    folder = root / name
    for number, split in enumerate(("train", "val", "test")):
        drawn(folder / images, f"{number}.tif", 40 * number + 40)
        questions = [
            {"id": k, "img_id": number, "type": kind, "question": text, "answers_ids": [k], "active": True}
            for k, (kind, text, _) in enumerate(rows)
        ]
        answers = [{"id": k, "question_id": k, "answer": answer, "active": True} for k, (_, _, answer) in enumerate(rows)]
        (folder / f"{stem}_split_{split}_questions.json").write_text(json.dumps({"questions": questions}))
        (folder / f"{stem}_split_{split}_answers.json").write_text(json.dumps({"answers": answers}))


LOW = (("count", "How many roads?", "37"), ("count", "How many farms?", "0"), ("presence", "Is there a road?", "yes"),
       ("comp", "Are there more roads than farms?", "yes"),
       ("rural_urban", "Is it a rural or an urban area", "rural"))  # fmt: skip


def test_questions_of_low_resolution_count_in_bins(tmp_path: Path) -> None:
    rsvqa(tmp_path, "RSVQA_LR", "LR", "Images_LR", LOW)
    assert [turn.kind for turn in next(rsvqa_lr.rows(tmp_path, "test")).turns][:3] == ["count", "count", "presence"]
    known = {"How many roads?": Reply("between 10 and 100"), "How many farms?": Reply("1"), "Is there a road?": Reply("Yes"),
             "Are there more roads than farms?": Reply("not sure"), "Is it a rural or an urban area": Reply("")}  # fmt: skip
    found = runner.evaluate(Teller(known), protocol.load("rsvqa-lr-questions"), tmp_path, check_overlap=False)
    assert found.figures == pytest.approx(
        {
            "accuracy": 40,
            "mean": (50 + 100 + 0 + 0) / 4,
            "unparsed": 20,
            "count": 50,
            "presence": 100,
            "comp": 0,
            "rural_urban": 0,
        }
    )
    assert found.baselines == {"question prior": 100, "answer for the nearest training picture": 100}
    assert found.details["released"] == {
        "answers by rsevalkit": 40, "answers by vrsbench": 20, "answers by earthdial": 20,
    }, "an empty answer is a part of every other one"  # fmt: skip
    assert "lenient" in report.text(found)


def test_questions_of_high_resolution_have_areas_in_bins(tmp_path: Path) -> None:
    rows = (
        ("area", "What is the area?", "between 100m2 and 1000m2"),
        ("area", "Which area?", "0m2"),
        ("count", "How many?", "37"),
    )
    rsvqa(tmp_path, "RSVQA_HR", "USGS", "Data", rows)
    assert next(rsvqa_hr.rows(tmp_path, "val")).turns[0].kind == "area"
    known = {"What is the area?": Reply("512 m²"), "Which area?": Reply("more than 1000m2"), "How many?": Reply("38")}
    found = runner.evaluate(Teller(known), protocol.load("rsvqa-hr-questions"), tmp_path, check_overlap=False)
    assert (found.figures["area"], found.figures["count"]) == (50, 0), "counts of high resolution are exact"


def test_bins() -> None:
    assert [binned(n) for n in (0, 1, 10, 11, 100, 101, 1000, 1001)] == [0, 1, 1, 2, 2, 3, 3, 4]
    texts = (
        "0m2",
        "between 0 and 10",
        "11 to 100",
        "101-1000",
        "more than 1000",
        "1,200",
        "no",
        "more than 100",
        "between 5 and 100",
        "many",
    )
    assert [bin_of(text) for text in texts] == [0, 1, 2, 3, 4, 4, 0, None, None, None]


def test_turned_boxes_and_those_of_released_scorers(tmp_path: Path) -> None:
    outline = ((0.5, 0.2), (0.8, 0.5), (0.5, 0.8), (0.2, 0.5))
    thing = Thing.outlined("ship", outline, {"referring": "The only ship.", "unique": "yes", "size": "large"})
    item = Sample("a", "vrsbench", (drawn(tmp_path, "a.png", 50),), things=(thing,))
    turned = Teller({"Locate the only ship.": Reply("", (Box(0.5, 0.5, 0.4243, 0.4243, 45.0, "unit"),))})
    upright = Teller({}, Reply("", (Box.upright(0.2, 0.2, 0.8, 0.8, "unit"),)))
    figure = {
        (name, rules): ground.run(job([item], rules, teller)).metric.result()["acc70"]
        for name, teller in (("turned", turned), ("upright", upright))
        for rules in ("vrsbench-ground", "vrsbench-ground-oriented")
    }
    assert figure == {("turned", "vrsbench-ground"): 0, ("turned", "vrsbench-ground-oriented"): 100,
                      ("upright", "vrsbench-ground"): 100, ("upright", "vrsbench-ground-oriented"): 0}  # fmt: skip
    far = Teller({}, Reply("", (Box.upright(0.0, 0.0, 0.5, 0.5, "unit"),)))
    found = ground.run(job([item], "vrsbench-ground", far, [item]))
    assert found.metric.result()["acc50"] == 0
    assert found.details["released"]["acc50 in the unit square, plus one (LHRS-Bot)"] == 100
    assert found.details["per class"]["acc50 by size"] == {"large": 0}
    assert found.baselines["box of the nearest training picture"] == 100


def test_regions_of_vrsbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vrsbench(tmp_path)
    monkeypatch.setattr(models, "load", lambda name: Seer())
    teller = Teller({}, Reply("the left ship"))
    found = runner.evaluate(teller, protocol.load("vrsbench-regions"), tmp_path, check_overlap=False)
    assert teller.heard[0] == "Describe the object at [0.10,0.10,0.20,0.20] in one sentence."
    assert found.figures["bleu1"] == pytest.approx(1)
    assert set(found.baselines) == {
        "image-blind", "modal sentence of the predicted class", "sentence of the nearest training region"
    }  # fmt: skip
    asked = runner.evaluate(Teller({"Ships?": Reply("two")}), protocol.load("vrsbench-questions"), tmp_path, check_overlap=False)
    assert asked.figures["object quantity"] == 100
    long = runner.evaluate(Teller({}), protocol.load("vrsbench-captions"), tmp_path, check_overlap=False)
    assert set(long.baselines) == {"image-blind", "caption of the nearest training picture"}
    with pytest.raises(InputError, match="sentences on objects"):
        region.run(job([Sample("a", "vrsbench", (drawn(tmp_path, "a.png", 9),))], "vrsbench-regions", teller))


def test_captions_by_released_scorers() -> None:
    answers, references = ["a red house"], [["a red house", "a lake"]]
    assert released.mean_rouge(answers, references) < 1, "the strict one takes the best reference"
    assert released.character_bleu(["a red horse"], [["a red house"]]) > 0.5
    assert released.rare_as_one("a brontosaurus appears", {"a", "appears"}) == "a <unk> appears"


def test_kinds_of_questions_and_counts_are_kept_in_records(tmp_path: Path) -> None:
    rsvqa(tmp_path, "RSVQA_LR", "LR", "Images_LR", LOW[:1])
    sample = next(rsvqa_lr.rows(tmp_path, "val"))
    counted = Sample("a", "rendered_facts", sample.pictures, turns=sample.turns, counts={"ship": 2, "dam": 0})
    assert sample_of(json.loads(dumps(counted))) == counted
