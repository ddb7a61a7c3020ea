"""What becomes of the tokens of an answer: its confidence, its text as it streams, and its boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from geoglot.core import parts
from geoglot.core.errors import NotFoundError


@dataclass
class Spoken:
    """Tokens of an answer under way, and the sum of the logarithms of their probabilities."""

    ids: list[int] = field(default_factory=list)
    told: float = 0.0
    ended: bool = False

    def add(self, token: int, chance: float, ends: Collection[int] = ()) -> None:
        """Take in a token; what comes after an end is not part of the answer."""
        self.ended = self.ended or token in ends
        if not self.ended:
            self.ids.append(token)
            self.told += math.log(max(chance, 1e-30))

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the tokens' probabilities, not calibrated; None for an empty answer."""
        return math.exp(self.told / len(self.ids)) if self.ids else None


def tidy(decoded: Callable[[Sequence[int]], str], tokens: Iterable[int]) -> Iterator[str]:
    """Text in parts as tokens come: whole characters only, and no blanks at the beginning or the end."""
    ids: list[int] = []
    told = ""
    for token in tokens:
        ids.append(token)
        text = decoded(ids).strip()
        if not text.endswith("\ufffd") and text.startswith(told) and len(text) > len(told):
            yield text[len(told) :]
            told = text
    rest = decoded(ids).strip()
    if rest.startswith(told) and len(rest) > len(told):
        yield rest[len(told) :]


def boxes(
    text: str, syntax: str, means: Mapping[str, Any], shape: tuple[int, int] | None
) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Boxes of an answer about a picture of a shape, in its unit square, and what they are of; none where there is no picture.

    ``syntax`` is the name of a codec, ``means`` what the model means otherwise than the codec says.
    """
    if not syntax or shape is None:
        return (), ()
    try:
        codec: Any = parts.find("text", "codec")
    except NotFoundError:
        return (), ()
    reading = codec.read(text, replace(codec.find(syntax)[1], **means), shape)
    return tuple(box.to_unit(shape) for box in reading.boxes), tuple(reading.labels)
