"""Figures of an image-text model on the held-out pictures of AID and UC Merced, beside trivial baselines.

python -m geoglot.evals.held_out nano --root ../shared/data --cache runs/cache --split test
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot import models
from geoglot.core.parts import find
from geoglot.data.build import mixture
from geoglot.data.sample import Split
from geoglot.evals import dual as figures

SIDE = 160
SETS = ("aid_rsicd", "ucm")

# Other words for AID's classes, to see whether the text tower carries over to words that were not taught.
SYNONYMS = {
    "Airport": "aerodrome",
    "BareLand": "wasteland",
    "Beach": "seashore",
    "Bridge": "river crossing",
    "Church": "cathedral",
    "Commercial": "downtown shopping district",
    "DenseResidential": "tightly packed homes",
    "Desert": "sahara dunes",
    "Farmland": "tilled acreage",
    "Forest": "jungle",
    "Industrial": "manufacturing complex",
    "Meadow": "pasture",
    "Mountain": "alpine peaks",
    "Park": "botanical gardens",
    "Parking": "automobile storage yard",
    "Playground": "athletics oval",
    "Pond": "small lagoon",
    "Port": "marina",
    "RailwayStation": "train depot",
    "Resort": "holiday village",
    "River": "stream",
    "School": "university campus",
    "SparseResidential": "isolated cottages",
    "Square": "plaza",
    "Stadium": "sports arena",
    "StorageTanks": "petroleum silos",
    "Viaduct": "elevated motorway junction",
}


def untaught(synonyms: dict[str, str], taught: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Keep the synonyms that have a word which no training sentence holds."""
    known = {word for text in taught for word in re.findall(r"[a-z]+", text.lower())}
    return {name: (text,) for name, text in synonyms.items() if set(text.split()) - known}


def report(name: str, root: Path, cache: Path, split: Split, device: str = "auto", dtype: str = "auto") -> dict[str, Any]:
    """Give all figures of a model. Raises NotFoundError when the model or the data is not there."""
    model = models.load(name, device, dtype)

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = model.text(texts).cpu().numpy()
        return found

    found: dict[str, Any] = {"model": model.spec.name, "hash": model.spec.hash, "split": split, "dtype": str(model.dtype)}
    for key in SETS:
        material = mixture.sources(root, cache, [key], split, SIDE)
        classes = find("data.sources", key).CARD.classes
        images = figures.picture_vectors(model.image, material.pixels, model.spec.size)
        count = len(material)
        found[f"{key}/retrieval"] = figures.with_interval(figures.retrieval(images, material, embed), "mR", count)
        metric = figures.prompted(images, material.label, classes, embed)
        found[f"{key}/classes"] = figures.with_interval(metric, "accuracy", count)
        found[f"{key}/classes"] |= figures.baselines(material.label, len(classes))
        rng = np.random.default_rng(0)
        noise = rng.normal(size=images.shape).astype(np.float32)
        found[f"{key}/retrieval"]["random vectors mR"] = round(figures.retrieval(noise, material, embed).result()["mR"], 2)
        if key == "aid_rsicd":
            taught = mixture.sources(root, cache, [key], "train", SIDE).texts
            other = untaught(SYNONYMS, taught)
            rows = [i for i, label in enumerate(material.label) if label in other]
            labels = [material.label[i] for i in rows]
            metric = figures.prompted(images[rows], labels, other, embed)
            found[f"{key}/untaught words"] = figures.with_interval(metric, "accuracy", len(rows))
            found[f"{key}/untaught words"] |= figures.baselines(labels, len(other)) | {
                "words": sorted(t[0] for t in other.values())
            }
    return found


def main() -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"))
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    given = parser.parse_args()
    print(json.dumps(report(given.model, given.root, given.cache, given.split, given.device, given.dtype), indent=1))


if __name__ == "__main__":
    main()
