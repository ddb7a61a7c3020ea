"""Tiny folders in the layouts in which sets of questions, captions of changes and referring sentences are published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from published_layouts import picture

from geoglot.data.sample import Sample


def vrsbench(root: Path) -> None:
    for split in ("train", "val"):
        notes = root / "VRSBench" / f"Annotations_{split}"
        notes.mkdir(parents=True)
        for i in range(2):
            name = f"P{i}_{split}"
            row = {
                "image": f"{name}.png",
                "caption": "A harbour with a ship.",
                "objects": [
                    {
                        "obj_id": 0,
                        "referring_sentence": "the left ship",
                        "obj_cls": "ship",
                        "obj_corner": [0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1, 0.2],
                        "unique": True,
                        "obj_size": "small",
                    }
                ],
                "qa_pairs": [{"ques_id": 0, "question": "Ships?", "type": "object quantity", "answer": 2}],
            }
            (notes / f"{name}.json").write_text(json.dumps(row))
            picture(root / "VRSBench" / f"Images_{split}" / f"{name}.png")


def linked(root: Path, name: str, stem: str, images: str) -> None:
    for number, split in enumerate(("train", "val", "test")):
        question = {"id": 0, "img_id": number, "type": "count", "question": "How many?", "answers_ids": [0], "active": True}
        answer = {"id": 0, "question_id": 0, "answer": "3", "active": True}
        (root / name).mkdir(exist_ok=True)
        off = {"id": 1, "img_id": number, "active": False}
        (root / name / f"{stem}_split_{split}_questions.json").write_text(json.dumps({"questions": [question, off]}))
        (root / name / f"{stem}_split_{split}_answers.json").write_text(json.dumps({"answers": [answer]}))
        picture(root / name / images / f"{number}.tif")


def rsvqa_lr(root: Path) -> None:
    linked(root, "RSVQA_LR", "LR", "Images_LR")


def rsvqa_hr(root: Path) -> None:
    linked(root, "RSVQA_HR", "USGS", "Data")


def levir_cc(root: Path) -> None:
    images = []
    for split in ("train", "val", "test"):
        name = f"{split}_000001.png"
        texts = [{"raw": " a house appears .", "tokens": ["a", "house", "appears"]}]
        images.append({"filename": name, "split": split, "imgid": 0, "changeflag": 1, "sentences": texts})
        for date in "AB":
            picture(root / "LEVIR-CC" / "images" / split / date / name)
    (root / "LEVIR-CC" / "LevirCCcaptions.json").write_text(json.dumps({"images": images}))


def dior_rsvg(root: Path) -> None:
    folder = root / "DIOR_RSVG"
    (folder / "Annotations").mkdir(parents=True)
    for i in range(3):
        picture(folder / "JPEGImages" / f"{i:05d}.jpg", 100, 50)
        box = "<bndbox><xmin>10</xmin><ymin>5</ymin><xmax>20</xmax><ymax>25</ymax></bndbox>"
        thing = f"<object><name>ship</name>{box}<description>ship number {i}</description></object>"
        (folder / "Annotations" / f"{i:05d}.xml").write_text(f"<annotation><filename>{i:05d}.jpg</filename>{thing}</annotation>")
    for i, split in enumerate(("train", "val", "test")):
        (folder / f"{split}.txt").write_text(f"{i}\n")


TALKED: dict[str, tuple[Callable[[Path], None], Callable[[Sample], bool]]] = {
    "vrsbench": (
        vrsbench,
        lambda s: (
            s.things[0].attributes == {"referring": "the left ship", "size": "small", "unique": "yes"}
            and s.captions == ("A harbour with a ship.",)
            and s.turns[0].answer == "2"
        ),
    ),
    "rsvqa_lr": (rsvqa_lr, lambda s: (s.turns[0].answer, len(s.turns), s.gsd) == ("3", 1, 10.0)),
    "rsvqa_hr": (rsvqa_hr, lambda s: (s.turns[0].question, s.gsd) == ("How many?", 0.15)),
    "levir_cc": (levir_cc, lambda s: (s.captions, s.label, len(s.pictures)) == (("a house appears .",), "change", 2)),
    "dior_rsvg": (
        dior_rsvg,
        lambda s: (
            s.things[0].box == pytest.approx((0.1, 0.1, 0.2, 0.5)) and s.things[0].attributes["referring"] == "ship number 0"
        ),
    ),
}
