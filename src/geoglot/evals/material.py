"""The pictures of a protocol: read, prepared for a model, embedded once, the broken ones counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import InputError, NotFoundError, RasterError
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.build.windows import wholes
from geoglot.data.sample import Sample
from geoglot.data.sample import Split as OneSplit
from geoglot.evals.protocol import Prepare, Protocol
from geoglot.models.cache import FeatureCache, key_of
from geoglot.nn.batch import ImageBatch

BATCH = 64
Item = TypeVar("Item")
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Skipped:
    """A picture that could not be read, and why."""

    id: str
    reason: str


def samples(protocol: Protocol, root: Path) -> list[Sample]:
    """Give the protocol's items, in order. Raises NotFoundError for a wrong root and InputError for an empty split."""
    source = find("data.sources", protocol.source)
    splits = get_args(OneSplit) if protocol.split == "all" else (protocol.split,)
    found = [sample for split in splits for sample in source.rows(root, split)]
    if protocol.whole:
        found = list(wholes(found))
    if protocol.last_fifth:
        found = last_fifth(found)
    if protocol.limit is not None:
        found = spread(found, protocol.limit)
    if not found:
        has = ", ".join(source.CARD.splits)
        raise InputError(f"{source.CARD.title} has no items in the split {protocol.split!r} below {root}; it is cut into {has}.")
    return found


def last_fifth(items: Sequence[Sample]) -> list[Sample]:
    """Keep the last fifth of each class by sorted identifier."""
    ordered = sorted(items, key=lambda sample: (sample.label or "", sample.id))
    classes = [list(rows) for _, rows in groupby(ordered, key=lambda sample: sample.label)]
    return [sample for rows in classes for sample in rows[len(rows) - len(rows) // 5 :]]


def spread(items: list[Item], limit: int) -> list[Item]:
    """Keep so many items at even distances, so that a few of each class stay."""
    if limit >= len(items):
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).round().astype(int)]


def prepared(sample: Sample, prepare: Prepare, size: int) -> NDArray[np.uint8]:
    """Give the first picture of a sample as (size, size, 3). Raises NotFoundError and RasterError."""
    image = Image.fromarray(sample.pictures[0].read())
    width, height = image.size
    short = min(width, height)
    wide = prepare.crop * (short if prepare.fit == "centre" else width)
    high = prepare.crop * (short if prepare.fit == "centre" else height)
    left, top = (width - wide) / 2, (height - high) / 2
    box = (left, top, left + wide, top + high)
    return np.asarray(image.resize((size, size), FILTERS[prepare.resample], box=box))


def pictures(items: Sequence[Sample], read: Callable[[Sample], NDArray[Any]]) -> Iterator[NDArray[Any] | Skipped]:
    """Read the items on a few threads, in order; one that cannot be read is `Skipped`."""

    def one(sample: Sample) -> NDArray[Any] | Skipped:
        try:
            return read(sample)
        except (NotFoundError, RasterError) as error:
            return Skipped(sample.id, str(error))

    with ThreadPoolExecutor(4) as pool:
        for start in range(0, len(items), BATCH):
            yield from pool.map(one, items[start : start + BATCH])


def vectors(
    model: Any, items: Sequence[Sample], prepare: Prepare, root: Path | None = None, label: str = "look"
) -> tuple[NDArray[np.float32], list[int], list[Skipped]]:
    """Give unit vectors (N, D) of the items that can be read, their places among the items, and the others.

    Known vectors come from the cache below ``root``. Raises InputError when not one picture can be read.
    """
    spec = model.spec
    # the key is of the pixels as prepared, so that two ways to prepare them that come to the same share their vectors
    cache = FeatureCache(spec.hash, str(model.dtype), "pictures in [0, 1]", root=root)
    kept: list[bytes] = []
    places: list[int] = []
    skipped: list[Skipped] = []
    fresh: dict[bytes, NDArray[np.uint8]] = {}

    def embed() -> None:
        if fresh:
            for key, vector in zip(fresh, _look(model, np.stack(list(fresh.values()))), strict=True):
                cache.put(key, vector)
            fresh.clear()

    with track(len(items), label, "picture") as progress:
        for place, picture in enumerate(pictures(items, lambda sample: prepared(sample, prepare, spec.size))):
            progress.advance(1)
            if isinstance(picture, Skipped):
                skipped.append(picture)
                continue
            key = key_of(picture)
            kept.append(key)
            places.append(place)
            if cache.get(key) is None:
                fresh[key] = picture
            if len(fresh) == BATCH:
                embed()
                if len(cache.known) % (16 * BATCH) == 0:
                    cache.save()
        embed()
    cache.save()
    if not kept:
        raise InputError(f"Not one of {len(items)} pictures can be read; the first: {skipped[0].reason}")
    return np.stack([cache.known[key] for key in kept]), places, skipped


def _look(model: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    seen = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    found: NDArray[np.float32] = model.image(ImageBatch.of(seen)).float().cpu().numpy()
    return found
