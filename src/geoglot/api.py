"""The verbs as functions: what `import geoglot as gg` offers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from geoglot.archive import Archive, Plan, plan
from geoglot.archive import index as _index
from geoglot.archive.sources import Sources
from geoglot.tasks.change import ChangeMap, change
from geoglot.tasks.change.series import SeriesMap
from geoglot.tasks.change.series import series as change_series
from geoglot.tasks.classify import Labels, classify
from geoglot.tasks.cloud import cloud, cloud_all
from geoglot.tasks.converse import Answer, ask, caption, ground
from geoglot.tasks.detect import Detections, detect
from geoglot.tasks.generate import Generated, generate, generate_all, inpaint, outpaint
from geoglot.tasks.retrieve import retrieve
from geoglot.tasks.segment import ClassMap, ClassMaps, segment, segment_all

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


def load(name: str | Path, device: str = "auto", dtype: str = "auto", activation: str | None = None) -> Any:
    """Load a model by name, hub id or path; with `auto` the fastest device and number type of this machine are found out.

    Gives a `Dual`, a `Chat` where the name means a conversation model, such as nano-chat (see `geoglot.models.chats`), or a
    `Generator` where it means one that draws, such as nano-gen (see `geoglot.models.generators`).
    `activation` ("gelu", "quick_gelu") is for published weights of image-text models that do not tell; see `geoglot.models.load`.
    """
    from geoglot import models

    return models.opened(name, device=device, dtype=dtype, activation=activation)


def index(sources: Sources = (), *, model: Any, out: str | Path, **options: Any) -> Archive:
    """Take scenes into the archive at `out` and open it; what was done is in its `report`.

    For the options see `geoglot.archive.index`.
    """
    report = _index(sources, model=model, out=out, **options)
    archive = Archive.open(out)
    archive.report = report
    return archive
