"""Protocols for models that converse, on a made-up set and models that know or guess."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stub_kit import Seer, write
from teller_kit import Teller, job

from geoglot import models
from geoglot.core.errors import InputError, ModelError
from geoglot.core.protocols import Reply
from geoglot.data.sample import Picture, Sample, Thing, Turn
from geoglot.data.sources import aid_rsicd, rendered, ucm
from geoglot.evals import protocol, runner
from geoglot.evals.asking import replies, shown
from geoglot.evals.kinds import ground, honesty, vqa
from geoglot.geo.boxes import Box
from geoglot.metrics import meteor


@pytest.fixture
def drawn(tmp_path: Path) -> Picture:
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(tmp_path / "a.png")
    return Picture(tmp_path / "a.png")


def test_captions_beside_those_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(models, "load", lambda name: Seer())
    monkeypatch.setattr(meteor, "missing", lambda: "METEOR needs Java")
    teller = Teller({}, Reply("a port seen from above ."))
    found = runner.evaluate(teller, protocol.load("aid-written-captions", "val"), tmp_path, check_overlap=False)
    assert found.n == 12
    assert set(found.baselines) == {
        "image-blind", "modal caption of the predicted class", "caption of the nearest training picture"
    }  # fmt: skip
    assert found.figures["cider"] < found.baselines["modal caption of the predicted class"]
    assert len(found.details["above image-blind"]) == 3
    with pytest.raises(ModelError, match="does not converse"):
        runner.evaluate(Seer(), protocol.load("aid-written-captions", "val"), tmp_path, check_overlap=False)


def test_questions_beside_their_prior(drawn: Picture) -> None:
    turns = (Turn("Does this picture contain trees?", "yes"), Turn("What is the location of the boats?", "up and bottom"),
             Turn("What is the theme of this picture?", "port"))  # fmt: skip
    item = Sample("a", "ucm", (drawn,), turns=turns)
    train = Sample("b", "ucm", (drawn,), turns=(Turn("Does this picture contain trees?", "yes"),))
    teller = Teller({turns[0].question: Reply("Yes."), turns[1].question: Reply("top and bottom")})
    found = vqa.run(job([item], "ucm-questions", teller, [train]))
    assert found.metric.result() == pytest.approx(
        {"accuracy": 100.0, "mean": 100.0, "unparsed": 0.0, "place": 100.0, "presence": 100.0}
    )
    assert found.baselines["question prior"] == 50.0
    assert found.details["above the question prior"] == [50.0, 50.0, 50.0]
    with pytest.raises(InputError, match="people made"):
        vqa.run(job([Sample("c", "ucm", (drawn,))], "ucm-questions", teller))


def test_boxes_of_expressions(drawn: Picture) -> None:
    box = (0.1, 0.1, 0.5, 0.5)
    things = (
        Thing("ship", box, (), {"expression": "the largest ship", "others": "3"}),
        Thing("ship", (0.6, 0.6, 0.7, 0.7), (), {"expression": "the smallest ship"}),
    )
    item = Sample("a", "rendered", (drawn,), things=things)
    teller = Teller({"Locate the largest ship.": Reply("", (Box.upright(0.1, 0.1, 0.5, 0.45, "unit"),))})
    found = ground.run(job([item], "rendered-ground", teller))
    told = found.metric.result()
    assert [told[name] for name in ("acc50", "acc70", "iou", "unparsed")] == pytest.approx([50.0, 50.0, 43.75, 50.0])
    assert found.baselines["any object of the class, boxes known"] == pytest.approx(100 * (0.25 + 0.5) / 2)
    plain = Sample("b", "vhr10", (drawn,), things=(Thing("ship", box), Thing("ship", (0.6, 0.1, 0.9, 0.5)), Thing("bridge", box)))
    assert [text for text, _ in ground.expressions(plain)] == ["the bridge", "the leftmost ship", "the rightmost ship"]


def test_premises_are_accepted_and_refused(drawn: Picture) -> None:
    item = Sample("a", "ucm", (drawn,), labels=("boats",), lacking=("airplanes", "sand"))
    teller = Teller({"Describe the airplanes in this image.": Reply("There are no airplanes here.", refused=True)})
    found = honesty.run(job([item], "ucm-honesty", teller))
    assert found.metric.result() == pytest.approx({"balanced": 75.0, "refused": 50.0, "accepted": 100.0})
    assert found.details["false premises"] == 2
    with pytest.raises(InputError, match="others that are not"):
        honesty.run(job([Sample("b", "ucm", (drawn,), labels=("boats",))], "ucm-honesty", teller))


def test_labels_of_ucm_are_there_or_not(tmp_path: Path) -> None:
    row = {"image": "ucm/harbor/harbor00.webp", "class": "harbor", "captions": ["Boats ."], "qa": [], "split": "val"}
    (tmp_path / "ucm_captions_qa.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "ucm_multilabels.txt").write_text("IMAGE\\LABEL\tairplane\tdock\tship\nharbor00\t0\t1\t1\n")
    (sample,) = ucm.rows(tmp_path, "val")
    assert (sample.labels, sample.lacking) == (("docks", "boats"), ("airplanes",))


def test_rendered_places_are_the_same_each_time() -> None:
    first, again = (next(iter(rendered.rows(Path(), "val"))) for _ in range(2))
    assert first == again
    assert first.labels
    assert not set(first.labels) & set(first.lacking)
    assert all(int(thing.attributes["others"]) >= rendered.RIVALS for thing in first.things)
    assert list(rendered.rows(Path(), "train")) == []
    assert shown(first)[0].shape == (256, 256)


def test_models_that_answer_many_are_asked_so(drawn: Picture) -> None:
    class Many(Teller):
        def replies(self, conversations: Sequence[Any]) -> list[Reply]:
            return [Reply(str(len(conversations)))] * len(conversations)

    asked = [(Sample(str(k), "ucm", (drawn,)), "?") for k in range(18)]
    assert [reply.text for reply in replies(Many({}), asked)] == ["16"] * 16 + ["2"] * 2
    assert aid_rsicd.CARD.version == ""
    assert rendered.CARD.version
