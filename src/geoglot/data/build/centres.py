"""From boxes to what a head of centres is taught at every place: Gaussians, edges, turned boxes and their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from geoglot.data.build.objects import Objects
from geoglot.losses.detection import Targets

WIDTH = 0.54  # of a Gaussian, of the sides of its box (Liu et al. 2019)


def targets(
    found: Sequence[tuple[Objects, NDArray[np.bool_], frozenset[str]]], classes: Sequence[str], side: int, stride: int
) -> Targets:
    """What is true of views of ``side`` pixels, each given as its objects, seen pixels (S, S) and classes that are marked."""
    places = side // stride
    number = {name: k for k, name in enumerate(classes)}
    made = [_of_view(*one, number, places, stride) for one in found]
    return Targets(*(torch.from_numpy(np.stack(parts)) for parts in zip(*made, strict=True)))


def _of_view(
    objects: Objects, seen: NDArray[np.bool_], known: frozenset[str], number: dict[str, int], places: int, stride: int
) -> tuple[NDArray[np.generic], ...]:
    count = len(number)
    heat = np.zeros((count, places, places), np.float32)
    judged = np.zeros((count, places, places), np.bool_)
    judged[[number[name] for name in known if name in number]] = seen[stride // 2 :: stride, stride // 2 :: stride]
    edges, turned = np.zeros((4, places, places), np.float32), np.zeros((6, places, places), np.float32)
    upright, oblique = np.zeros((places, places), np.float32), np.zeros((places, places), np.float32)
    sides = objects.upright[:, 2:] - objects.upright[:, :2]
    middle = (np.arange(places) + 0.5) * stride
    for row in np.argsort(-sides.prod(1)).tolist():  # the smaller of two objects has the places that both claim
        left, top, right, bottom = objects.upright[row].tolist()
        w, h = sides[row].tolist()
        if not objects.whole[row]:
            inside = _span(left, right, stride, places), _span(top, bottom, stride, places)
            judged[:, inside[1], inside[0]] = False
            continue
        col, line = (min(int(v / stride), places - 1) for v in ((left + right) / 2, (top + bottom) / 2))
        reach = [max(0, int(v / 2 / stride * WIDTH)) for v in (h, w)]
        rows = slice(max(0, line - reach[0]), line + reach[0] + 1)
        cols = slice(max(0, col - reach[1]), col + reach[1] + 1)
        spread = [(2 * r + 1) / 6 for r in reach]
        down = np.exp(-(((np.arange(places)[rows] - line) / spread[0]) ** 2) / 2)
        across = np.exp(-(((np.arange(places)[cols] - col) / spread[1]) ** 2) / 2)
        blob = (down[:, None] * across[None]).astype(np.float32)
        k = number[objects.names[row]]
        heat[k, rows, cols] = np.maximum(heat[k, rows, cols], blob)
        x, y = middle[cols][None], middle[rows][:, None]
        edges[:, rows, cols] = np.maximum(np.stack(np.broadcast_arrays(x - left, y - top, right - x, bottom - y)), 0.1)
        upright[rows, cols] = blob / blob.sum()
        oblique[rows, cols] = blob / blob.sum() if objects.outlined else 0.0
        cx, cy, long, short, angle = objects.turned[row].tolist()
        angle = 2 * math.radians(angle)
        told = np.broadcast_arrays(cx - x, cy - y, long, short, math.sin(angle), math.cos(angle))
        turned[:, rows, cols] = np.stack(told)
    return heat, judged, edges, upright, turned, oblique


def _span(low: float, high: float, stride: int, places: int) -> slice:
    return slice(max(0, int(low // stride)), min(places, math.ceil(high / stride)))
