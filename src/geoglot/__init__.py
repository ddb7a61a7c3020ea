"""Satellite and aerial imagery in plain words.

`import geoglot as gg` imports nothing heavy: the verbs (`gg.load`, `gg.index`, `gg.Archive`, …) are fetched when they are
first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geoglot.api import (
        Answer,
        Archive,
        ChangeMap,
        ClassMap,
        ClassMaps,
        Detections,
        Generated,
        Labels,
        Plan,
        SeriesMap,
        ask,
        caption,
        change,
        change_series,
        classify,
        cloud,
        cloud_all,
        detect,
        generate,
        generate_all,
        ground,
        index,
        inpaint,
        load,
        outpaint,
        plan,
        retrieve,
        segment,
        segment_all,
    )

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Archive",
    "ChangeMap",
    "ClassMap",
    "ClassMaps",
    "Detections",
    "Generated",
    "Labels",
    "Plan",
    "SeriesMap",
    "ask",
    "caption",
    "change",
    "change_series",
    "classify",
    "cloud",
    "cloud_all",
    "detect",
    "generate",
    "generate_all",
    "ground",
    "index",
    "inpaint",
    "load",
    "outpaint",
    "plan",
    "retrieve",
    "segment",
    "segment_all",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"geoglot has no {name!r}; it has {', '.join(__all__)}")
    from geoglot import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
