"""What the rooms ask of each other, as protocols, so that a lower room never imports a higher one."""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ModelSpec:
    """What a model is and what it wants to see.

    `size` is the side of the input in pixels, `gsd` the range of ground sampling distances in metres that the
    model was made for, `mean` and `std` the normalisation of inputs in [0, 1], `dim` the length of an embedding.
    `hash` is the hexadecimal digest of the weights: two files with one hash give one embedding space.
    """

    id: str
    version: str
    hash: str
    dim: int
    bands: tuple[str, ...]
    size: int
    gsd: tuple[float, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    activation: str
    licence: str

    @property
    def name(self) -> str:
        """Identifier and version, as in `nano@1`."""
        return f"{self.id}@{self.version}"


@runtime_checkable
class TextEncoder(Protocol):
    """Turns texts into unit vectors (B, D). May work without torch."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def text(self, texts: Sequence[str]) -> Any:
        """Unit vectors (B, D), a numpy array or a tensor."""


@runtime_checkable
class Dual(TextEncoder, Protocol):
    """An image tower and a text tower with one space of unit vectors."""

    def image(self, batch: Any) -> Any:
        """Unit vectors (B, D) of an `ImageBatch`."""

    def dense(self, batch: Any) -> Any:
        """Cell embeddings (B, h, w, D) of an `ImageBatch`."""


class TileEncoder(Protocol):
    """Turns stacks of display-rendered tiles into unit vectors: what ingest asks of a model."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def encode(self, tiles: FloatArray, valid: NDArray[np.bool_], gsd: FloatArray) -> FloatArray:
        """Unit vectors (B, D) of tiles (B, 3, H, W) in [0, 1] with validity (B, H, W) and metres a pixel (B,)."""


class Scorer(Protocol):
    """Gives one number a tile in [0, 1], for example the share of cloud."""

    def score(self, tiles: FloatArray, valid: NDArray[np.bool_]) -> FloatArray:
        """Scores (B,) of tiles (B, 3, H, W) in [0, 1]."""


@runtime_checkable
class VectorScorer(Protocol):
    """Gives one number a tile in [0, 1] by the tile's vector, so that the model looks at it only once."""

    def of_vectors(self, vectors: FloatArray) -> FloatArray:
        """Scores (B,) of unit vectors (B, D)."""


@runtime_checkable
class Segmenter(Protocol):
    """Draws classes that are given by words. A label is what it is called, followed by other words for it."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def segment(self, raster: Any, labels: Sequence[Sequence[str]]) -> NDArray[np.uint8]:
        """Classes (H, W) of a `Raster`: 0 none of the labels, 1 and so on the labels in their order, 255 no data."""


@runtime_checkable
class Detector(Protocol):
    """Finds objects that are given by words. A label is what it is called, followed by other words for it."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def detect(
        self, raster: Any, labels: Sequence[Sequence[str]]
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]], NDArray[np.integer[Any]]]:
        """Boxes in pixels of a `Raster`, (N, 4) upright or (N, 5) oriented as in `geoglot.geo.iou`, scores (N,), and the place
        (N,) of each one's label in ``labels``."""


@runtime_checkable
class ChangeDetector(Protocol):
    """Finds what changed between two dates."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def change(self, before: Any, after: Any) -> NDArray[np.uint8]:
        """Change (H, W) between two `Scene`s on the grid of the first: 0 unchanged, 1 changed, 255 not observed."""


class Metric(Protocol):
    """A figure that can be computed in parts: `add` what came, `merge` two parts, read the `result`."""

    def add(self, *args: Any) -> None:
        """Take in one batch."""

    def merge(self, other: Any) -> None:
        """Take in what another instance has seen."""

    def result(self) -> dict[str, float]:
        """The figures of everything seen so far."""


@dataclass(frozen=True)
class Said:
    """One turn of a conversation: who says it, what, and which of the conversation's pictures stand before the text."""

    role: Literal["system", "user", "assistant"]
    text: str
    pictures: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What a model answers.

    `boxes` are `geo.boxes.Box`es in the unit square of the pictures whose numbers are in `of`, `labels` what they are of. The
    `confidence` is in [0, 1], None where a model has none that means something. `heat` (h, w) says how much each part of the
    last picture counted.
    """

    text: str
    boxes: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    of: tuple[int, ...] = ()
    confidence: float | None = None
    refused: bool = False
    heat: Any = None


Speech = abc.Generator[str, None, Reply]  # text in parts, and in the end the whole answer


def whole(speech: Speech, tell: Callable[[str], None]) -> Reply:
    """The reply that a stream ends with; its parts are told as they come."""
    while True:
        try:
            tell(next(speech))
        except StopIteration as end:
            reply: Reply = end.value
            return reply


@runtime_checkable
class Chat(Protocol):
    """A conversational model over pictures, each a `Raster` as it is shown: 3 bands in [0, 1], with grid and time if known."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""

    def reply(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Reply:
        """The answer to the last turn, which is the user's."""

    def stream(self, turns: Sequence[Said], pictures: Sequence[Any]) -> Speech:
        """The text of the answer in parts, as they come; the generator returns what `reply` gives."""


class Generator(Protocol):
    """A model that makes rasters."""

    def sample(self, condition: Any, grid: Any, seed: int) -> Any:
        """A raster on `grid`."""
