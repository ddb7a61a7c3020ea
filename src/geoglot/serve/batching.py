"""Micro-batching: what concurrent requests want encoded goes through the model together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from geoglot.serve.errors import Busy

In = TypeVar("In")
Out = TypeVar("Out")
_WAITING = 1024  # items; more are refused, for their requests would end by time anyway
_PATIENCE = 60.0


class Batcher(Generic[In, Out]):
    """Collects items from many threads and gives them to `work` together, in one thread of its own.

    The first item waits at most `wait` seconds for others; what came while the model was at work waits no longer. `seen` is
    told the size of every batch. After an error each item of a batch is tried alone, so that one bad item does not spoil the
    others.
    """

    def __init__(
        self,
        work: Callable[[Sequence[In]], Sequence[Out]],
        most: int = 32,
        wait: float = 0.003,
        seen: Callable[[int], None] = lambda size: None,
        name: str = "batch",
    ) -> None:
        self._work, self._most, self._wait, self._seen = work, max(1, most), wait, seen
        self._items: queue.Queue[tuple[In, Future[Out]] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __call__(self, item: In) -> Out:
        """The result for one item; `Busy` where too many wait already."""
        future: Future[Out] = Future()
        try:
            self._items.put_nowait((item, future))
        except queue.Full:
            raise Busy("Too many requests wait for the model.", "Send the request again in a few seconds.") from None
        try:
            return future.result(_PATIENCE)
        except TimeoutError:
            raise Busy("The model takes too long.", "Send the request again in a minute.") from None

    def close(self) -> None:
        """End the thread once what waits is done."""
        self._items.put(None)
        self._thread.join(5)

    def _run(self) -> None:
        while True:
            first = self._items.get()
            if first is None:
                return
            batch, ended = self._collect(first)
            self._seen(len(batch))
            self._answer(batch)
            if ended:
                return

    def _collect(self, first: tuple[In, Future[Out]]) -> tuple[list[tuple[In, Future[Out]]], bool]:
        batch = [first]
        until = time.monotonic() + self._wait
        while len(batch) < self._most:
            left = until - time.monotonic()
            try:
                more = self._items.get(timeout=left) if left > 0 else self._items.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
        return batch, False

    def _answer(self, batch: list[tuple[In, Future[Out]]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for pair in batch:
                    self._answer([pair])
            else:
                batch[0][1].set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
