"""Masks of a decoder beside the cosines of cells: both through `segment`, on pictures held out for choosing, never on tests.

What is told of: Dubai's group 5 (five classes, each pixel one), roads of `epfl_roads`, buildings of `spacenet`. Words are those
of the protocols. Cosines need something else to tell a single class from (`text.templates.everything_else`).

python -m geoglot.evals.decoded nano --decoder FILE --root ../shared/data
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from geoglot import models
from geoglot.data.build import masks
from geoglot.data.build.masks import Masked, MaskViewConfig
from geoglot.data.sample import UNLABELLED
from geoglot.metrics.segmentation import Segmentation
from geoglot.tasks.segment import segment
from geoglot.text.templates import everything_else

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dubai": {
        "bare land": ("bare land", "sand", "desert", "bare soil"),
        "water": ("water", "sea", "lake", "swimming pool"),
        "buildings": ("building", "house", "roof"),
        "vegetation": ("vegetation", "trees", "grass", "park"),
        "roads": ("road", "street", "asphalt"),
    },
    "epfl_roads": {"roads": ("road", "street", "asphalt", "driveway")},
    "spacenet": {"buildings": ("building", "house", "roof")},
}
EXAMPLES = 6  # of a class


def figures(model: Any, source: str, pictures: Sequence[Masked], how: dict[str, Any]) -> dict[str, Any]:
    """Intersection over union in per cent of each class, their mean where there are several, and seconds of this process."""
    words = {name: said for name, said in WORDS[source].items() if name in pictures[0].classes}
    alone = len(words) == 1
    metric = Segmentation(len(words) + alone, (UNLABELLED,), len(words) if alone else None)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for picture in pictures:
            file = Path(folder) / "picture.png"
            Image.fromarray(picture.pixels).save(file)
            given = segment(model, file, words, progress=False, workers=1, **how).read()
            truth = np.full(picture.index.shape, len(words) if alone else UNLABELLED, np.uint8)
            for k, name in enumerate(words):
                truth[np.isin(picture.index, list(picture.classes[name]))] = k
            truth[picture.index == UNLABELLED] = UNLABELLED
            table = np.full(256, len(words), np.uint8)
            table[1 : len(words) + 1] = np.arange(len(words))
            metric.add(table[given], truth)
    seconds = time.process_time() - begun
    each = {name: round(metric.per_class().get(k, {"iou": 0.0})["iou"], 1) for k, name in enumerate(words)}
    pixels = sum(picture.index.size for picture in pictures)
    told: dict[str, Any] = {"n": len(pictures), "IoU": each, "seconds a megapixel": round(seconds / pixels * 1e6, 2)}
    return told if alone else told | {"mIoU": round(metric.result()["mIoU"], 1)}


def examples(root: Path, source: str, folder: Path) -> dict[str, list[Path]]:
    """Cut-outs of training pictures for each class: of some tries at random those that show the most of it."""
    pictures, config, found = (
        masks.load(root, source, "train"),
        MaskViewConfig(size=144, zoom=(0.8, 2.0)),
        dict[str, list[Path]](),
    )
    for name in WORDS[source]:
        rng = np.random.default_rng(0)
        held = [picture for picture in pictures if name in picture.present(64)]
        tries = [(at, masks.view(held[at], config, rng, name)) for at in rng.choice(len(held), 6 * EXAMPLES).tolist()]
        share = [np.isin(index, list(held[at].classes[name])).mean() for at, (_, index) in tries]
        found[name] = []
        for rank, at in enumerate(np.argsort(share)[::-1][:EXAMPLES].tolist()):
            file = folder / f"{source}-{name}-{rank}.png"
            Image.fromarray(np.ascontiguousarray(tries[at][1][0])).save(file)
            found[name].append(file)
    return found


def report(name: str, decoder: Path | str, root: Path) -> dict[str, Any]:
    """All sets, by cosines and by the decoder."""
    model = models.load(name)
    told: dict[str, Any] = {}
    for source in WORDS:
        held = masks.load(root, source, "val")
        said = [phrase for phrases in WORDS[source].values() for phrase in phrases]
        other = {"background": "|".join(everything_else(said))} if len(WORDS[source]) == 1 else {}
        told[source] = {
            "cosines": figures(model, source, held, other),
            "decoder": figures(model, source, held, {"decoder": decoder}),
        }
        with tempfile.TemporaryDirectory() as folder:
            shown = {"decoder": decoder, "examples": examples(root, source, Path(folder))}
            told[source]["decoder, words and examples"] = figures(model, source, held, shown)
    return told


def main() -> None:
    """Print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--decoder", required=True)
    parser.add_argument("--root", type=Path, default=Path("../shared/data"))
    given = parser.parse_args()
    print(json.dumps(report(given.model, given.decoder, given.root), indent=1))


if __name__ == "__main__":
    main()
