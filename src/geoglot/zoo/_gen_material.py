"""What `nano-gen` is taught: pictures with words, ground sampling distance and look, and pictures with a mask."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build import masks, mixture
from geoglot.data.build.masks import Masked
from geoglot.data.build.mixture import Material
from geoglot.data.build.rendered import EXTENT, GSDS
from geoglot.models.dual import DualModel
from geoglot.models.nano_gen import COVER, LOOKS, classes
from geoglot.zoo._nano_record import without_overlap

SIDE = 160  # of the pictures in memory
MEASURES = ("aid_rsicd", "ucm")
SOURCES = ("aid_rsicd", "ucm", "vhr10", "airport_obb", "ships", "dubai", "epfl_roads")
UCM_SIDE, UCM_GSD = 256, 0.3
MASK_SIDE = 192  # of a picture with its mask in memory
WHOLE = {"vegetation": ("grass", "farmland", "trees"), "paved": ("pavement", "runway", "pier", "railway")}


@dataclass(frozen=True)
class Taught:
    """Pictures (N, S, S, 3) with sentences as vectors (M, D); of each picture its class among `models.nano_gen.classes` or -1,
    metres to a pixel (0: unknown) and its look."""

    material: Material
    vectors: NDArray[np.float16]
    label: NDArray[np.int64]
    gsd: NDArray[np.float32]
    look: NDArray[np.int64]


@dataclass(frozen=True)
class Covered:
    """Pictures (N, S, S, 3) with what covers their pixels: (N, S, S) numbers among `COVER`, the last of which is unknown."""

    pixels: NDArray[np.uint8]
    index: NDArray[np.uint8]
    gsd: NDArray[np.float32]
    look: NDArray[np.int64]


def teach(root: Path, cache: Path, places: int, model: DualModel) -> tuple[Taught, list[str]]:
    """Everything with words, without what resembles a validation or test picture; and the ids of what was left out."""
    every = mixture.sources(root, cache, SOURCES, "train", SIDE)
    stamp = hashlib.sha256(json.dumps(every.ids).encode()).hexdigest()[:12]
    file = cache / f"gen-dropped-{stamp}.json"
    if file.exists():
        dropped = json.loads(file.read_text(encoding="utf-8"))
        gone = set(dropped)
        real = every.take([i for i, name in enumerate(every.ids) if name.split("@")[0] not in gone])
    else:
        held = [mixture.sources(root, cache, [name], split, SIDE) for name in MEASURES for split in ("val", "test")]
        real, dropped = without_overlap(every, held)
        file.write_text(json.dumps(dropped), encoding="utf-8")
    parts = [real]
    gsd = [np.array([UCM_GSD * UCM_SIDE / SIDE if name == "ucm" else 0.0 for name in real.source], np.float32)]
    if places:
        parts.append(find("data.build", "rendered").material(places, SIDE, cache))
        gsd.append(distances(places))
    both = mixture.join(parts)
    listed = {name: i for i, name in enumerate(classes())}
    label = np.array([listed.get(f"{s}/{c}", -1) for s, c in zip(both.source, both.label, strict=True)])
    look = np.array([LOOKS.index("rendered" if name == "rendered" else "aerial") for name in both.source])
    return Taught(both, vectors(both.texts, model, cache), label, np.concatenate(gsd), look), dropped


def distances(places: int) -> NDArray[np.float32]:
    """Metres to a pixel of the tiles of `data.build.rendered`, in their order."""
    found = [
        gsd for number in range(places) for gsd, count in GSDS if gsd * SIDE <= EXTENT[number % len(EXTENT)] for _ in range(count)
    ]
    return np.array(found, np.float32)


def vectors(texts: Sequence[str], model: DualModel, cache: Path, rows: int = 128) -> NDArray[np.float16]:
    """Unit vectors (M, D) of sentences, made once."""
    stamp = hashlib.sha256(json.dumps([model.spec.hash, *texts]).encode()).hexdigest()[:12]
    file = cache / f"gen-words-{stamp}.npy"
    if not file.exists():
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), model.spec.dim), np.float16)
        with track(len(texts), "read sentences", "sentence") as progress:
            for start in range(0, len(order), rows):
                part = order[start : start + rows]
                out[part] = model.text([texts[i] for i in part]).cpu().numpy()
                progress.advance(len(part))
        np.save(file, out)
    found: NDArray[np.float16] = np.load(file)
    return found


def covered(root: Path, cache: Path, places: int, windows: int) -> Covered:
    """Dubai, roads of EPFL and rendered places with their masks, cut to squares of `MASK_SIDE` pixels at one or two scales."""
    pixels, index, look, gsd = [], [], [], []
    for source in ("dubai", "epfl_roads", masks.RENDERED):
        found = masks.rendered(places, windows, 512, cache) if source == masks.RENDERED else masks.load(root, source, "train")
        known = mask_distances(places, windows) if source == masks.RENDERED else [0.0] * len(found)
        for one, metres in zip(found, known, strict=True):
            table = _table(one)
            for x, y, share in squares(one.pixels, table[one.index]):
                pixels.append(x)
                index.append(y)
                gsd.append(metres * share)
                look.append(LOOKS.index("rendered" if source == masks.RENDERED else "aerial"))
    return Covered(np.stack(pixels), np.stack(index), np.array(gsd, np.float32), np.array(look))


def mask_distances(places: int, windows: int, size: int = 512) -> list[float]:
    """Metres to a pixel of the windows of `data.build.masks.rendered`, in their order."""
    found = []
    for number in range(places):
        rng = np.random.default_rng(masks.FIRST_SEED + number)
        for _ in range(windows):
            gsd = float(rng.choice(masks.GSDS))
            reach = max(0.0, masks.EXTENT / 2 - gsd * size / 2) * (0.5 if rng.random() < 0.5 else 1.0)
            rng.uniform(-reach, reach, 2)
            rng.integers(1 << 31)
            found.append(gsd)
    return found


def _table(one: Masked) -> NDArray[np.uint8]:
    """From the numbers of a mask to those of `COVER` (256,)."""
    table = np.full(256, len(COVER) - 1, np.uint8)
    for k, name in enumerate(COVER[:-1]):
        for said in (name, *WHOLE.get(name, ())):
            for number in one.classes.get(said, ()):
                table[number] = k
    return table


def squares(pixels: NDArray[np.uint8], index: NDArray[np.uint8]) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8], float]]:
    """The picture's middle square, and its four quarters, in `MASK_SIDE` pixels, with how much coarser they are."""
    height, width = index.shape
    side = min(height, width)
    half = side // 2
    frames = [((height - side) // 2, (width - side) // 2, side)]
    frames += [(top, left, half) for top in (0, height - half) for left in (0, width - half)]
    found = []
    for top, left, size in frames:
        part = torch.from_numpy(np.ascontiguousarray(pixels[top : top + size, left : left + size])).permute(2, 0, 1)[None].float()
        small = F.interpolate(part, size=(MASK_SIDE, MASK_SIDE), mode="bilinear", antialias=True)
        at = np.minimum(((np.arange(MASK_SIDE) + 0.5) * size / MASK_SIDE).astype(int), size - 1)
        picture = small[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
        found.append((picture, index[top : top + size, left : left + size][at][:, at], size / MASK_SIDE))
    return found
