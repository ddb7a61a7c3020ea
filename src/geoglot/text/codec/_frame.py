"""What the numbers of a box syntax mean, and the way from them to boxes of a picture and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from shapely.geometry import MultiPoint

from geoglot.core.errors import InputError
from geoglot.geo.boxes import Box, from_polygon

Order = Literal["corners", "centre", "edge and size", "outline", "mask"]
Space = Literal["picture", "square", "resized"]
Shape = tuple[int, int]  # height, width in pixels
FAR = 3.0  # how many sides of the picture beyond it the numbers of a turned box may lie


@dataclass(frozen=True)
class Syntax:
    """What the numbers of a box syntax mean. A published model that means them otherwise is read with `dataclasses.replace`.

    order: corners (left, top, right, bottom of the unturned box, turned about its centre), centre (x, y, width, height), edge
    and size (left, top, width, height), outline (x, y of each corner) or mask. side: the number of the far edge, None for
    pixels. digits: decimals that are written. angle: whether there is one, in degrees; `turn` is the way, as seen in the
    picture, that positive angles go. space: whether the numbers are of the picture, of the picture padded about its middle to a
    `square`, or of the picture `resized` to multiples of resize[0] pixels with resize[1] to resize[2] pixels in all.
    labels: whether the syntax says what a box is of. origin: where this is known from.
    """

    name: str
    form: str
    order: Order
    side: float | None
    digits: int = 0
    angle: bool = False
    turn: Literal["clockwise", "counter-clockwise"] = "counter-clockwise"
    space: Space = "picture"
    resize: tuple[int, int, int] = (28, 56 * 56, 14 * 14 * 4 * 1280)
    labels: bool = False
    origin: str = ""

    @property
    def step(self) -> float:
        """The difference between neighbouring numbers as written."""
        return 10.0**-self.digits


class Refusal(Exception):
    """Why numbers are no box; `read` turns it into a refused piece or into an InputError."""


def resized(shape: Shape, factor: int, least: int, most: int) -> Shape:
    """Height and width of a picture after Qwen-VL's resizing: multiples of `factor`, between `least` and `most` pixels in all.

    Wang et al. 2024 (arXiv 2409.12191). InputError for sides that differ by more than 200 times.
    """
    height, width = shape
    if min(shape) < 1 or max(shape) > 200 * min(shape):
        raise InputError(f"A picture of {height} x {width} pixels cannot be resized for this model: cut it first.")
    high, wide = (max(factor, round(side / factor) * factor) for side in shape)
    if high * wide > most:
        by = math.sqrt(height * width / most)
        high, wide = (max(factor, math.floor(side / by / factor) * factor) for side in shape)
    elif high * wide < least:
        by = math.sqrt(least / (height * width))
        high, wide = (math.ceil(side * by / factor) * factor for side in shape)
    return high, wide


@dataclass(frozen=True)
class Scale:
    """number = pixel * across + right, and so on down; the picture covers [right, right + wide] of the numbers."""

    across: float
    down: float
    right: float
    below: float
    wide: float
    high: float

    def box(self, x: float, y: float, width: float, height: float, angle: float, frame: Literal["pixels", "unit"]) -> Box:
        """A box of the picture by centre, size and angle (counter-clockwise) in numbers."""
        return Box.oriented(
            (x - self.right) / self.across, (y - self.below) / self.down, width / self.across, height / self.down, angle, frame
        )


def scale(syntax: Syntax, shape: Shape | None) -> Scale:
    """How the numbers of a syntax lie over a picture of `shape`; without one the picture counts as a unit square.

    InputError where the syntax needs the shape.
    """
    if shape is not None and min(shape) < 1:
        raise InputError(f"A picture of {shape[0]} x {shape[1]} pixels has no boxes.")
    if syntax.space == "resized":
        if shape is None:
            raise InputError(f"The numbers of {syntax.name} are pixels of the resized picture: give the shape of the picture.")
        high, wide = resized(shape, *syntax.resize)
        return Scale(wide / shape[1], high / shape[0], 0.0, 0.0, float(wide), float(high))
    if syntax.side is None:
        far = shape or (math.inf, math.inf)
        return Scale(1.0, 1.0, 0.0, 0.0, float(far[1]), float(far[0]))
    height, width = shape or (1, 1)
    if syntax.space == "square":
        unit = syntax.side / max(height, width)
        right, below = (max(height, width) - width) / 2 * unit, (max(height, width) - height) / 2 * unit
        return Scale(unit, unit, right, below, width * unit, height * unit)
    return Scale(syntax.side / width, syntax.side / height, 0.0, 0.0, syntax.side, syntax.side)


def of_numbers(numbers: tuple[float, ...], syntax: Syntax, shape: Shape | None, repair: bool) -> tuple[Box, str]:
    """The box that numbers mean, in pixels (in the unit square where there is no shape), and what was put right, if anything.

    Raises Refusal for numbers that are no box, or none of the picture; with `repair` upright boxes are cut at the frame of the
    picture and swapped corners put right instead.
    """
    if not all(math.isfinite(v) and abs(v) < 1e9 for v in numbers):
        raise Refusal("a number that is none")
    at = scale(syntax, shape)
    done: list[str] = []
    frame: Literal["pixels", "unit"] = "pixels" if shape is not None or syntax.side is None else "unit"
    if syntax.order == "outline":
        points = [
            ((x - at.right) / at.across, (y - at.below) / at.down) for x, y in zip(numbers[::2], numbers[1::2], strict=True)
        ]
        box = from_polygon(MultiPoint(points).convex_hull, frame)
    else:
        x, y, w, h, done = _centred(numbers, syntax.order, repair)
        angle = numbers[4] if len(numbers) == 5 else 0.0
        box = at.box(x, y, w, h, (angle if syntax.turn == "counter-clockwise" else -angle) % 360, frame)
    return _within(box, at, syntax.step, repair, done)


def _centred(numbers: tuple[float, ...], order: Order, repair: bool) -> tuple[float, float, float, float, list[str]]:
    a, b, c, d = numbers[:4]
    if order in ("corners", "mask"):
        swapped = c < a or d < b
        if swapped and not repair:
            raise Refusal("corners in the wrong order")
        return (a + c) / 2, (b + d) / 2, abs(c - a), abs(d - b), ["swapped corners"] if swapped else []
    if min(c, d) < 0:
        raise Refusal("a negative size")
    return (a, b, c, d, []) if order == "centre" else (a + c / 2, b + d / 2, c, d, [])


def _within(box: Box, at: Scale, step: float, repair: bool, done: list[str]) -> tuple[Box, str]:
    wide, high = at.wide / at.across, at.high / at.down
    left, top, right, bottom = box.bounds()
    slack = 1e-6 * max([1.0, *(v for v in (wide, high) if math.isfinite(v))])
    x, y = (slack + step / each for each in (at.across, at.down))  # a middle and a size are rounded on their own
    if left >= -x and top >= -y and right <= wide + x and bottom <= high + y:
        return box, ", ".join(done)
    if not repair and (box.angle in (0.0, -90.0) or not (0 <= box.x <= wide and 0 <= box.y <= high)):
        raise Refusal("outside the picture")
    if left >= wide or top >= high or right <= 0 or bottom <= 0:
        raise Refusal("wholly outside the picture")
    if box.angle not in (0.0, -90.0):  # a turned box may reach over the edge: to cut it would turn it
        if max(abs(box.x), box.width) > FAR * wide or max(abs(box.y), box.height) > FAR * high:
            raise Refusal("outside the picture")
        return box, ", ".join(done)
    cut = Box.upright(max(left, 0.0), max(top, 0.0), min(right, wide), min(bottom, high), box.frame)
    return cut, ", ".join([*done, "cut at the frame"])


def to_numbers(box: Box, syntax: Syntax, shape: Shape | None) -> tuple[float, ...]:
    """The numbers that say a box, not rounded: four, five with an angle, eight for an outline; InputError without the shape
    where it is needed. Turned boxes in a syntax without angles become the upright box around them."""
    at = scale(syntax, shape)
    if shape is not None:
        box = box.to_pixels(shape)
    elif box.frame != ("pixels" if syntax.side is None else "unit"):
        raise InputError(f"To write a box in {box.frame} as {syntax.name}, give the shape (height, width) of the picture.")
    if syntax.order == "outline":
        return tuple(v for x, y in box.corners() for v in (x * at.across + at.right, y * at.down + at.below))
    x, y = box.x * at.across + at.right, box.y * at.down + at.below
    if not syntax.angle or box.angle in (0.0, -90.0):
        left, top, right, bottom = box.bounds()
        w, h, angle = (right - left) * at.across, (bottom - top) * at.down, 0.0
    else:
        w, h, angle = _laid(box, at)
    row = {
        "corners": (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
        "centre": (x, y, w, h),
        "edge and size": (x - w / 2, y - h / 2, w, h),
        "mask": (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
    }[syntax.order]
    signed = angle if syntax.turn == "counter-clockwise" else -angle
    return (*row, signed) if syntax.angle else row


def _laid(box: Box, at: Scale) -> tuple[float, float, float]:
    """Width, height and angle in numbers: of the two ways to say a turned box, the one whose unturned corners lie inside."""
    wide, high = at.wide / at.across, at.high / at.down
    for w, h, angle in ((box.width, box.height, box.angle), (box.height, box.width, box.angle + (90 if box.angle < 0 else -90))):
        if box.x - w / 2 >= 0 and box.y - h / 2 >= 0 and box.x + w / 2 <= wide and box.y + h / 2 <= high:
            return w * at.across, h * at.down, angle
    return box.width * at.across, box.height * at.down, box.angle


def rounded(numbers: tuple[float, ...], syntax: Syntax) -> tuple[str, ...]:
    """Numbers as they are written; whole degrees, unless the syntax writes decimals of all numbers but the angle."""
    coordinates = [f"{v:.{syntax.digits}f}" for v in (numbers[:4] if syntax.angle else numbers)]
    texts = [*coordinates, *(f"{v:.0f}" for v in numbers[4:])] if syntax.angle else coordinates
    return tuple("0" + text[2:] if text.startswith("-0") and float(text) == 0 else text for text in texts)
