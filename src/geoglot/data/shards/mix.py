"""One stream out of several, drawn by weight: deterministic, resumable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from geoglot.core.errors import DataError, InputError
from geoglot.data.sample import Sample
from geoglot.data.shards.stream import Resumable, State, draw

_FINE = 1 << 53


class Mixture:
    """Draws the next stream by weight for every sample.

    A stream that is exhausted begins its next epoch (``"repeat"``: the mixture has no end), ends the mixture (``"stop"``), or
    is drawn no more until all are (``"drop"``: every sample once).
    """

    def __init__(
        self,
        streams: Mapping[str, Resumable],
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
        exhausted: Literal["repeat", "stop", "drop"] = "repeat",
    ) -> None:
        self.streams, self.seed, self.exhausted = dict(streams), seed, exhausted
        self.weights = dict.fromkeys(streams, 1.0) if weights is None else dict(weights)
        if set(self.weights) != set(self.streams):
            raise InputError(
                f"Weights are for {sorted(self.weights)}, but the streams are {sorted(self.streams)}: name the same."
            )
        if not all(weight > 0 for weight in self.weights.values()):
            raise InputError(f"Weights are positive numbers, got {self.weights}; leave out what is not wanted.")
        self._drawn, self._gone = 0, set[str]()

    def __iter__(self) -> Iterator[Sample]:
        going = {name: iter(stream) for name, stream in self.streams.items() if name not in self._gone}
        empty = dict.fromkeys(going, False)
        while going:
            name = self._choose(list(going))
            sample = next(going[name], None)
            if sample is not None:
                empty[name] = False
                yield sample
            elif self.exhausted == "repeat":
                if empty[name]:
                    raise DataError(f"The stream {name!r} of the mixture gives no samples: leave it out, or check its folder.")
                empty[name], going[name] = True, iter(self.streams[name])
            elif self.exhausted == "stop":
                break
            else:
                del going[name]
                self._gone.add(name)
        self._gone.clear()

    def _choose(self, names: list[str]) -> str:
        self._drawn += 1
        place = draw(_FINE, self.seed, self._drawn) / _FINE * sum(self.weights[name] for name in names)
        for name in names:
            place -= self.weights[name]
            if place < 0:
                return name
        return names[-1]

    def state_dict(self) -> State:
        """Give the place after the last sample that was given, as plain values."""
        inner = {name: stream.state_dict() for name, stream in self.streams.items()}
        return {"seed": self.seed, "weights": self.weights, "drawn": self._drawn, "gone": sorted(self._gone), "streams": inner}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place. Raises DataError when it is that of another mixture."""
        if (state.get("seed"), state.get("weights")) != (self.seed, self.weights):
            raise DataError("The state is of another mixture (seed or weights differ): resume with its settings.")
        self._drawn, self._gone = state["drawn"], set(state["gone"])
        for name, stream in self.streams.items():
            stream.load_state_dict(state["streams"][name])
