"""Batches by number, shared among processes, made ahead where wished, and cut into parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from geoglot.core.errors import ConfigError
from geoglot.nn.batch import ImageBatch

Batch = Any
Batches = Callable[[int], Batch]


@runtime_checkable
class Shared(Protocol):
    """Batches of which one process's rows can be made without the others'."""

    def part(self, index: int, rank: int, world: int) -> Batch:
        """Give the rows of batch ``index`` that process ``rank`` of ``world`` takes: an even share, in order."""


@runtime_checkable
class Named(Protocol):
    """Batches whose rows have names, to be told when something is wrong with one."""

    def names(self, index: int) -> Sequence[str]:
        """Give the names of the rows of batch ``index``."""


def count(batch: Batch) -> int:
    """Give the number of rows of a batch: that of every tensor and image batch in it.

    Raises ConfigError where there is none or they differ, since such a batch cannot be cut.
    """
    found = sorted({len(leaf) for leaf in _leaves(batch)})
    if len(found) == 1:
        return found[0]
    what = f"tensors of {', '.join(map(str, found))} rows" if found else "no tensors"
    raise ConfigError(
        f"a batch of {what} cannot be cut for train.cache or several processes: give one row a sample in every tensor, or an "
        "object with part(index, rank, world)"
    )


def rows(batch: Batch, part: slice) -> Batch:
    """Take some rows of every tensor, list and image batch in nested tuples, dicts and dataclasses; scalars stay."""
    if isinstance(batch, ImageBatch):
        return batch[part]
    if isinstance(batch, Tensor):
        return batch[part] if batch.ndim else batch
    if isinstance(batch, list):
        return batch[part]
    if isinstance(batch, tuple):
        made = [rows(item, part) for item in batch]
        return type(batch)(*made) if hasattr(batch, "_fields") else tuple(made)
    if isinstance(batch, Mapping):
        return {key: rows(item, part) for key, item in batch.items()}
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{field.name: rows(getattr(batch, field.name), part) for field in fields(batch)})
    return batch


def share(source: Batches, index: int, rank: int, world: int) -> Batch:
    """Give the rows of a batch that a process takes. Raises ConfigError where they cannot be shared evenly."""
    if world == 1:
        return source(index)
    able: object = source
    if isinstance(able, Shared):
        return able.part(index, rank, world)
    whole = source(index)
    total = count(whole)
    if total % world:
        raise ConfigError(f"a batch of {total} rows cannot be shared by {world} processes: choose a batch that {world} divides")
    size = total // world
    return rows(whole, slice(rank * size, (rank + 1) * size))


def told(source: Batches, index: int, batch: Batch, rank: int) -> str:
    """Say in words which rows of a process's batch hold numbers that are not finite, by name where rows have names."""
    bad = sorted({row for leaf in _leaves(batch) for row in _damaged(leaf.pixels if isinstance(leaf, ImageBatch) else leaf)})
    if not bad:
        return ""
    known: list[str] = list(source.names(index)) if isinstance(source, Named) else []
    first = rank * count(batch) if rank else 0
    names = [known[first + row] if first + row < len(known) else f"row {first + row}" for row in bad]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"; what goes in is not finite in {', '.join(names[:3])}{more}"


def to(batch: Batch, device: torch.device) -> Batch:
    """Move all tensors of a batch to a device."""
    if isinstance(batch, Tensor | ImageBatch):
        return batch.to(device)
    if isinstance(batch, tuple):
        made = [to(item, device) for item in batch]
        return type(batch)(*made) if hasattr(batch, "_fields") else tuple(made)
    if isinstance(batch, Mapping):
        return {key: to(item, device) for key, item in batch.items()}
    if is_dataclass(batch) and not isinstance(batch, type):
        return replace(batch, **{field.name: to(getattr(batch, field.name), device) for field in fields(batch)})
    return batch


def ahead(make: Callable[[int], Batch], first: int, last: int, depth: int) -> Iterator[Batch]:
    """Give `make(first)` to `make(last - 1)`, up to ``depth`` of them made ahead in a thread."""
    if depth == 0:
        yield from (make(index) for index in range(first, last))
        return
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: list[Future[Batch]] = []
        try:
            for index in range(first, last):
                while len(waiting) < min(depth + 1, last - index):
                    waiting.append(pool.submit(make, index + len(waiting)))
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def _damaged(leaf: Tensor) -> list[int]:
    if not leaf.is_floating_point():
        return []
    found: list[int] = torch.nonzero(~leaf.flatten(1).isfinite().all(1) if leaf.ndim > 1 else ~leaf.isfinite())[:, 0].tolist()
    return found


def _leaves(batch: Batch) -> Iterator[Any]:
    if isinstance(batch, ImageBatch) or (isinstance(batch, Tensor) and batch.ndim):
        yield batch
    elif isinstance(batch, Mapping):
        for item in batch.values():
            yield from _leaves(item)
    elif isinstance(batch, tuple):
        for item in batch:
            yield from _leaves(item)
    elif is_dataclass(batch) and not isinstance(batch, type):
        for field in fields(batch):
            yield from _leaves(getattr(batch, field.name))
