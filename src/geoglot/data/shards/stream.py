"""Samples in a shuffled order that depends on the seed alone, divided among readers, resumable at any sample.

Shuffling is by the order of shards and a buffer of samples. The state is small and plain (JSON holds it): the epoch, the
place in the shards, and the addresses of what is in the buffer, which is read anew on resuming.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from geoglot.core.errors import DataError, InputError
from geoglot.data.sample import Sample
from geoglot.data.shards.damage import DamagedError, OnDamage, Tell, tell
from geoglot.data.shards.manifest import Shard, digest_of, open_shards

_MASK = (1 << 64) - 1
State = dict[str, Any]


class Resumable(Protocol):
    """What gives samples and can say and take up where it is; iterating gives the rest of an epoch, and again the next one."""

    def __iter__(self) -> Iterator[Sample]: ...
    def state_dict(self) -> State:
        """Give the place after the last sample that was given, as plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place. Raises DataError when it is that of another stream."""


def draw(below: int, *key: int) -> int:
    """Give a number in [0, below) that depends on the key alone (splitmix64): no state of a generator to keep."""
    z = 0
    for part in key:
        z = (z + part + 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        z ^= z >> 31
    return (z * below) >> 64


def parts() -> tuple[int, int]:
    """This reader's number and how many there are: processes of a distributed run times workers of a torch `DataLoader`."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    loaded = sys.modules.get("torch.utils.data")  # without torch there are no such workers
    info = None if loaded is None else loaded.get_worker_info()
    return (rank, world) if info is None else (rank * info.num_workers + info.id, world * info.num_workers)


