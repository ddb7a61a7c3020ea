"""Give every pixel of the scenes of the archive a class by words; pixels are read again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from geoglot.core.errors import InputError
from geoglot.serve.jobs import Context
from geoglot.serve.service import Service
from geoglot.serve.shapes import Id, Number, Strict
from geoglot.serve.verbs import _shared
from geoglot.serve.verbs._maps import Maps
from geoglot.tasks.segment import segment
from geoglot.text.templates import read_labels

TITLE = "Segment"


class Parameters(Strict):
    """Labels, and in which scene."""

    labels: Annotated[
        list[_shared.Label],
        Field(min_length=1, max_length=50, title="Labels", description="Words for classes; synonyms with bars: water|lake."),
    ]
    background: Annotated[
        str | None,
        Field(
            max_length=500,
            pattern=_shared.TEXT,
            title="Everything else",
            description="Words for what is none of them: roof|shadow.",
        ),
    ] = None
    scene: Annotated[Id | None, Field(title="Scene", description="Only this scene.")] = None
    min_area: Annotated[Number, Field(ge=0, title="Smallest polygon", description="In square metres.")] = 0.0


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    return _shared.by_labels(TITLE, asked.labels)


def check(asked: Parameters, service: Service) -> None:
    """Refuse labels that make no sense, and a scene that is not there."""
    if len(read_labels(asked.labels)) == 1 and not asked.background:
        raise InputError("There is nothing to tell one label from: name another one, or say what everything else is.")
    if asked.background:
        read_labels({"background": asked.background.split("|")})
    _shared.chosen(service, asked.scene)


def run(asked: Parameters, context: Context) -> None:
    """Scene by scene; maps that are done are kept in the work folder, and half of one too, for a job that is resumed."""
    service = context.service
    entries = _shared.chosen(service, asked.scene)
    background = asked.background or None
    maps = Maps.of(
        entries, context, lambda scene, out: segment(service.encoders.dual, scene, asked.labels, out=out, background=background)
    )
    told = maps.write(context, "classes", asked.min_area)
    context.progress(len(entries), len(entries), f"{len(maps.made):,} maps of classes{told}")
