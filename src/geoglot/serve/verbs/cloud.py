"""Mask cloud and its shadow in the scenes of the archive, and say how much of each is cloud; pixels are read again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoglot.core.errors import InputError
from geoglot.geo.sensors import sensor
from geoglot.serve.jobs import Context
from geoglot.serve.service import Service
from geoglot.serve.shapes import Id, Number, Strict
from geoglot.serve.verbs import _shared
from geoglot.serve.verbs._maps import Maps
from geoglot.tasks.cloud import check as check_model
from geoglot.tasks.cloud import cloud

TITLE = "Cloud"


class Parameters(Strict):
    """In which scenes."""

    scene: Annotated[
        Id | Annotated[list[Id], Field(min_length=1, max_length=1000)] | None,
        Field(title="Scene", description="Only this scene, or these."),
    ] = None
    min_area: Annotated[Number, Field(ge=0, title="Smallest polygon", description="In square metres.")] = 0.0


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    if asked.scene is None:
        return "Cloud: all scenes"
    entries = _shared.chosen(service, asked.scene)
    return f"Cloud: {', '.join(entry.name for entry in entries)}"[:200]


def check(asked: Parameters, service: Service) -> None:
    """Refuse scenes that are not there or all radar, and a model without a cloud head."""
    entries = _shared.chosen(service, asked.scene)
    if entries and all(sensor(entry.row["sensor"]).radar for entry in entries):
        raise InputError("Radar sees through clouds: there is nothing to mask. Name a scene that is not radar.")
    check_model(service.library.main.model)


def run(asked: Parameters, context: Context) -> None:
    """Scene by scene; masks that are done are kept in the work folder, and half of one too, for a job that is resumed."""
    service = context.service
    entries = _shared.chosen(service, asked.scene)
    maps = Maps.of(entries, context, lambda scene, out: cloud(service.encoders.dual, scene, out=out))
    more = maps.write(context, "mask", asked.min_area)
    cover = [(entry, {row.label: round(row.share, 6) for row in one.classes}) for entry, one in maps.made]
    rows = [{"scene": entry.id, "name": entry.name, "time": entry.time, **shares} for entry, shares in cover]
    _shared.write_json(context, "cover.json", rows)
    cloudy = sorted(cover, key=lambda one: -one[1]["cloud"])
    told = ", ".join(f"{entry.name} {shares['cloud']:.1%}" for entry, shares in cloudy[:4]) + (", …" if len(cloudy) > 4 else "")
    context.progress(len(entries), len(entries), f"cloud: {told}{more}")
