"""AID scenes with the RSICD captions of the same images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import of_split
from geoglot.data.sample import Card, Picture, Sample, Split, require

CARD = Card(
    name="aid_rsicd",
    title="AID with RSICD captions",
    licence="research use, unverified",
    origin="Xia et al. 2017 (AID); Lu et al. 2018 (RSICD)",
    splits=("train", "val", "test"),
    task="scene classes, captions",
    gsd=(2.0, 32.0),
    quirks="Re-encoded at 150 px, four times coarser than AID. Near-duplicates: industrial_203/205, port_183/248, beach_68/88.",
    classes={
        "Airport": ("airport", "airfield with airplanes"),
        "BareLand": ("bare land", "bare ground", "bare soil"),
        "BaseballField": ("baseball field", "baseball diamond"),
        "Beach": ("beach", "sandy beach by the sea"),
        "Bridge": ("bridge", "bridge over water"),
        "Center": ("center", "large public building"),
        "Church": ("church",),
        "Commercial": ("commercial area", "shops and office buildings"),
        "DenseResidential": ("dense residential area", "crowded houses"),
        "Desert": ("desert",),
        "Farmland": ("farmland", "agricultural fields", "cropland"),
        "Forest": ("forest", "trees"),
        "Industrial": ("industrial area", "factory"),
        "Meadow": ("meadow", "grassland"),
        "MediumResidential": ("medium residential area", "residential area with houses"),
        "Mountain": ("mountain", "mountains"),
        "Park": ("park",),
        "Parking": ("parking lot", "parked cars"),
        "Playground": ("playground", "sports ground with a running track"),
        "Pond": ("pond",),
        "Port": ("port", "harbour with boats"),
        "RailwayStation": ("railway station",),
        "Resort": ("resort",),
        "River": ("river",),
        "School": ("school",),
        "SparseResidential": ("sparse residential area", "a few houses among trees"),
        "Square": ("square", "public square"),
        "Stadium": ("stadium",),
        "StorageTanks": ("storage tanks", "oil tanks"),
        "Viaduct": ("viaduct", "highway interchange"),
    },
)

# What a scene of a class holds by definition of the class.
CONTAINS = {
    "Beach": ("water", "sand"),
    "Farmland": ("fields",),
    "Forest": ("trees",),
    "Parking": ("cars",),
    "Pond": ("water",),
    "Port": ("water", "boats"),
    "River": ("water",),
}


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give the scenes of a split; the ground sampling distance differs by scene and is unknown."""
    file = require(root / "aid_rsicd.jsonl", CARD)
    for row in of_split(file, split, CARD):
        yield Sample(
            id=row["image"],
            source=CARD.name,
            pictures=(Picture(root / row["image"]),),
            captions=tuple(row["captions"]),
            label=row["class"],
            labels=CONTAINS.get(row["class"], ()),
        )
