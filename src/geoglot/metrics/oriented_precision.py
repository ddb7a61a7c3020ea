"""Average precision of oriented boxes, by polygon overlap, as DOTA counts it."""

from __future__ import annotations

from geoglot.metrics.box_precision import BoxPrecision, Curve


class OrientedPrecision(BoxPrecision):
    """`BoxPrecision` of boxes (N, 5) by the rule of VOC, with all detections of a picture.

    ``curve`` is "voc07" (11 levels of recall, which DOTA's own program takes) or "area" (as in VOC since 2010, and as DOTA's
    program is often changed to). Objects marked as difficult are given as ``ignore``.
    """

    def __init__(self, overlap: tuple[float, ...] = (0.5,), curve: Curve = "voc07") -> None:
        super().__init__(overlap, "voc", curve, None)
