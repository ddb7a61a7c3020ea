"""Every form of conversations on a fixture as it is published; broken records among good ones; writing and reading back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from geoglot.core.errors import DataError, InputError, NotFoundError
from geoglot.core.parts import find, names
from geoglot.core.protocols import Said
from geoglot.data.conversations import Conversation, How, Loaded, Placed, read, write
from geoglot.data.sample import Picture
from geoglot.geo.boxes import Box
from geoglot.text.instructions import GRAMMARS, TASKS, tagged, untagged

FORMS = names("data.formats")
GEOCHAT = {
    "id": "7",
    "image": "a.png",
    "conversations": [
        {"from": "human", "value": "<image>\n[refer] Give me the location of <p> 1 ship </p>"},
        {"from": "gpt", "value": "{<12><30><20><36>|<45>}"},
    ],
}
FIT = GEOCHAT | {
    "conversations": [
        {"from": "human", "value": "<image>\nWhere is the car?"},
        {"from": "gpt", "value": "1 car<rbox>({<50.00><50.00><8.00><3.00>|<30>})</rbox>"},
    ]
}
FACTORY = {
    "messages": [
        {"role": "user", "content": "<image>Detect ships."},
        {"role": "assistant", "content": "<ref>ship</ref><box>[[1, 2, 30, 40]]</box>"},
    ],
    "images": ["a.png"],
}
SWIFT = {
    "messages": [
        {"role": "system", "content": "You look at pictures."},
        {"role": "user", "content": "<image>Find <ref-object>."},
        {"role": "assistant", "content": "<bbox>, <bbox>"},
    ],
    "images": ["a.png"],
    "objects": {"ref": ["the ships"], "bbox": [[1, 2, 30, 40], [10, 20, 30, 40]], "bbox_type": "real"},
}
TEO = {
    "video": ["t2.png", "t1.png"],
    "timestamp": ["2020-01-02", "2019-01-02"],
    "task": "change_detection_localization",
    "polygon": "POLYGON((1 1, 9 1, 9 5, 1 5, 1 1))",
    "conversations": [
        {"from": "human", "value": "Pictures at several times: <video> What was built?"},
        {"from": "gpt", "value": "Houses at [10, 20, 30, 40]."},
    ],
}
VRS = {
    "image": "P1.png",
    "caption": "A harbour.",
    "objects": [
        {
            "obj_id": 0,
            "referring_sentence": "the left ship",
            "obj_cls": "ship",
            "obj_corner": [0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1, 0.2],
            "is_unique": True,
            "obj_size": "small",
        }
    ],
    "qa_pairs": [{"ques_id": 0, "question": "Ships?", "type": "object quantity", "answer": "2"}],
}
LINE = {
    "question_id": 0,
    "image_id": "P1",
    "question": "Where is the ship?",
    "ground_truth": "{<1><2><3><4>}",
    "answer": "{<1><2><3><5>}",
    "type": "ref",
    "size_group": "small",
    "unique": True,
}
CHANGES = {
    "images": [
        {
            "filename": "train_000001.png",
            "split": "train",
            "imgid": 0,
            "changeflag": 1,
            "sentences": [{"raw": " a house appears .", "tokens": ["a", "house", "appears"]}],
        }
    ]
}
RSVG = (
    "<annotation><filename>00001.jpg</filename><object><name>ship</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax>"
    "<ymax>20</ymax></bndbox><description>a ship on the left</description></object></annotation>"
)


def put(file: Path, rows: Any, lines: bool = False) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) if lines else json.dumps(rows))
    return file


def rsvqa_files(folder: Path) -> Path:
    put(folder / "LR_split_train_answers.json", {"answers": [
        {"id": 0, "question_id": 0, "answer": "3", "active": True}, {"id": 1, "quesiton_id": 1, "answer": "yes", "active": True},
    ]})  # fmt: skip
    return put(folder / "LR_split_train_questions.json", {"questions": [
        {"id": 0, "img_id": 5, "type": "count", "question": "How many?", "answers_ids": [0], "active": True},
        {"id": 1, "img_id": 5, "type": "presence", "question": "Is there one?", "answers_ids": [1], "active": True},
        {"id": 2, "img_id": 5, "type": "presence", "question": "No more?", "answers_ids": [2], "active": False},
    ]})  # fmt: skip


def rsvg_files(folder: Path) -> Path:
    folder.mkdir()
    (folder / "00001.xml").write_text(RSVG)
    return folder


PUBLISHED: dict[str, Any] = {
    "llava": lambda at: put(at / "llava.json", [GEOCHAT]),
    "fit_rs": lambda at: put(at / "fit.json", [FIT]),
    "llama_factory": lambda at: put(at / "factory.json", [FACTORY]),
    "ms_swift": lambda at: put(at / "swift.jsonl", [SWIFT], lines=True),
    "teochatlas": lambda at: put(at / "teo.json", [TEO]),
    "vrsbench": lambda at: put(at / "notes" / "P1.json", VRS).parent,
    "rsvqa": rsvqa_files,
    "captions": lambda at: put(at / "LevirCCcaptions.json", CHANGES),
    "dior_rsvg": lambda at: rsvg_files(at / "xml"),
    "answers": lambda at: put(at / "answers.jsonl", [LINE], lines=True),
}


def loaded(name: str, folder: Path) -> Loaded:
    return read(PUBLISHED[name](folder), name, How(folder), on_fault="stop")


def test_every_form_has_its_fixture() -> None:
    assert set(FORMS) == set(PUBLISHED)


def test_geochat(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "a.png")
    (one,) = loaded("llava", tmp_path).conversations
    assert (one.id, one.task, one.pictures[0].path) == ("7", "refer", tmp_path / "a.png")
    assert one.turns[0] == Said("user", "Give me the location of <p> 1 ship </p>", (0,))
    assert one.turns[1].text == "<box:0>"
    box = one.boxes[0].box
    assert (box.x, box.y, box.frame) == (pytest.approx(32), pytest.approx(33), "pixels")


def test_fit_rs_factory_and_swift(tmp_path: Path) -> None:
    (fit,) = loaded("fit_rs", tmp_path).conversations
    assert (fit.turns[1].text, fit.boxes[0].box.angle) == ("1 car<box:0>", pytest.approx(-30))
    (factory,) = loaded("llama_factory", tmp_path).conversations
    assert (factory.turns[0].text, factory.boxes[0].label, factory.boxes[0].box.frame) == ("Detect ships.", "ship", "unit")
    (swift,) = loaded("ms_swift", tmp_path).conversations
    assert [turn.role for turn in swift.turns] == ["system", "user", "assistant"]
    assert (swift.turns[1].text, swift.turns[2].text) == ("Find the ships.", "<box:0,1>")
    assert swift.boxes[1].box.bounds() == pytest.approx((10, 20, 30, 40))
    file = put(tmp_path / "n.jsonl", [SWIFT | {"objects": SWIFT["objects"] | {"bbox_type": "norm1000"}}], lines=True)  # type: ignore[operator]
    assert read(file, "ms_swift").conversations[0].boxes[0].box.bounds() == pytest.approx((0.001, 0.002, 0.03, 0.04))


def test_teochatlas_is_sorted_by_date(tmp_path: Path) -> None:
    (teo,) = loaded("teochatlas", tmp_path).conversations
    assert [picture.path.name for picture in teo.pictures] == ["t1.png", "t2.png"]
    assert teo.pictures[0].time == datetime(2019, 1, 2, tzinfo=UTC)
    assert teo.turns[0].text == "Pictures at several times: Image 1: <image>Image 2: <image> What was built?"
    assert teo.turns[0].pictures == (0, 1)
    assert teo.turns[1].text == "Houses at <box:0>."
    assert teo.boxes[0].box.bounds() == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert teo.boxes[1].box.bounds() == pytest.approx((1, 1, 9, 5))


def test_forms_that_are_read_only(tmp_path: Path) -> None:
    caption, refer, vqa = loaded("vrsbench", tmp_path).conversations
    assert (caption.turns[1].text, caption.task) == ("A harbour.", "caption long")
    assert refer.boxes[0].box.bounds() == pytest.approx((0.1, 0.1, 0.2, 0.2))
    assert (refer.attributes["unique"], vqa.attributes["type"], vqa.turns[1].text) == ("True", "object quantity", "2")
    first, second = loaded("rsvqa", tmp_path).conversations
    assert (first.turns[1].text, second.turns[1].text, first.attributes["type"]) == ("3", "yes", "count")
    assert first.pictures[0].path.name == "5.tif"
    (change,) = loaded("captions", tmp_path).conversations
    assert [p.path.relative_to(tmp_path).as_posix() for p in change.pictures] == [f"train/{d}/train_000001.png" for d in "AB"]
    assert (change.task, change.turns[1].text, change.attributes["changed"]) == ("change caption", "a house appears .", "yes")
    (rsvg,) = loaded("dior_rsvg", tmp_path).conversations
    assert (rsvg.boxes[0].label, rsvg.boxes[0].box.bounds()) == ("ship", pytest.approx((1, 2, 30, 20)))
    (line,) = loaded("answers", tmp_path).conversations
    assert (line.attributes["answer"], line.attributes["unique"], line.task) == ("{<1><2><3><5>}", "True", "refer")
    for name in ("vrsbench", "rsvqa", "captions", "dior_rsvg"):
        with pytest.raises(InputError, match="read, not written"):
            write([], tmp_path / "x.json", name)


BROKEN = {
    "turn 1 is a question without an answer": GEOCHAT | {"conversations": GEOCHAT["conversations"][:1]},  # type: ignore[index]
    "turn 1 is the assistant's": GEOCHAT | {"image": None, "conversations": [{"from": "gpt", "value": "A ship."}]},
    "2 <image> marks for 1 pictures": GEOCHAT
    | {"conversations": [{"from": "human", "value": "<image><image> What?"}, {"from": "gpt", "value": "No."}]},
    "0 <image> marks for 1 pictures": GEOCHAT
    | {"conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "No."}]},
    "unknown syntax": GEOCHAT
    | {"conversations": [{"from": "human", "value": "<image>What?"}, {"from": "gpt", "value": "<quad>1 2 3 4</quad>"}]},
    "one of several syntax": GEOCHAT
    | {"conversations": [{"from": "human", "value": "<image>What?"}, {"from": "gpt", "value": "[1, 2, 3, 4]"}]},
    "is empty": GEOCHAT | {"conversations": [GEOCHAT["conversations"][0], {"from": "gpt", "value": " "}]},  # type: ignore[index]
    "a turn is from 'robot'": GEOCHAT | {"conversations": [{"from": "robot", "value": "<image>"}]},
    "without words": GEOCHAT | {"conversations": [{"from": "human", "value": None}]},
    "a record is a table": ["no table"],
    "KeyError": {"id": "1"},
}


def test_broken_records_are_reported_and_skipped(tmp_path: Path) -> None:
    file = put(tmp_path / "mixed.json", [GEOCHAT, *BROKEN.values(), GEOCHAT | {"id": "8"}])
    told: list[str] = []
    found = read(file, "llava", say=told.append)
    assert [each.id for each in found.conversations] == ["7", "8"]
    assert len(found.faults) == len(BROKEN)
    for fault, (why, _) in zip(found.faults, BROKEN.items(), strict=True):
        assert why in fault.why, fault
    assert told[0].startswith("left out: mixed.json, record 1: turn 1 is a question without an answer")
    assert told[-1] == f"{file}: {len(BROKEN)} records are broken and left out, 2 conversations are good"
    with pytest.raises(DataError, match=r"mixed.json, record 1: turn 1 is a question without an answer: add the answer"):
        read(file, "llava", on_fault="stop")


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file"):
        read(tmp_path / "none.json", "llava")
    (tmp_path / "bad.json").write_text('{"a": [1,')
    with pytest.raises(DataError, match="no JSON"):
        read(tmp_path / "bad.json", "llava")
    with pytest.raises(DataError, match="JSON list"):
        read(put(tmp_path / "table.json", {"a": 1}), "llava")
    with pytest.raises(NotFoundError, match="Did you mean llava"):
        read(tmp_path / "bad.json", "lava")
    (tmp_path / "cut.jsonl").write_text(json.dumps(GEOCHAT) + '\n{"id": "2", "ima')
    found = read(tmp_path / "cut.jsonl", "llava", say=lambda text: None)
    assert (len(found.conversations), found.faults[0].where) == (1, "cut.jsonl, line 2")


def made(folder: Path) -> Conversation:
    """A conversation of two dates, several turns, boxes upright and turned."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (400, 300)).save(folder / name)
    turns = (
        Said("user", "Image 1: <image>Image 2: <image> Where are new ships?", (0, 1)),
        Said("assistant", "At <box:0,1>."),
        Said("user", "Is the place at <box:1> built up?"),
        Said("assistant", "no"),
    )
    boxes = (Placed(Box.upright(40, 30, 80, 60), "ship", 1), Placed(Box(200, 150, 80, 30, 30), "ship", 1))
    times = [datetime(2019, 1, 2, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC)]
    pictures = tuple(Picture(folder / name, time=time) for name, time in zip(("a.png", "b.png"), times, strict=True))
    return Conversation("one", pictures, turns, "change vqa", boxes)


