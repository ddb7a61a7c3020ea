"""A stream for torch's `DataLoader`: each of its workers reads its own part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import IterableDataset

from geoglot.data.sample import Sample
from geoglot.data.shards.stream import Resumable


class Loadable(IterableDataset[Any]):
    """Gives decoded samples of a stream whose ``part`` is left open; one pass is one epoch.

    The workers' places are not kept by the loader: to resume at a sample, use `prefetch`.
    """

    def __init__(self, stream: Resumable, decode: Callable[[Sample], Any]) -> None:
        self.stream, self.decode = stream, decode

    def __iter__(self) -> Iterator[Any]:
        for sample in self.stream:
            yield self.decode(sample)
