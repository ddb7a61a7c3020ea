"""What a kind of protocol is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import ModelError
from geoglot.data.sample import Sample
from geoglot.evals.material import Skipped
from geoglot.evals.protocol import Protocol as Rules
from geoglot.models.record import Record

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Mistake:
    """An item that was answered wrongly: its place among the items, what was wanted, what came, how far off the score was.

    ``panels`` are further pictures (H, W, 3) that show it, with what each is.
    """

    place: int
    wanted: str
    given: str
    gap: float
    panels: tuple[tuple[str, NDArray[np.uint8]], ...] = ()


class Weighted(Protocol):
    """A metric whose figures can be taken of weighted samples."""

    def result(self, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """The figures."""


@dataclass(frozen=True)
class Job:
    """A model and the items of a protocol that could be read, with their unit vectors (N, D).

    ``train`` are items of the source's training split, for baselines and for heads; ``cache`` is the folder of the caches;
    ``how`` are settings of the verb that a kind asks a dual encoder by.
    """

    model: Any
    rules: Rules
    items: Sequence[Sample]
    vectors: Floats
    train: Sequence[Sample]
    record: Record | None
    cache: Path | None = None
    how: Mapping[str, Any] = field(default_factory=dict)

    def text(self, texts: Sequence[str]) -> Floats:
        """Unit vectors (T, D) of texts. Raises ModelError where the model has no text tower."""
        if not callable(getattr(self.model, "text", None)):
            raise ModelError(
                f"{self.model.spec.name} has no text tower, which {self.rules.name} needs: take a protocol that works on "
                "images alone, such as aid-probe."
            )
        found = self.model.text(list(texts))
        vectors: Floats = np.asarray(found.float().cpu().numpy() if hasattr(found, "cpu") else found, dtype=np.float32)
        return vectors


@dataclass(frozen=True)
class Outcome:
    """Figures of one model by one protocol.

    ``metric`` gives the figures of weighted items (``places`` among the job's items); ``term`` is what the result may be
    called, ``baselines`` the figures of answers without the model by the protocol's own metric, ``skipped`` what could not be
    read, by a kind that reads the items itself.
    """

    metric: Weighted
    places: Sequence[int]
    term: str
    baselines: Mapping[str, float]
    mistakes: Sequence[Mistake] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    skipped: Sequence[Skipped] = ()