@pytest.mark.parametrize("name", ["llava", "fit_rs", "llama_factory", "ms_swift", "teochatlas"])
@pytest.mark.parametrize("syntax", ["geochat", "internvl", "qwen25_vl", "fit_rs"])
def test_what_is_written_is_read_again(name: str, syntax: str, tmp_path: Path) -> None:
    talk = made(tmp_path)
    suffix = "jsonl" if find("data.formats", name).LINES else "json"
    how = How(tmp_path, syntax, "earthdial")
    assert write([talk, talk], tmp_path / f"out.{suffix}", name, how) == 2
    (first, second) = read(tmp_path / f"out.{suffix}", name, how, on_fault="stop").conversations
    assert first == second
    assert (first.id, first.task) == ("one", "change vqa")
    assert [turn.role for turn in first.turns] == ["user", "assistant"] * 2
    assert first.turns[0] == talk.turns[0]
    assert [p.path for p in first.pictures] == [p.path for p in talk.pictures]
    if name in ("llava", "fit_rs", "teochatlas"):
        assert first.pictures == talk.pictures
    for old, new in zip(talk.boxes, first.boxes, strict=False):
        assert max(abs(a - b) for a, b in zip(old.box.bounds(), new.box.bounds(), strict=True)) < 16
    assert "<box:" not in (tmp_path / f"out.{suffix}").read_text()


