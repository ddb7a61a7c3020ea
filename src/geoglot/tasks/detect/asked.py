"""What a user may ask of `detect`, checked before a model is loaded or a pixel is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from shapely.geometry.base import BaseGeometry

from geoglot.core.errors import InputError
from geoglot.geo import vectors

Route = Literal["auto", "head", "masks", "dense", "grounding", "points", "crops"]
Prompt = Literal["text", "examples", "both"]
SAM = ("grounding", "points", "crops")
STEP = 32  # pixels that sides of what a model sees are made a multiple of


@dataclass(frozen=True)
class Shown:
    """Examples of classes: a GeoJSON file of boxes, the property with the label, and whether words count beside them."""

    boxes: str | Path
    key: str = "label"
    prompt: Prompt = "both"

    def __post_init__(self) -> None:
        if self.prompt not in ("text", "examples", "both"):
            raise InputError(f"The prompt is text, examples or both, got {self.prompt!r}.")


@dataclass(frozen=True)
class Example:
    """A box that the user has drawn; `scene` names the only scene that it is about, where the file says so."""

    number: int
    shape: BaseGeometry
    label: str
    scene: str | None


def read_examples(path: str | Path, key: str = "label") -> list[Example]:
    """The boxes of a GeoJSON file with the label in a property.

    Raises `NotFoundError`, and `InputError` for no feature, an empty label, or a geometry that is no polygon.
    """
    features = vectors.read_features(path)
    if not features:
        raise InputError(f"{path} holds no boxes: draw polygons around one to five objects, with a property {key!r}.")
    found = []
    for number, (shape, values) in enumerate(features, 1):
        label = " ".join(str(values.get(key) or "").split())
        if not label:
            raise InputError(f"Feature {number} of {path} has no {key!r}: say what the object is called.")
        if shape.area == 0:
            raise InputError(f"Feature {number} of {path} is a {shape.geom_type}: an example is a polygon around the object.")
        scene = values.get("scene")
        found.append(Example(number, shape, label, None if scene is None else str(scene)))
    return found


def check_route(route: str, head: Any, sam: Any, grounding: Any) -> None:
    """Raise `InputError` for a route that is none, or options of another one."""
    if route not in get_args(Route):
        raise InputError(f"The route is one of {', '.join(get_args(Route))}; got {route!r}.")
    if head is not None and route not in ("auto", "head"):
        raise InputError(f"A head is not asked on the route {route}: leave out --head or --route.")
    if sam is not None and route not in SAM:
        raise InputError("SAM is for --route grounding, points or crops: say which, or leave out --sam.")
    if sam is None and route in ("points", "crops"):
        raise InputError(f"The route {route} needs SAM: give a folder or a hub id of one with --sam.")
    if (grounding is None) is (route == "grounding"):
        raise InputError("--route grounding and --grounding (a folder or hub id of a Grounding DINO) go together.")


def check_numbers(min_score: float | None, tile: int, overlap: float, gsd: float | None, batch: int) -> None:
    """Raise `InputError` for numbers that make no sense."""
    if min_score is not None and not 0 <= min_score <= 1:
        raise InputError(f"The least score is from 0 to 1, got {min_score}.")
    if not 64 <= tile <= 4096 or tile % STEP:
        raise InputError(f"A tile has 64 to 4096 pixels a side, a multiple of {STEP}, got {tile}.")
    if not 0 <= overlap <= 0.5:
        raise InputError(f"The overlap of tiles is from 0 to 0.5 of their side, got {overlap}.")
    if gsd is not None and not 0 < gsd < 1e6:
        raise InputError(f"The ground sampling distance must be positive metres, got {gsd}.")
    if batch < 1:
        raise InputError(f"A batch holds at least one tile, got {batch}.")
