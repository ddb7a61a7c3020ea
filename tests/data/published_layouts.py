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
    "spacenet": (
        spacenet,
        lambda s: (
            len(s.things) == 1
            and s.things[0].box == pytest.approx((0.1, 0.1, 0.2, 0.3))
            and s.things[0].oriented((600, 600)).width == pytest.approx(120)
        ),
    ),
}
