"""Open scenes: a few at a time, shared by requests, closed when others need the room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from geoglot.geo.scene import Scene


@dataclass
class _Place:
    scene: Scene
    readers: int = 0
    gone: bool = False


class Shelf:
    """Scenes by key. A scene that someone reads is never closed; one that nobody reads may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._lock = threading.Lock()
        self._opening: dict[str, threading.Lock] = {}

    @contextmanager
    def lend(self, key: str, open_scene: Callable[[], Scene]) -> Iterator[Scene]:
        """The scene of a key, opened if it is not; raises what opening raises."""
        place = self._take(key) or self._open(key, open_scene)
        try:
            yield place.scene
        finally:
            self._give_back(place)

    def _take(self, key: str) -> _Place | None:
        with self._lock:
            place = self._places.get(key)
            if place is not None:
                place.readers += 1
                self._places.move_to_end(key)
            return place

    def _open(self, key: str, open_scene: Callable[[], Scene]) -> _Place:
        with self._lock:
            gate = self._opening.setdefault(key, threading.Lock())
        with gate:  # of several that want one scene at once, one opens it
            place = self._take(key)
            if place is None:
                place = _Place(open_scene(), readers=1)
                with self._lock:
                    self._places[key] = place
        with self._lock:
            self._opening.pop(key, None)
            self._tidy()
        return place

    def _tidy(self) -> None:
        for key in [key for key, place in self._places.items() if not place.readers]:
            if len(self._places) <= self._most:
                return
            self._places.pop(key).scene.close()

    def _give_back(self, place: _Place) -> None:
        with self._lock:
            place.readers -= 1
            if place.gone and not place.readers:
                place.scene.close()
            self._tidy()

    def forget(self, key: str) -> None:
        """Close a scene, at once or when its last reader is done."""
        with self._lock:
            place = self._places.pop(key, None)
            if place is None:
                return
            place.gone = True
            if not place.readers:
                place.scene.close()

    def close(self) -> None:
        """Close all."""
        for key in list(self._places):
            self.forget(key)

    def __len__(self) -> int:
        return len(self._places)
