"""A million vectors with the structure of real ones, the rows that carry them, and real texts to look for.

Real tiles (pictures of the training and validation splits, whole and in parts, and windows of satellite scenes) are embedded
with `nano`. Each of the many vectors is made from a real one, v, with the mean m and the covariance C of the real vectors
around it: m + a (v - m) + sqrt(1 - a²) · noise of covariance C. So the covariance of every neighbourhood stays, and with it
the spectrum of the whole, while no two vectors are the same. An isometry lifts them, and the texts, to more dimensions: all
cosines, within and across the two kinds, stay what the model made them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

KEPT = 0.7  # a: how much of a made vector's offset from its neighbourhood's mean is its real parent's
AROUND = 32  # real vectors of a neighbourhood
TILES = 250  # a scene
AT_HOME = 0.5  # share of a scene's tiles that look like its home cluster; the others come from anywhere
_BATCH = 64


@dataclass(frozen=True)
class Real:
    """Unit vectors of real tiles (N, D) and of texts (M, D), with the texts."""

    tiles: Floats
    texts: Floats
    words: tuple[str, ...]


def real(data: Path, cache: Path) -> Real:
    """Embed the real tiles and texts with `nano`, or read them from `cache`."""
    kept = cache / "real.npz"
    if not kept.exists():
        from geoglot import models
        from geoglot.archive.encoding import tile_encoder

        encoder = tile_encoder("nano")
        rows = list(_records(data))
        tiles = [_embed(encoder, part) for part in _batches(_pictures(data, rows, encoder.spec.size))]
        words = _words(rows)
        texts = np.asarray(models.text_encoder(encoder.spec).text(list(words)), dtype=np.float32)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, tiles=np.concatenate(tiles), texts=texts, words=np.array(words))
    with np.load(kept) as found:
        return Real(_unit(found["tiles"]), _unit(found["texts"]), tuple(found["words"].tolist()))


def _records(data: Path) -> Iterator[dict]:
    for name in ("aid_rsicd.jsonl", "ucm_captions_qa.jsonl"):
        for line in (data / name).read_text().splitlines():
            row = json.loads(line)
            if row["split"] != "test":
                yield row


def _words(rows: list[dict]) -> tuple[str, ...]:
    """Captions of validation pictures, and a prompt for each class."""
    captions = sorted({text for row in rows if row["split"] != "train" for text in row["captions"]})
    chosen = np.random.default_rng(0).choice(len(captions), 300, replace=False)
    classes = dict.fromkeys("".join(f" {c.lower()}" if c.isupper() else c for c in row["class"]).strip() for row in rows)
    return (*(captions[i] for i in sorted(chosen)), *(f"a satellite photo of {name}" for name in classes))


def _pictures(data: Path, rows: list[dict], size: int) -> Iterator[Floats]:
    """Each picture whole, and one quarter of it; windows of the satellite scenes."""
    from PIL import Image

    from geoglot.geo.scene import Scene

    rng = np.random.default_rng(0)
    for row in rows:
        with Image.open(data / row["image"]) as file:
            whole = file.convert("RGB")
        side = min(whole.size) // 2
        x, y = (int(rng.integers(0, edge - side + 1)) for edge in whole.size)
        for picture in (whole, whole.crop((x, y, x + side, y + side))):
            yield np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC), np.float32).transpose(2, 0, 1) / 255
    for path in sorted((data / "scenes").glob("*2*/*.tif")) + sorted((data / "scenes" / "naip").glob("*.tif")):
        with Scene.open(path) as scene:
            height, width = scene.shape
            for top in range(0, height - 63, 32):
                for left in range(0, width - 63, 32):
                    seen = scene.display(window=(top, left, 64, 64), shape=(size, size))
                    if seen.valid.all():
                        yield np.asarray(seen.data, np.float32)


def _batches(pictures: Iterator[Floats]) -> Iterator[Floats]:
    waiting: list[Floats] = []
    for picture in pictures:
        waiting.append(picture)
        if len(waiting) == _BATCH:
            yield np.stack(waiting)
            waiting = []
    if waiting:
        yield np.stack(waiting)


def _embed(encoder, pictures: Floats) -> Floats:
    n, _, height, width = pictures.shape
    return encoder.encode(pictures, np.ones((n, height, width), np.bool_), np.full(n, np.nan, np.float32))


def _unit(vectors: Floats) -> Floats:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Local:
    """For each real vector (N, D) the mean (N, D) of its neighbourhood and who is in it (N, K); its cluster (N,)."""

    mean: Floats
    near: NDArray[np.int64]
    cluster: NDArray[np.int64]


def local(tiles: Floats, clusters: int = 64) -> Local:
    near = np.empty((len(tiles), AROUND), np.int64)
    for at in range(0, len(tiles), 2048):
        near[at : at + 2048] = np.argpartition(-(tiles[at : at + 2048] @ tiles.T), AROUND, axis=1)[:, :AROUND]
    mean = np.stack([tiles[row].mean(axis=0) for row in near])
    rng = np.random.default_rng(0)
    centres = tiles[rng.choice(len(tiles), clusters, replace=False)]
    for _ in range(10):
        cluster = np.argmax(tiles @ centres.T, axis=1)
        sums = np.stack([tiles[cluster == c].sum(axis=0) if (cluster == c).any() else centres[c] for c in range(clusters)])
        centres = _unit(sums)
    return Local(mean, near, cluster)


def resample(tiles: Floats, around: Local, parents: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """One new unit vector (len(parents), D) for each parent."""
    mean = around.mean[parents]
    weights = rng.standard_normal((len(parents), 1, AROUND), dtype=np.float32) / np.float32(np.sqrt(AROUND))
    noise = (weights @ (tiles[around.near[parents]] - mean[:, None]))[:, 0]
    return _unit(mean + KEPT * (tiles[parents] - mean) + np.sqrt(1 - KEPT**2) * noise)


def lift(dims: int, have: int) -> Floats:
    """An isometry (have, dims) in a random direction."""
    made, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((dims, have)))
    return np.ascontiguousarray(made.T, np.float32)


def scenes(found: Real, rows: int, dims: int) -> Iterator[tuple[int, Floats]]:
    """Vectors (TILES, dims) of one scene after another, with the cluster that half of its tiles look like."""
    around, turn = local(found.tiles), lift(dims, found.tiles.shape[1])
    members = [np.flatnonzero(around.cluster == c) for c in np.unique(around.cluster)]
    rng = np.random.default_rng(2)
    for at in range(0, rows, TILES):
        n = min(TILES, rows - at)
        home = int(rng.integers(len(members)))
        own = rng.random(n) < AT_HOME
        parents = np.where(own, rng.choice(members[home], n), rng.integers(0, len(found.tiles), n))
        yield home, resample(found.tiles, around, parents, rng) @ turn


def describe(found: Real) -> None:
    """How like the made vectors are to the real ones: spectrum, cosines to neighbours and to texts."""
    around = local(found.tiles)
    rng = np.random.default_rng(4)
    some = rng.choice(len(found.tiles), min(5000, len(found.tiles)), replace=False)
    print("| | first 8 components | 32 | 64 | 96 | effective dimensions | best cosine to a text, mean | mean cosine to a text |")
    print("|---|---|---|---|---|---|---|---|")
    for name, vectors in (("real", found.tiles[some]), ("made", resample(found.tiles, around, some, rng))):
        values = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
        carried = np.cumsum(values) / values.sum()
        shares = " | ".join(f"{carried[count - 1]:.3f}" for count in (8, 32, 64, 96))
        cosines = vectors @ found.texts.T
        effective = values.sum() ** 2 / (values**2).sum()
        print(f"| {name} | {shares} | {effective:.1f} | {cosines.max(axis=0).mean():.3f} | {cosines.mean():.3f} |")
    print()