class Stream:
    """The samples of shards. ``buffer`` samples are held for shuffling (0: everything in its own order).

    ``part`` is (k, n): this is reader k of n, whose shares are disjoint and together whole; by default that of `parts`.
    With fewer shards than readers, a shard is shared sample by sample. A damaged shard stops the stream, or with
    ``on_damage="skip"`` is left at its first damage with a word through ``say``; ``checksum`` compares every shard with
    the manifest before it is read.
    """

    def __init__(
        self,
        shards: Sequence[Shard] | str | Path,
        seed: int = 0,
        buffer: int = 1000,
        part: tuple[int, int] | None = None,
        on_damage: OnDamage = "stop",
        checksum: bool = False,
        say: Tell = tell,
    ) -> None:
        self.shards = open_shards(shards) if isinstance(shards, str | Path) else tuple(shards)
        if part is not None and not 0 <= part[0] < part[1]:
            raise InputError(f"A part is (k, n) with k from 0 to n - 1, got {part}.")
        self.seed, self.buffer, self.part = seed, buffer, part
        self.on_damage, self.checksum, self.say = on_damage, checksum, say
        self._names = digest_of(shard.path.name for shard in self.shards)
        self._begin(0)

    def _begin(self, epoch: int) -> None:
        self._epoch, self._unit, self._next, self._drawn = epoch, 0, 0, 0
        self._held: list[tuple[int, int]] = []

    @property
    def epoch(self) -> int:
        """The epoch that is being given, from 0."""
        return self._epoch

    def total(self) -> int:
        """How many samples an epoch of all parts has, from the manifest; raises DataError without one."""
        if any(shard.entry is None for shard in self.shards):
            raise DataError("Shards without a manifest do not tell how many samples they hold: count them by reading.")
        return sum(shard.entry.samples for shard in self.shards if shard.entry is not None)

    def __iter__(self) -> Iterator[Sample]:
        units = self._units()
        held = self._read_again()
        for address, sample in self._raw(units):
            if self.buffer < 2:
                yield sample
            elif len(held) < self.buffer:
                held.append(sample)
                self._held.append(address)
            else:
                place = self._draw(len(held))
                out, held[place], self._held[place] = held[place], sample, address
                yield out
        while held:
            place = self._draw(len(held))
            held[place], held[-1] = held[-1], held[place]
            self._held[place] = self._held[-1]
            self._held.pop()
            yield held.pop()
        self._begin(self._epoch + 1)

    def state_dict(self) -> State:
        """Give the place after the last sample that was given, as plain values."""
        place = {"epoch": self._epoch, "unit": self._unit, "next": self._next, "drawn": self._drawn}
        return place | self._identity() | {"held": [list(address) for address in self._held]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place. Raises DataError when it is that of other shards, another seed, buffer or part."""
        for key, value in self._identity().items():
            if state.get(key) != value:
                raise DataError(
                    f"The state is of another stream ({key} {state.get(key)}, here {value}): resume with its settings."
                )
        self._epoch, self._unit, self._next, self._drawn = (state[key] for key in ("epoch", "unit", "next", "drawn"))
        self._held = [(shard, number) for shard, number in state["held"]]

    def _identity(self) -> State:
        return {"shards": self._names, "seed": self.seed, "buffer": self.buffer, "part": list(self.part or parts())}

    def _draw(self, below: int) -> int:
        self._drawn += 1
        return draw(below, self.seed, self._epoch, self._drawn)

    def _units(self) -> list[tuple[int, int, int]]:
        """What this part reads in this epoch: (shard, which stripe of it, of how many)."""
        k, n = self.part or parts()
        count = len(self.shards)
        order = np.random.default_rng([self.seed, self._epoch]).permutation(count) if self.buffer else np.arange(count)
        stripes = 1 if count >= n else -(-n // max(count, 1))
        return [(int(shard), stripe, stripes) for stripe in range(stripes) for shard in order][k::n]

    def _raw(self, units: list[tuple[int, int, int]]) -> Iterator[tuple[tuple[int, int], Sample]]:
        for unit in range(self._unit, len(units)):
            number, stripe, stripes = units[unit]
            shard, start = self.shards[number], self._next
            try:
                shard.check(self.checksum)
            except DamagedError as error:
                self._damaged(error)
            try:
                for index, sample in shard.reader.read(shard.path, lambda i, f=start, s=stripe, n=stripes: i >= f and i % n == s):
                    self._unit, self._next = unit, index + 1
                    yield (number, index), sample
            except DamagedError as error:
                self._damaged(error)
            self._unit, self._next = unit + 1, 0

    def _damaged(self, error: DamagedError) -> None:
        if self.on_damage == "stop":
            raise error
        self.say(f"skipped: {error}")

    def _read_again(self) -> list[Sample]:
        """The samples of the buffer, after resuming."""
        found: dict[tuple[int, int], Sample] = {}
        for number in sorted({shard for shard, _ in self._held}):
            wanted = {index for shard, index in self._held if shard == number}
            path = self.shards[number].path
            try:
                for index, sample in self.shards[number].reader.read(path, wanted.__contains__):
                    found[number, index] = sample
            except DamagedError as error:
                if self.on_damage == "stop":
                    raise
                self.say(f"skipped: {error}")
        return [found[address] for address in self._held]


class Listed:
    """Samples of a list (the rows of a source) as a stream: shuffled whole, divided, resumable."""

    def __init__(
        self, samples: Sequence[Sample], seed: int = 0, shuffle: bool = True, part: tuple[int, int] | None = None
    ) -> None:
        self.samples, self.seed, self.shuffle, self.part = samples, seed, shuffle, part
        self._ids = digest_of(sample.id for sample in samples)
        self._epoch = self._next = 0

    def __iter__(self) -> Iterator[Sample]:
        k, n = self.part or parts()
        count = len(self.samples)
        order = np.random.default_rng([self.seed, self._epoch]).permutation(count) if self.shuffle else np.arange(count)
        for index in order[k::n][self._next :]:
            self._next += 1
            yield self.samples[index]
        self._epoch, self._next = self._epoch + 1, 0

    def state_dict(self) -> State:
        """Give the place after the last sample that was given, as plain values."""
        return {"ids": self._ids, "seed": self.seed, "part": list(self.part or parts()), "epoch": self._epoch, "next": self._next}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place. Raises DataError when it is that of other samples, another seed or part."""
        for key, value in (("ids", self._ids), ("seed", self.seed), ("part", list(self.part or parts()))):
            if state.get(key) != value:
                raise DataError(f"The state is of another list ({key} {state.get(key)}, here {value}): resume with its settings.")
        self._epoch, self._next = state["epoch"], state["next"]
