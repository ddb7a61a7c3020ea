"""Which test items resemble what the model was taught, by its training record and perceptual hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import GeoglotError
from geoglot.core.parts import find, names
from geoglot.data.build import duplicates
from geoglot.data.sample import Sample
from geoglot.evals import digests
from geoglot.models.record import Record

BITS = 4  # as the recipe of nano, which leaves out what is nearer


@dataclass(frozen=True)
class Overlap:
    """``pairs`` (test item, taught item); ``compared`` and ``not_compared`` say with what, or why not."""

    pairs: tuple[tuple[str, str], ...]
    compared: tuple[str, ...]
    not_compared: tuple[str, ...]

    @property
    def items(self) -> list[str]:
        """Test items that resemble at least one taught picture."""
        return list(dict.fromkeys(item for item, _ in self.pairs))


def of(items: Sequence[Sample], record: Record | None, root: Path, cache: Path | None = None) -> Overlap | None:
    """Compare the items with every taught source that is below ``root``; None for a model without a training record."""
    if record is None:
        return None
    held = digests.of(items, cache, "hash")
    pairs: list[tuple[str, str]] = []
    compared, missing = [], [f"{name} (not on disk as a set)" for name in record.other]
    for name, taught in record.sources.items():
        if name not in names("data.sources"):
            missing.append(f"{name} (no source of that name)")
            continue
        try:
            left_out = set(taught.left_out)
            source = find("data.sources", name)
            splits = [taught.split]
            rows = _of(source, root, splits)
            if len(rows) < taught.pictures:  # the source has been cut otherwise since
                splits = list(source.CARD.splits)
                rows = _of(source, root, splits)
            teach = [s for s in rows if s.id.split("@")[0] not in left_out and s.label not in taught.unseen]
        except GeoglotError:
            missing.append(f"{name} (not below the data root)")
            continue
        seen = digests.of(teach, cache, f"hash {name}")
        compared.append(f"{name} {' and '.join(splits)}")
        own = np.flatnonzero(held.good)
        for i, j in duplicates.near(seen.hashes[:, 0], held.hashes[own], BITS):
            if seen.good[i]:
                pairs.append((items[int(own[j])].id, teach[i].id))
    return Overlap(tuple(sorted(set(pairs))), tuple(compared), tuple(missing))


def _of(source: Any, root: Path, splits: Sequence[str]) -> list[Sample]:
    return [sample for split in splits for sample in source.rows(root, split)]
