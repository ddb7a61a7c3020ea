"""Tiny folders in the layouts in which data sets are published, and what a first sample of each must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from geoglot.data.sample import Sample


def picture(path: Path, width: int = 64, height: int = 64, value: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path)


def geotiff(path: Path, bands: int, size: int, west: float = 733601.0, dtype: str = "uint16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).integers(100, 200, (bands, size, size)).astype(dtype)
    with rasterio.open(
        path, "w", "GTiff", size, size, bands, crs="EPSG:32616", transform=Affine(0.5, 0, west, 0, -0.5, 3725139), dtype=dtype
    ) as file:
        file.write(values)


def aid(root: Path) -> None:
    for i in range(10):
        picture(root / "AID" / "Port" / f"port_{i}.jpg")


def uc_merced(root: Path) -> None:
    for i in range(10):
        picture(root / "UCMerced_LandUse" / "Images" / "harbor" / f"harbor{i:02d}.tif")


def karpathy(rows: list[tuple[str, str]]) -> str:
    texts = [{"raw": "a port ."}, {"raw": "A port ."}, {"raw": "a  port ."}, {"tokens": ["boats", "."]}]
    return json.dumps({"images": [{"filename": name, "split": split, "sentences": texts} for name, split in rows]})


def rsicd(root: Path) -> None:
    rows = [("port_1.jpg", "train"), ("00433.jpg", "train"), ("port_2.jpg", "val"), ("port_3.jpg", "test")]
    for name, _ in rows:
        picture(root / "RSICD_images" / name)
    (root / "dataset_rsicd.json").write_text(karpathy(rows))


def ucm_captions(root: Path) -> None:
    rows = [("1001.tif", "train"), ("2.tif", "val"), ("3.tif", "test")]
    for name, _ in rows:
        picture(root / "UCM_captions" / "imgs" / name)
    (root / "UCM_captions" / "dataset.json").write_text(karpathy(rows))


def ucm_multilabels(root: Path) -> None:
    uc_merced(root)
    lines = "".join(f"harbor{i:02d}\t0\t1\t1\n" for i in range(10))
    (root / "multilabels.txt").write_text("IMAGE\\LABEL\tairplane\tdock\tship\n" + lines)


def rsivqa(root: Path) -> None:
    (root / "RSIVQA" / "UCM").mkdir(parents=True)
    (root / "RSIVQA" / "AID").mkdir()
    lines = "1.tif:what is the theme?farmland\n1.tif:How many  in the picture?zero\n\n100.tif:what is the theme?farmland\n"
    (root / "RSIVQA" / "UCM" / "ucm_vqa.txt").write_text(lines)
    (root / "RSIVQA" / "AID" / "rsicd_vqa.txt").write_text("port_1.jpg:what is the theme?port\n")
    for i in (0, 99):
        picture(root / "UCMerced_LandUse" / "Images" / "agricultural" / f"agricultural{i:02d}.tif")
    picture(root / "RSICD_images" / "port_1.jpg")


def nwpu_vhr10(root: Path) -> None:
    folder = root / "NWPU VHR-10 dataset"
    (folder / "ground truth").mkdir(parents=True)
    for i in range(1, 11):
        picture(folder / "positive image set" / f"{i:03d}.jpg", 100, 50)
        (folder / "ground truth" / f"{i:03d}.txt").write_text("(10,5),(20,25),2 \n( 1,1),(2,2),10\n\n")
        picture(folder / "negative image set" / f"{i:03d}.jpg")


def oscd(root: Path) -> None:
    images = root / "Onera Satellite Change Detection dataset - Images"
    for city, part in (("paris", "Train"), ("rio", "Test")):
        for i in (1, 2):
            picture(images / city / "pair" / f"img{i}.png", value=90 * i)
        (images / city / "dates.txt").write_text("date_1: 20161130\ndate_2: 20170829\n")
        mask = root / f"Onera Satellite Change Detection dataset - {part} Labels" / city / "cm" / "cm.png"
        mask.parent.mkdir(parents=True)
        values = np.zeros((64, 64), np.uint8)
        values[:16] = 255
        Image.fromarray(values).save(mask)


def harvey(root: Path) -> None:
    rng = np.random.default_rng(0)
    for lon, lat in rng.uniform((-97, 28), (-95, 30), (60, 2)).round(5):
        for part in ("before", "after"):
            picture(root / "harvey" / part / f"{lon}_{lat}.webp")
    picture(root / "harvey" / "train_another" / "damage" / "-94.1_27.5.jpeg")


def landsat_taizhou(root: Path) -> None:
    folder = root / "change" / "landsat_taizhou"
    for year, day in ((2000, "20000317"), (2003, "20030206")):
        geotiff(folder / f"{year}TM", 6, 64, dtype="uint8")
        (folder / f"{year}TM.HDR").write_text(f"ENVI\nband names = {{Resize (L71119038_038{day}_MTL.txt)}}\n")
    for name, rows in (("change", slice(0, 8)), ("unchanged", slice(8, 24))):
        values = np.zeros((64, 64), np.uint8)
        values[rows] = 255
        Image.fromarray(values).save(folder / f"{name}.bmp")


def sar_ottawa(root: Path) -> None:
    for name in ("ottawa_1", "ottawa_2", "ottawa_gt"):
        picture(root / "sar_ottawa" / f"{name}.bmp", value=255)


def pairs(root: Path, name: str, parts: tuple[str, str, str], splits: tuple[str, ...] = ("train", "val", "test")) -> None:
    """A pair in each split; the upper quarter changed."""
    values = np.zeros((64, 64), np.uint8)
    values[:16] = 255
    for k, split in enumerate(splits):
        for part, value in zip(parts[:2], (60, 90), strict=True):
            picture(root / name / split / part / f"{k}.png", value=value)
        mask = root / name / split / parts[2] / f"{k}.png"
        mask.parent.mkdir(parents=True)
        Image.fromarray(values).save(mask)


def levir_cd(root: Path) -> None:
    pairs(root, "LEVIR-CD", ("A", "B", "label"))


def s2looking(root: Path) -> None:
    pairs(root, "S2Looking", ("Image1", "Image2", "label"))


def sysu_cd(root: Path) -> None:
    pairs(root, "SYSU-CD", ("time1", "time2", "label"))


def clcd(root: Path) -> None:
    pairs(root, "CLCD", ("time1", "time2", "label"))


def whu_cd(root: Path) -> None:
    pairs(root, "WHU-CD-256", ("A", "B", "label"), ("",))
    for part in ("A", "B", "label"):
        file = root / "WHU-CD-256" / part / "0.png"
        for name in ("1.png", "2.png"):
            (file.parent / name).write_bytes(file.read_bytes())
    for k, split in enumerate(("train", "val", "test")):
        (root / "WHU-CD-256" / "list").mkdir(exist_ok=True)
        (root / "WHU-CD-256" / "list" / f"{split}.txt").write_text(f"{k}.png\n")


def spacenet(root: Path) -> None:
    geotiff(root / "spacenet" / "sample_geotiff.tif", 1, 600)
    left, top = 733601.0, 3725139.0
    ring = [[left + x, top - y] for x, y in ((30, 30), (60, 30), (60, 90), (30, 90), (30, 30))]
    away = [[left + x, top + y] for x, y in ((30, 30), (60, 30), (60, 90), (30, 30))]
    (root / "spacenet" / "geotiff_labels.geojson").write_text(
        json.dumps(
            {
                "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32616"}},
                "features": [{"geometry": {"type": "Polygon", "coordinates": [part]}} for part in (ring, away)],
            }
        )
    )


def labels(path: Path, values: list[int]) -> None:
    """A mask of 64 px in as many rows of equal height as there are values, of colours where one is greater than 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.repeat(np.array(values), 64 // len(values))[:, None].repeat(64, 1)
    rgb = np.stack([rows >> 16, rows >> 8 & 255, rows & 255], -1).astype(np.uint8)
    Image.fromarray(rgb if max(values) > 255 else rows.astype(np.uint8)).save(path)


def loveda(root: Path) -> None:
    for part in ("Train", "Val"):
        for area in ("Rural", "Urban"):
            name = f"{part}{area}.png"
            picture(root / "LoveDA" / part / area / "images_png" / name)
            labels(root / "LoveDA" / part / area / "masks_png" / name, [0, 1, 2, 7])


def open_earth_map(root: Path) -> None:
    folder = root / "OpenEarthMap" / "OpenEarthMap_wo_xBD"
    for number in (1, 2):
        picture(folder / "san_juan" / "images" / f"san_juan_{number}.tif")
        labels(folder / "san_juan" / "labels" / f"san_juan_{number}.tif", [0, 1, 5, 8])
    (folder / "train.txt").write_text("san_juan_1.tif\nmexico_12.tif\n")
    (folder / "val.txt").write_text("san_juan_2.tif\n")


def isaid(root: Path) -> None:
    for number, part in enumerate(("train", "val")):
        picture(root / "iSAID" / part / "images" / f"P000{number}.png")
        labels(root / "iSAID" / part / "images" / f"P000{number}_instance_color_RGB.png", [0, 0x00003F, 0x00649B, 0x123456])
        picture(root / "iSAID" / part / "images" / f"P000{number}_instance_id_RGB.png")


ISPRS = [0xFFFFFF, 0x0000FF, 0xFF0000, 0x000000]


def potsdam(root: Path) -> None:
    for tile in ("2_10", "2_13"):
        picture(root / "Potsdam" / "2_Ortho_RGB" / f"top_potsdam_{tile}_RGB.tif")
        labels(root / "Potsdam" / "5_Labels_all" / f"top_potsdam_{tile}_label.tif", ISPRS[:2])
        labels(root / "Potsdam" / "5_Labels_all_noBoundary" / f"top_potsdam_{tile}_label_noBoundary.tif", ISPRS)


def vaihingen(root: Path) -> None:
    ending = "ISPRS_semantic_labeling_Vaihingen_ground_truth_eroded_COMPLETE"
    for area in (1, 2):
        picture(root / "Vaihingen" / "top" / f"top_mosaic_09cm_area{area}.tif")
        labels(root / "Vaihingen" / ending / f"top_mosaic_09cm_area{area}_noBoundary.tif", ISPRS)


def uavid(root: Path) -> None:
    for number, part in enumerate(("train", "val", "test")):
        folder = root / "UAVid" / f"uavid_{part}" / f"seq{number + 1}"
        picture(folder / "Images" / "000000.png")
        labels(folder / "Labels" / "000000.png", [0, 0x800000, 0xC000C0, 0x400080])


def udd5(root: Path) -> None:
    for part in ("train", "val"):
        picture(root / "UDD5" / part / "src" / f"DJI_{part}.JPG")
        labels(root / "UDD5" / part / "gt" / f"DJI_{part}.png", [0, 1, 3, 4])


def vdd(root: Path) -> None:
    for part in ("train", "val", "test"):
        picture(root / "VDD" / part / "src" / f"DJI_{part}.JPG")
        labels(root / "VDD" / part / "gt" / f"DJI_{part}.png", [0, 1, 5, 6])


def dota(root: Path) -> None:
    for number, part in enumerate(("train", "val")):
        picture(root / "DOTA" / part / "images" / f"P000{number}.png", 200, 100)
        (root / "DOTA" / part / "labelTxt").mkdir()
        (root / "DOTA" / part / "labelTxt" / f"P000{number}.txt").write_text(
            "imagesource:GoogleEarth\ngsd:0.5\n20.0 50.0 50.0 20.0 80.0 50.0 50.0 80.0 plane 1\n0 0 4 0 4 4 0 4 ship\n"
        )


def dior(root: Path) -> None:
    turned = {"left_top": (400, 80), "right_top": (720, 400), "right_bottom": (400, 720), "left_bottom": (80, 400)}
    corners = "".join(f"<x_{name}>{x}</x_{name}><y_{name}>{y}</y_{name}>" for name, (x, y) in turned.items())
    box = "<bndbox><xmin>80</xmin><ymin>160</ymin><xmax>400</xmax><ymax>240</ymax></bndbox>"
    size = "<size><width>800</width><height>800</height></size>"
    for kind, shape in (("Horizontal", box), ("Oriented", f"<robndbox>{corners}</robndbox>")):
        (root / "DIOR" / "Annotations" / f"{kind} Bounding Boxes").mkdir(parents=True)
        for name in ("00001", "00002", "11726") if kind == "Horizontal" else ("00001",):
            (root / "DIOR" / "Annotations" / f"{kind} Bounding Boxes" / f"{name}.xml").write_text(
                f"<annotation>{size}<object><name>Expressway-Service-area</name>{shape}</object></annotation>"
            )
    (root / "DIOR" / "ImageSets" / "Main").mkdir(parents=True)
    for part, name in (("train", "00001"), ("val", "00002"), ("test", "11726")):
        picture(root / "DIOR" / f"JPEGImages-{'test' if part == 'test' else 'trainval'}" / f"{name}.jpg")
        (root / "DIOR" / "ImageSets" / "Main" / f"{part}.txt").write_text(f"{name}\n")


def striped(sample: Sample, *names: str | None) -> bool:
    """Whether the mask has these classes in rows of equal height, None where nothing is labelled."""
    mask = sample.masks["cover"]
    found = mask.read()[:: 64 // len(names), 0].tolist()
    return found == [255 if name is None else mask.names.index(name) for name in names]


def changed(sample: Sample, share: float, names: tuple[str, ...] = ("no change", "change")) -> bool:
    mask = sample.masks["change"]
    return mask.names == names and float((mask.read() == names.index("change")).mean()) == share


LAYOUTS: dict[str, tuple[Callable[[Path], None], Callable[[Sample], bool]]] = {
    "aid": (aid, lambda s: s.label == "Port" and s.labels == ("water", "boats")),
    "uc_merced": (uc_merced, lambda s: s.label == "harbor" and s.gsd == 0.3),
    "rsicd": (rsicd, lambda s: s.label == "Port" and s.captions == ("a port .", "A port .", "boats .")),
    "ucm_captions": (ucm_captions, lambda s: s.label == "harbor" and s.captions[0] == "a port ."),
    "ucm_multilabels": (ucm_multilabels, lambda s: s.labels == ("docks", "boats") and s.label == "harbor"),
    "rsivqa": (rsivqa, lambda s: [(t.question, t.answer) for t in s.turns] == [("what is the theme?", "farmland")]),
    "nwpu_vhr10": (
        nwpu_vhr10,
        lambda s: (
            s.things[0].name == "ship"
            and s.things[0].box == pytest.approx((0.1, 0.1, 0.2, 0.5))
            and s.things[1].name == "vehicle"
        ),
    ),
    "oscd": (oscd, lambda s: changed(s, 0.25) and [p.time.year for p in s.pictures if p.time] == [2016, 2017]),
    "harvey": (harvey, lambda s: s.label in ("damage", "no_damage") and s.lonlat is not None and s.lonlat[0] < -94),
    "harvey_pairs": (harvey, lambda s: len(s.pictures) == 2 and s.label == "damage"),
    "landsat_taizhou": (
        landsat_taizhou,
        lambda s: changed(s, 0.125, ("change", "no change")) and [p.time.month for p in s.pictures if p.time] == [3, 2],
    ),
    "sar_ottawa": (sar_ottawa, lambda s: changed(s, 1.0)),
    "levir_cd": (levir_cd, lambda s: changed(s, 0.25) and s.gsd == 0.5),
    "s2looking": (s2looking, lambda s: changed(s, 0.25) and s.pictures[1].path.parent.name == "Image2"),
    "sysu_cd": (sysu_cd, lambda s: changed(s, 0.25) and s.pictures[0].path.parent.name == "time1"),
    "clcd": (clcd, lambda s: changed(s, 0.25) and s.pictures[1].path.parent.name == "time2"),
    "whu_cd": (whu_cd, lambda s: changed(s, 0.25) and s.id == "whu_cd/0"),
    "loveda": (loveda, lambda s: striped(s, None, "background", "building", "farmland") and s.id == "loveda/Rural/TrainRural"),
    "open_earth_map": (
        open_earth_map,
        lambda s: striped(s, None, "bare land", "tree", "building") and s.id == "open_earth_map/san_juan_1",
    ),
    "isaid": (isaid, lambda s: striped(s, "background", "ship", "harbor", None)),
    "potsdam": (potsdam, lambda s: striped(s, "impervious surface", "building", "clutter", None) and s.id == "potsdam/2_10"),
    "vaihingen": (vaihingen, lambda s: striped(s, "impervious surface", "building", "clutter", None) and s.gsd == 0.09),
    "uavid": (uavid, lambda s: striped(s, "background clutter", "building", "parked car", "moving car")),
    "udd5": (udd5, lambda s: striped(s, "vegetation", "building", "vehicle", "other")),
    "vdd": (vdd, lambda s: striped(s, "other", "wall", "roof", "water")),
    "dota": (
        dota,
        lambda s: (
            [(t.name, dict(t.attributes)) for t in s.things] == [("plane", {"difficult": "yes"}), ("ship", {})]
            and s.things[0].oriented((100, 200)).width == pytest.approx(42.43, abs=0.01)
            and s.gsd == 0.5
        ),
    ),
    "dior": (
        dior,
        lambda s: s.things[0].name == "expressway service area" and s.things[0].box == pytest.approx((0.1, 0.1, 0.9, 0.9)),
    ),
    "spacenet": (
        spacenet,
        lambda s: (
            len(s.things) == 1
            and s.things[0].box == pytest.approx((0.2, 0.1, 0.4, 0.3))
            and s.things[0].oriented((600, 300)).width == pytest.approx(120)
        ),
    ),
}