def test_labels_that_were_said_are_said_again(tmp_path: Path) -> None:
    (factory,) = loaded("llama_factory", tmp_path).conversations
    write([factory], tmp_path / "again.json", "llama_factory", How(tmp_path, "internvl"))
    text = json.loads((tmp_path / "again.json").read_text())[0]["messages"][1]["content"]
    assert text == "<ref>ship</ref><box>[[1, 2, 30, 40]]</box>"


def test_evaluation_lines_are_written(tmp_path: Path) -> None:
    (line,) = loaded("answers", tmp_path).conversations
    write([line], tmp_path / "again.jsonl", "answers", How(tmp_path))
    row = json.loads((tmp_path / "again.jsonl").read_text())
    assert (row["ground_truth"], row["is_unique"], row["answer"]) == ("{<1><2><3><4>|<0>}", True, "{<1><2><3><5>}")


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    good = made(tmp_path)
    bad = Conversation("bad", (), (Said("user", "What?"),))
    with pytest.raises(DataError, match="question without an answer"):
        write([good, bad], tmp_path / "out.json", "llava")
    assert not (tmp_path / "out.json").exists()
    part = Conversation("part", (Picture(tmp_path / "a.png", (0, 0, 5, 5)),), (Said("user", "?", (0,)), Said("assistant", "no")))
    with pytest.raises(InputError, match="part of a file"):
        write([part], tmp_path / "out.json", "llava")


def test_task_identifiers() -> None:
    assert tagged("Where?", "refer", "geochat") == "[refer] Where?"
    assert untagged("[changedet] [hr_rgb_temp_0.5] What?") == ("What?", ("[changedet]", "[hr_rgb_temp_0.5]"), "change vqa")
    assert untagged("{IDK} Is it?")[2] == "honesty"
    assert untagged("[1, 2, 3, 4] {<1><2><3><4>} What?") == ("[1, 2, 3, 4] {<1><2><3><4>} What?", (), None)
    assert all(set(tags) <= set(TASKS) for tags in GRAMMARS.values())
    with pytest.raises(InputError, match="no grammar 'x'"):
        tagged("", "refer", "x")
