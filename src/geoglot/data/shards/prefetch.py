"""Reading and decoding ahead in threads or processes, in order, within a bound, with a state that counts only what was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

from geoglot.core.errors import InputError
from geoglot.data.sample import Sample
from geoglot.data.shards.stream import Resumable, State

T = TypeVar("T")


class Prefetched(Generic[T]):
    """What `prefetch` gives: the decoded samples in the stream's order, and the stream's state after the last one given."""

    def __init__(self, stream: Resumable, decode: Callable[[Sample], T], workers: int, ahead: int, processes: bool) -> None:
        self._stream, self._decode, self._workers = stream, decode, workers
        self._ahead, self._processes = ahead, processes
        self._state = stream.state_dict()

    def __iter__(self) -> Iterator[T]:
        # what was read ahead and not given is read again
        self._stream.load_state_dict(self._state)
        with self._pool() as pool:
            waiting: deque[tuple[Future[T], State]] = deque()
            try:
                for sample in self._stream:
                    waiting.append((pool.submit(self._decode, sample), self._stream.state_dict()))
                    if len(waiting) > self._ahead:
                        yield self._take(waiting)
                end = self._stream.state_dict()
                while waiting:
                    yield self._take(waiting)
                self._state = end
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _take(self, waiting: deque[tuple[Future[T], State]]) -> T:
        future, state = waiting.popleft()
        found = future.result()
        self._state = state
        return found

    def _pool(self) -> Executor:
        if self._processes:
            # a fork of a process with threads (torch, GDAL) may hang
            return ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"))
        return ThreadPoolExecutor(self._workers)

    def state_dict(self) -> State:
        """Give the stream's place after the last sample that was given."""
        return self._state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place of the stream."""
        self._stream.load_state_dict(state)
        self._state = dict(state)


def prefetch(
    stream: Resumable, decode: Callable[[Sample], T], workers: int = 2, ahead: int = 32, processes: bool = False
) -> Prefetched[T]:
    """Decode samples of a stream in ``workers`` threads or processes, at most ``ahead`` of them before they are asked for.

    With processes, ``decode`` is a function of a module. The order is the stream's; an error of ``decode`` is raised when
    its sample's turn comes.
    """
    if workers < 1 or ahead < 1:
        raise InputError(f"Reading ahead needs at least one worker and one sample, got {workers} and {ahead}.")
    return Prefetched(stream, decode, workers, ahead, processes)
