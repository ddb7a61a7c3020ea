"""From a request to hits: words, a picture, examples, a place, and marks that a head is fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.archive import Hit, Hits, queries
from geoglot.archive.indexing import check_model
from geoglot.nn import heads
from geoglot.serve.chips import Chips
from geoglot.serve.encoders import Encoders
from geoglot.serve.errors import Unusable
from geoglot.serve.library import Library
from geoglot.serve.settings import Limits
from geoglot.serve.shapes import Search

Floats = NDArray[np.float32]


class Searcher:
    """Answers searches; every vector it makes goes through the shared encoders."""

    def __init__(self, library: Library, encoders: Encoders, chips: Chips, limits: Limits) -> None:
        self._library, self._encoders, self._chips, self._limits = library, encoders, chips, limits

    def find(self, asked: Search, **extra: Any) -> Hits:
        """The best tiles; `extra` are further attributes to filter by. Raises `InputError` where nothing is asked for."""
        self.check()
        if asked.limit > self._limits.results:
            raise Unusable(f"At most {self._limits.results} places are given at once.", "Ask for fewer, or narrow the filters.")
        filters = asked.filters(self._limits.vertices)
        filters["where"] = self._library.where(filters["where"]) | extra
        vectors, without = self._queries(asked)
        hits = self._library.find(vectors, asked.limit, asked.weight, without, **filters)
        if asked.min_score is not None:
            hits = Hits(hit for hit in hits if hit.score >= asked.min_score)
        return hits

    def check(self) -> None:
        """Raise `ModelMismatchError` where the archive was moved to another model since the start."""
        check_model(self._library.main.model, self._encoders.spec, "its operator must start the server again")

    def _queries(self, asked: Search) -> tuple[Floats, list[str]]:
        """Query vectors as `Archive.find` takes them, and the tiles to leave out."""
        words = None if asked.text is None else self._words(asked.text)
        pictures = [] if asked.chip is None else [self._chips.get(asked.chip).vector]
        like = list(asked.like)
        if asked.near is not None:
            like.append(self._at(*asked.near).id)
        if asked.unlike or (like and (words is not None or pictures)):
            return self._refined(words, pictures, like, asked)[None], list(asked.unlike)
        if like:
            pictures = [queries.unit(self._library.vectors(like).mean(axis=0))]
        parts = [*pictures, *([] if words is None else [words])]
        if not parts:
            raise Unusable("The search says nothing to look for.", "Give text, chip, like or near.")
        return np.stack(parts), like

    def _refined(self, words: Floats | None, pictures: list[Floats], like: list[str], asked: Search) -> Floats:
        """The direction of the head that is fitted on the marks; what was asked for in words or by picture holds it back."""
        known = [*pictures, *([] if words is None else [words])]
        shares = [1 - asked.weight, asked.weight] if len(known) == 2 else [1.0]
        start = np.average(known, axis=0, weights=shares).astype(np.float32) if known else None
        empty = np.zeros((0, self._encoders.spec.dim), dtype=np.float32)
        good, bad = (self._library.vectors(ids) if ids else empty for ids in (like, asked.unlike))
        return heads.feedback(good, bad, start)

    def _words(self, text: str) -> Floats:
        if not text.strip():
            raise Unusable("The words to look for are empty.", "Say in words what to look for.")
        return self._encoders.text(text)

    def _at(self, lon: float, lat: float) -> Hit:
        """The smallest tile over a place."""
        found, _ = self._library.tiles(50, 0, bbox=[lon, lat, lon, lat])
        if not found:
            raise Unusable(f"There is no tile at {lon:.5f}, {lat:.5f}.", "Choose a place inside a scene; longitude comes first.")
        return min(found, key=lambda hit: (hit.window[2] * (hit.gsd or 1.0), hit.id))
