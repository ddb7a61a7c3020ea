"""Training material on disk: pictures once as a memory map, every sentence that may go with each of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.sample import Card, Sample, Split
from geoglot.text import sentences

KINDS = ("caption", "class", "things", "cover", "objects")


def texts_of(sample: Sample, classes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Give every sentence that is true of a sample, by kind; those that name a direction are left out.

    ``classes`` maps scene classes to the phrases that say them; a label without phrases stands for itself.
    """
    found: dict[str, list[str]] = {"caption": [t for t in sample.captions if not sentences.has_direction(t)]}
    place = None
    if sample.label is not None:
        phrases = classes.get(sample.label, (sample.label,))
        found["class"] = sentences.prompts(phrases)
        place = sentences.article(phrases[0])
    if sample.things:
        found["things"] = sentences.from_counts((thing.name for thing in sample.things), place)
    found["cover"] = sentences.from_cover(sample.cover)
    found["objects"] = sentences.from_objects(sample.labels)
    return {kind: texts for kind, texts in found.items() if texts}


@dataclass(frozen=True)
class Material:
    """Pictures (N, S, S, 3) uint8 and their sentences: ``texts`` (M,), ``by_kind`` gives indices for each picture.

    ``source`` (N,) names the data set, ``label`` (N,) the scene class ("" where there is none).
    """

    pixels: NDArray[np.uint8]
    texts: tuple[str, ...]
    by_kind: tuple[dict[str, tuple[int, ...]], ...]
    ids: tuple[str, ...]
    source: tuple[str, ...]
    label: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int]) -> Material:
        """Keep some pictures (copied into memory); the table of sentences stays whole."""
        return Material(
            self.pixels[np.asarray(rows, dtype=np.int64)],
            self.texts,
            tuple(self.by_kind[i] for i in rows),
            tuple(self.ids[i] for i in rows),
            tuple(self.source[i] for i in rows),
            tuple(self.label[i] for i in rows),
        )


def build(samples: Iterable[tuple[Card, Sample]], size: int, folder: Path, name: str) -> Material:
    """Decode pictures into ``folder`` once (a second call with the same samples reads what is there).

    The first picture of each sample is taken, at ``size`` x ``size``. A sample without a sentence is left out.
    """
    table: dict[str, int] = {}
    by_kind, kept = [], []
    for card, sample in samples:
        found = texts_of(sample, card.classes)
        if found:
            by_kind.append({k: tuple(table.setdefault(t, len(table)) for t in ts) for k, ts in found.items()})
            kept.append(sample)
    ids = tuple(sample.id for sample in kept)
    stamp = hashlib.sha256(json.dumps([size, ids]).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{stamp}.npy"
    if not file.exists():
        part = file.with_suffix(".part")
        pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(kept), size, size, 3))
        with track(len(kept), f"decode {name}", "picture") as progress:
            for i, sample in enumerate(kept):
                pixels[i] = sample.pictures[0].read(size)
                progress.advance(1)
        pixels.flush()
        part.rename(file)
    return Material(
        np.load(file, mmap_mode="r"),
        tuple(table),
        tuple(by_kind),
        ids,
        tuple(sample.source for sample in kept),
        tuple(sample.label or "" for sample in kept),
    )


def join(parts: Sequence[Material]) -> Material:
    """Put materials of one picture size together, in memory."""
    table: dict[str, int] = {}
    by_kind = []
    for part in parts:
        new = [table.setdefault(text, len(table)) for text in part.texts]
        by_kind += [{k: tuple(new[i] for i in v) for k, v in row.items()} for row in part.by_kind]
    return Material(
        np.concatenate([part.pixels for part in parts]),
        tuple(table),
        tuple(by_kind),
        tuple(i for part in parts for i in part.ids),
        tuple(s for part in parts for s in part.source),
        tuple(s for part in parts for s in part.label),
    )


def without_classes(material: Material, kept_out: Mapping[str, Sequence[str]], phrases: Sequence[str]) -> Material:
    """Drop the pictures of scene classes (by source), and every sentence that says one of the phrases, of any picture.

    A picture that no sentence is left of is dropped too.
    """
    said = re.compile(r"\b(?:" + "|".join(re.escape(phrase) for phrase in phrases) + r")(?:e?s)?\b", re.IGNORECASE)
    silent = [said.search(text) is None for text in material.texts]
    by_kind = [{k: tuple(i for i in v if silent[i]) for k, v in row.items()} for row in material.by_kind]
    by_kind = [{k: v for k, v in row.items() if v} for row in by_kind]
    label, source = material.label, material.source
    rows = [i for i, row in enumerate(by_kind) if row and label[i] not in kept_out.get(source[i], ())]
    return replace(material, by_kind=tuple(by_kind)).take(rows)


def sources(root: Path, cache: Path, names: Sequence[str], split: Split, size: int) -> Material:
    """Read and decode the given sources of a split; raises NotFoundError for a source that is not there."""

    def rows(name: str) -> list[tuple[Card, Sample]]:
        source = find("data.sources", name)
        return [(source.CARD, sample) for sample in source.rows(root, split)]

    return join([build(rows(name), size, cache, f"{name}-{split}") for name in names])
