"""The figures of a fitted head, to be read."""

from __future__ import annotations

from typing import Any


def told(figures: dict[str, Any]) -> str:
    """The figures as lines to read."""
    counts = ", ".join(f"{name} {n:,}" for name, n in figures["n"].items())
    lines = [f"places in polygons: {counts}", f"fitted: {figures['method']}"]
    if not figures["folds"]:
        return "\n".join([*lines, "no cross-validation: a class lies in a single place; draw polygons of it elsewhere"])
    for name in ("head", "commonest class"):
        each = ", ".join(f"{label} {value:.1f}" for label, value in figures[name]["IoU"].items())
        lines.append(f"{name}: mIoU {figures[name]['mIoU']:.1f} % ({each})")
    lines[2] += f", {figures['folds']}-fold over {figures['blocks']} blocks of the ground"
    return "\n".join(lines)
