"""Run a protocol on a model."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from geoglot.core.errors import GeoglotError, InputError
from geoglot.core.parts import find
from geoglot.data.sample import Sample
from geoglot.evals import material, overlap
from geoglot.evals.job import Job, Outcome
from geoglot.evals.protocol import Protocol
from geoglot.metrics.bootstrap import Difference, interval, paired
from geoglot.models.record import Record

DRAWS = 1000


@dataclass(frozen=True)
class Report:
    """A figure with all that is needed to believe it. ``items`` are those that were measured, in order."""

    model: str
    model_hash: str
    dtype: str
    protocol: str
    protocol_hash: str
    title: str
    term: str
    split: str
    metric: str
    figures: dict[str, float]
    low: float
    high: float
    n: int
    baselines: dict[str, float]
    skipped: tuple[material.Skipped, ...]
    overlap: overlap.Overlap | None
    data_hash: str
    seconds: float
    details: dict[str, Any]
    outcome: Outcome
    items: tuple[Sample, ...]
    how: Mapping[str, Any]

    @property
    def figure(self) -> float:
        """The protocol's headline."""
        return self.figures[self.metric]

    def plain(self) -> dict[str, Any]:
        """The report in plain values, for JSON: without the items' pictures."""
        held = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("outcome", "items", "overlap")}
        held["skipped"] = [asdict(skipped) for skipped in self.skipped]
        held["overlap"] = None if self.overlap is None else asdict(self.overlap) | {"items": self.overlap.items}
        return held | {"figure": self.figure}


def evaluate(
    model: Any,
    protocol: Protocol,
    root: Path,
    record: Record | None = None,
    cache: Path | None = None,
    check_overlap: bool = True,
    how: Mapping[str, Any] | None = None,
) -> Report:
    """Measure a model by a protocol on the data below ``root``: a `Dual`, or what the protocol's kind asks for.

    ``cache`` is where features and hashes are kept; ``how`` are settings of `detect` or `segment`, for protocols of boxes and
    pixels. Raises NotFoundError for data that is not there, InputError for a
    protocol that does not fit it, ModelError for a model that lacks what the protocol needs.
    """
    start = time.monotonic()
    kind = find("evals.kinds", protocol.kind)
    if how and getattr(kind, "VECTORS", True):
        raise InputError(f"{protocol.name} looks at vectors of pictures: {', '.join(how)} are for protocols of boxes and pixels.")
    found = material.samples(protocol, root)
    items, skipped = found, list[material.Skipped]()
    vectors = np.zeros((len(found), 0), np.float32)
    if getattr(kind, "VECTORS", True):  # else the kind looks at the pictures itself
        vectors, kept, skipped = material.vectors(model, found, protocol.prepare, cache)
        items = [found[place] for place in kept]
    job = Job(model, protocol, items, vectors, _train(protocol, root), record, cache, how or {})
    outcome: Outcome = kind.run(job)
    metric = outcome.metric
    figures = metric.result()
    if protocol.metric not in figures:
        raise InputError(f"Protocol {protocol.name} asks for {protocol.metric!r}; {protocol.kind} gives {', '.join(figures)}.")
    low, high = interval(lambda weight: metric.result(weight)[protocol.metric], len(outcome.places), DRAWS)
    measured = [items[place] for place in outcome.places]
    return Report(
        model=model.spec.name,
        model_hash=model.spec.hash,
        dtype=str(getattr(model, "dtype", "unknown")).removeprefix("torch."),
        protocol=protocol.name,
        protocol_hash=protocol.hash,
        title=protocol.title,
        term=outcome.term,
        split=protocol.split,
        metric=protocol.metric,
        figures=figures,
        low=low,
        high=high,
        n=len(outcome.places),
        baselines=dict(outcome.baselines),
        skipped=(*skipped, *outcome.skipped),
        overlap=overlap.of(measured, record, root, cache) if check_overlap else None,
        data_hash=data_hash(measured),
        seconds=time.monotonic() - start,
        details=dict(outcome.details),
        outcome=outcome,
        items=tuple(items),
        how=dict(how or {}),
    )


def compare(a: Report, b: Report) -> Difference:
    """How far one model's headline lies above another's, by the same protocol on the same items. Raises InputError."""
    if (a.protocol_hash, a.data_hash) != (b.protocol_hash, b.data_hash):
        raise InputError(f"{a.model} and {b.model} were measured by other protocols or on other items: they cannot be compared.")
    first, second, name = a.outcome.metric, b.outcome.metric, a.metric
    return paired(lambda weight: first.result(weight)[name], lambda weight: second.result(weight)[name], a.n, DRAWS)


def data_hash(items: Sequence[Sample]) -> str:
    """Twelve hexadecimal digits of what was measured: identifiers, labels, captions and boxes."""
    rows = [
        [item.id, item.label, item.labels, item.captions, *[[thing.name, thing.box, thing.outline] for thing in item.things]]
        for item in items
    ]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()[:12]


def _train(protocol: Protocol, root: Path) -> list[Sample]:
    """Items of the source's training split, none where it has none here, or where the protocol measures it."""
    if protocol.split in ("train", "all"):
        return []
    try:
        return list(find("data.sources", protocol.source).rows(root, "train"))
    except GeoglotError:
        return []
