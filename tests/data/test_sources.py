"""Each source on a tiny folder that the test writes, and all of them on the real data where it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from published_layouts import LAYOUTS
from talked_layouts import TALKED

from geoglot.core.errors import DataError, NotFoundError
from geoglot.core.parts import find, names
from geoglot.data.build.places import by_place, distances
from geoglot.data.build.present import present
from geoglot.data.sample import Sample


def picture(path: Path, width: int = 512, height: int = 512) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(path, lossless=True)


def aid_rsicd(root: Path) -> None:
    rows = [
        {"image": f"aid/Port/port_{i}.webp", "class": "Port", "split": split, "captions": ["a port ."]}
        for i, split in enumerate(("train", "val", "test"))
    ]
    for row in rows:
        picture(root / str(row["image"]), 150, 150)
    (root / "aid_rsicd.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def ucm(root: Path) -> None:
    row = {"image": "ucm/harbor/harbor00.webp", "class": "harbor", "captions": ["Boats .", "Boats ."], "qa": [["q?", "yes"]]}
    (root / "ucm_captions_qa.jsonl").write_text("".join(json.dumps(row | {"split": s}) + "\n" for s in ("train", "test")))
    (root / "ucm_multilabels.txt").write_text("IMAGE\\LABEL\tairplane\tdock\tship\nharbor00\t0\t1\t1\n")
    picture(root / "ucm/harbor/harbor00.webp", 256, 256)


def vhr10(root: Path) -> None:
    names = [f"{i:03d}.webp" for i in range(1, 21)]
    for name in names:
        picture(root / "vhr10" / name, 560, 400)
    (root / "vhr10" / "annotations.json").write_text(
        json.dumps(
            {
                "categories": [{"id": 2, "name": "ship"}],
                "images": [{"id": i, "file_name": name, "width": 560, "height": 400} for i, name in enumerate(names)],
                "annotations": [{"image_id": i, "category_id": 2, "bbox": [56, 40, 112, 40]} for i in range(len(names))],
            }
        )
    )


def airport_obb(root: Path) -> None:
    for folder in ("train", "valid"):
        picture(root / "airport_obb" / folder / "airport_9_jpg.webp")
        (root / "airport_obb" / folder / "airport_9_jpg.txt").write_text("51.2 51.2 102.4 51.2 102.4 256 51.2 256 airplane 0\n\n")


def ships(root: Path) -> None:
    for i in range(1, 21):
        picture(root / "ships" / "train" / f"GE_{i}_jpg.webp")
        (root / "ships" / "train" / f"GE_{i}_jpg.txt").write_text("0 0.25 0.25 0.1 0.2\n\n")


def dubai(root: Path) -> None:
    for tile in ("tile1_image_part_001", "tile6_image_part_001"):
        picture(root / "dubai" / "images" / f"{tile}.webp", 800, 640)
        mask = np.zeros((640, 800, 3), np.uint8)
        mask[:] = (0xE2, 0xA9, 0x29)
        mask[:, :400] = (0x6E, 0xC1, 0xE4)
        (root / "dubai" / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(root / "dubai" / "masks" / f"{tile}.png")


def epfl_roads(root: Path) -> None:
    mask = np.zeros((400, 400), np.uint8)
    mask[:100] = 255
    (root / "epfl_roads" / "masks").mkdir(parents=True)
    for i in range(1, 21):
        picture(root / "epfl_roads" / "images" / f"satImage_{i:03d}.webp", 400, 400)
        Image.fromarray(mask).save(root / "epfl_roads" / "masks" / f"satImage_{i:03d}.png")


def neon_trees(root: Path) -> None:
    (root / "neon_trees").mkdir()
    box = "<xmin>40</xmin><ymin>20</ymin><xmax>80</xmax><ymax>60</ymax>"
    size = "<size><width>400</width><height>400</height></size>"
    for name in ("HARV_035", "HARV_027", "HARV_024"):
        Image.fromarray(np.zeros((400, 400, 3), np.uint8)).save(root / "neon_trees" / f"{name}.tif")
        (root / "neon_trees" / f"{name}.xml").write_text(f"<a>{size}<object><bndbox>{box}</bndbox></object></a>")


def one(rows: list[Sample]) -> Sample:
    assert rows
    return rows[0]


OURS: dict[str, tuple[Callable[[Path], None], Callable[[Sample], bool]]] = {
    "aid_rsicd": (aid_rsicd, lambda s: s.label == "Port" and s.captions == ("a port .",)),
    "ucm": (ucm, lambda s: s.labels == ("docks", "boats") and s.captions == ("Boats .",) and s.turns[0].answer == "yes"),
    "vhr10": (vhr10, lambda s: s.things[0].name == "ship" and s.things[0].box == pytest.approx((0.1, 0.1, 0.3, 0.2))),
    "airport_obb": (airport_obb, lambda s: s.label == "airport" and s.things[0].box == pytest.approx((0.1, 0.1, 0.2, 0.5))),
    "ships": (ships, lambda s: s.things[0].box == pytest.approx((0.2, 0.15, 0.3, 0.35))),
    "dubai": (dubai, lambda s: dict(s.cover) == pytest.approx({"roads": 0.625, "water": 0.375})),
    "epfl_roads": (epfl_roads, lambda s: s.cover == {"roads": 0.25}),
    "neon_trees": (neon_trees, lambda s: s.things[0].box == pytest.approx((0.1, 0.05, 0.2, 0.15)) and s.label == "forest"),
}

EXPECTED = OURS | LAYOUTS | TALKED


def test_every_source_is_tested_here() -> None:
    # what is rendered is read from nowhere: see evals/test_conversing.py
    assert {name for name in names("data.sources") if not name.startswith("rendered")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_rows_of_a_made_up_folder(name: str, tmp_path: Path) -> None:
    write, right = EXPECTED[name]
    source = find("data.sources", name)
    first = source.CARD.splits[0]
    with pytest.raises(NotFoundError, match="data root"):
        list(source.rows(tmp_path, first))
    write(tmp_path)
    rows = list(source.rows(tmp_path, first))
    assert right(one(rows)), rows[0]
    assert len({row.id for row in rows}) == len(rows)
    assert rows[-1].pictures[0].read(16).shape == (16, 16, 3)
    assert source.CARD.name == name
    assert all(row.label is None or row.label in source.CARD.classes or source.CARD.task == "boxes" for row in rows)
    for split in ("train", "val", "test"):
        if split == first:
            continue
        held = list(source.rows(tmp_path, split))
        assert bool(held) <= (split in source.CARD.splits)
        assert not {r.id for r in held} & {r.id for r in rows} or name in ("ucm", "airport_obb")


@pytest.mark.parametrize(
    "name",
    [
        *("aid", "uc_merced", "rsicd", "harvey", "oscd", "nwpu_vhr10"),
        *("vhr10", "ships", "epfl_roads", "neon_trees", "dubai"),
        *("loveda", "open_earth_map", "isaid", "potsdam", "vaihingen", "udd5", "vdd", "dota", "dior"),
        *("levir_cd", "whu_cd", "s2looking", "sysu_cd", "clcd"),
        *("vrsbench", "rsvqa_lr", "rsvqa_hr", "levir_cc"),
    ],
)
def test_splits_are_disjoint(name: str, tmp_path: Path) -> None:
    EXPECTED[name][0](tmp_path)
    source = find("data.sources", name)
    found = [{row.id.rsplit("/", 1)[-1] for row in source.rows(tmp_path, split)} for split in source.CARD.splits]
    assert all(found)
    if name != "nwpu_vhr10":  # where both folders number from 001
        assert sum(map(len, found)) == len(set.union(*found))


def test_held_out_places_lie_apart() -> None:
    rng = np.random.default_rng(1)
    places = [(float(lon), float(lat)) for lon, lat in rng.uniform((-95.5, 29.5), (-95.3, 29.7), (400, 2))]
    found = by_place(places, 0.02, 500)
    assert found == by_place(places, 0.02, 500)
    shuffled = rng.permutation(400)
    assert [found[i] for i in shuffled] == by_place([places[i] for i in shuffled], 0.02, 500)
    points = {split: np.radians([p for p, own in zip(places, found, strict=True) if own == split]) for split in found}
    for a, b in (("train", "test"), ("train", "val"), ("val", "test")):
        assert min(float(distances(point, points[b]).min()) for point in points[a]) >= 500
    assert len(points["test"]) >= 80
    assert len(points["train"]) > 100


WRONG: list[tuple[str, str, str, str]] = [
    ("aid_rsicd", "aid_rsicd.jsonl", '"Port"', '"Prot"'),
    ("vhr10", "vhr10/annotations.json", '"ship"', '"shop"'),
    ("ships", "ships/train/GE_2_jpg.txt", "0 0.25", "1 0.25"),
    ("ships", "ships/train/GE_2_jpg.txt", " 0.2\n", " 0.2 0.3\n"),
    ("airport_obb", "airport_obb/train/airport_9_jpg.txt", "airplane", "plane"),
    ("airport_obb", "airport_obb/train/airport_9_jpg.txt", "51.2 51.2 1", "51.2 1"),
    ("nwpu_vhr10", "NWPU VHR-10 dataset/ground truth/001.txt", ",2 ", ",11 "),
    ("nwpu_vhr10", "NWPU VHR-10 dataset/ground truth/001.txt", "(20,25)", "(20)"),
    ("rsivqa", "RSIVQA/UCM/ucm_vqa.txt", "?farmland", "farmland"),
    ("rsicd", "dataset_rsicd.json", '"filename"', '"file"'),
    ("rsicd", "dataset_rsicd.json", '"images"', '"image"'),
    ("ucm_captions", "UCM_captions/dataset.json", "1001.tif", "port.tif"),
    ("ucm_multilabels", "multilabels.txt", "harbor00\t", "harbour00\t"),
    ("dota", "DOTA/train/labelTxt/P0000.txt", "plane", "plain"),
    ("dota", "DOTA/train/labelTxt/P0000.txt", " plane 1", ""),
    ("dota", "DOTA/train/labelTxt/P0000.txt", "50.0", "x"),
    ("dior", "DIOR/Annotations/Oriented Bounding Boxes/00001.xml", "Service", "Sevice"),
    ("dior", "DIOR/Annotations/Oriented Bounding Boxes/00001.xml", "</object>", ""),
    ("dior", "DIOR/Annotations/Oriented Bounding Boxes/00001.xml", "<x_left_top>400</x_left_top>", ""),
    ("open_earth_map", "OpenEarthMap/OpenEarthMap_wo_xBD/train.txt", "san_juan_1.tif", "1.tif"),
    ("oscd", "Onera Satellite Change Detection dataset - Images/paris/dates.txt", "date_2", "date"),
    ("vrsbench", "VRSBench/Annotations_train/P0_train.json", '"obj_cls"', '"cls"'),
    ("rsvqa_lr", "RSVQA_LR/LR_split_train_questions.json", '"question": "How', '"asked": "How'),
    ("dior_rsvg", "DIOR_RSVG/train.txt", "0", "7"),
    ("dior_rsvg", "DIOR_RSVG/Annotations/00000.xml", "<xmin>10</xmin>", ""),
]


@pytest.mark.parametrize(("name", "file", "right", "wrong"), WRONG)
def test_a_wrong_label_or_line_is_named(name: str, file: str, right: str, wrong: str, tmp_path: Path) -> None:
    EXPECTED[name][0](tmp_path)
    path = tmp_path / file
    path.write_text(path.read_text().replace(right, wrong, 1))
    with pytest.raises(DataError) as told:
        list(find("data.sources", name).rows(tmp_path, "train"))
    assert path.name in str(told.value)
    assert re.search("[Cc]orrect|[Ff]etch", str(told.value))
    if path.suffix in (".jsonl", ".txt") and name in ("aid_rsicd", "nwpu_vhr10", "rsivqa", "ships", "airport_obb"):
        assert "line 1" in str(told.value)


@pytest.mark.parametrize("name", ["loveda", "isaid", "potsdam", "udd5"])
def test_a_mask_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    EXPECTED[name][0](tmp_path)
    source = find("data.sources", name)
    mask = next(source.rows(tmp_path, "train")).masks["cover"].path
    for file in mask.parent.parent.rglob(f"{mask.stem.removesuffix('_noBoundary')}*"):
        if name == "potsdam" or file == mask:
            file.unlink()
    with pytest.raises(DataError, match=r"has no mask at .*fetch the labels"):
        list(source.rows(tmp_path, "train"))


def test_a_folder_that_is_no_class_is_named(tmp_path: Path) -> None:
    EXPECTED["aid"][0](tmp_path)
    (tmp_path / "AID" / "Harbor").mkdir()
    with pytest.raises(DataError, match=r"Harbor.*is no class of AID"):
        list(find("data.sources", "aid").rows(tmp_path, "train"))


def test_missing_pictures_are_counted_and_named(tmp_path: Path) -> None:
    EXPECTED["rsicd"][0](tmp_path)
    rows = list(find("data.sources", "rsicd").rows(tmp_path, "train"))
    assert present(rows) == rows
    (tmp_path / "RSICD_images" / "port_1.jpg").unlink()
    with pytest.raises(DataError, match=r"rsicd: 1 files are missing, for 1 of 2 samples: .*port_1\.jpg\..*--missing skip"):
        present(rows, source="rsicd")
    said: list[str] = []
    assert present(rows, "skip", say=said.append) == rows[1:]
    assert "left out" in said[0]


SIZES = [("aid_rsicd", "train", 7946), ("aid_rsicd", "test", 1027), ("ucm", "test", 210), ("uc_merced", "test", 420)]
SIZES += [("aid", "train", 7000), ("ucm_multilabels", "val", 210), ("harvey", "test", 800), ("oscd", "train", 2)]


@pytest.mark.parametrize(("name", "split", "count"), SIZES)
def test_real_splits(name: str, split: str, count: int, real_data: Path) -> None:
    source = find("data.sources", name)
    rows = list(source.rows(real_data, split))
    assert len(rows) == count
    assert {row.label for row in rows} <= {None, *source.CARD.classes}


REAL = ["harvey_pairs", "landsat_taizhou", "oscd", "rsivqa", "sar_ottawa", "spacenet", "dubai", "epfl_roads", "vhr10"]


@pytest.mark.parametrize("name", REAL)
def test_real_samples_can_be_read(name: str, real_data: Path) -> None:
    source = find("data.sources", name)
    row = next(iter(source.rows(real_data, source.CARD.splits[0])))
    for picture_ in row.pictures:
        assert picture_.read(16).std() > 1
    for mask in row.masks.values():
        values = mask.read()
        assert values.shape == row.pictures[0].size
        assert set(np.unique(values)) <= {*range(len(mask.names)), 255}
    for thing in row.things:
        assert all(-0.01 <= v <= 1.01 for v in (*thing.box, *(v for point in thing.outline for v in point)))


def test_the_source_of_the_documents_works(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / "adding.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    module: dict[str, Any] = {}
    exec(compile(code, "whu_rs19.py", "exec"), module)
    for i in range(10):
        picture(tmp_path / "WHU-RS19" / "Beach" / f"Beach_{i}.jpg")
    counts = [len(list(module["rows"](tmp_path, split))) for split in module["CARD"].splits]
    assert counts == [7, 1, 2]


def test_the_order_of_the_authors_machine_is_kept_where_it_is_known(tmp_path: Path) -> None:
    EXPECTED["dior_rsvg"][0](tmp_path)
    source = find("data.sources", "dior_rsvg")
    assert [row.id for row in source.rows(tmp_path, "train")] == ["dior_rsvg/00000/0"]
    (tmp_path / "DIOR_RSVG" / "order.txt").write_text("00002.xml\n00000.xml\n00001.xml\n")
    assert [row.id for row in source.rows(tmp_path, "train")] == ["dior_rsvg/00002/0"]
    assert source.rows(tmp_path, "train").__next__().group == "dior_rsvg/00002"
