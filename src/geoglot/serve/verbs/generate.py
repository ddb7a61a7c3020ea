"""Draw a scene from words, at a place or without one; it says that it is synthetic, and is not taken into the archive."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from geoglot.core.errors import InputError
from geoglot.serve.jobs import Context
from geoglot.serve.service import Service
from geoglot.serve.shapes import Number, Strict
from geoglot.serve.verbs import _shared
from geoglot.tasks.generate import generate
from geoglot.tasks.generate.asked import Settings
from geoglot.tasks.generate.place import Place

TITLE = "Generate"
Line = Annotated[str, Field(max_length=1000, pattern=_shared.TEXT)]
Short = Annotated[str, Field(max_length=100)]
Longitude = Annotated[Number, Field(ge=-180, le=180)]
Latitude = Annotated[Number, Field(ge=-90, le=90)]
Metres = Annotated[Number, Field(gt=0, lt=1e5)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Parameters(Strict):
    """What to draw, and where."""

    prompt: Annotated[Line, Field(min_length=1, title="What", description="In words, as in snowy farmland with a river.")]
    lon: Annotated[Longitude | None, Field(title="Longitude", description="Of the middle.")] = None
    lat: Annotated[Latitude | None, Field(title="Latitude", description="Of the middle.")] = None
    gsd: Annotated[Metres | None, Field(title="Metres a pixel", description="With a place it is needed.")] = None
    size: Annotated[int, Field(ge=1, le=1 << 17, title="Size", description="Pixels a side.")] = 256
    seed: Annotated[int, Field(ge=0, lt=1 << 53, title="Seed", description="The same seed gives the same pixels.")] = 0
    avoid: Annotated[Line, Field(title="What should not be there", description="In words.")] = ""
    label: Annotated[Short | None, Field(title="Class", description="That the model knows.")] = None
    cloud: Annotated[Share | None, Field(title="Cloud", description="Share of the scene.")] = None
    date: Annotated[Short | None, Field(title="Date", description="That is drawn.")] = None

    def place(self) -> Place:
        """Where. Raises `InputError`."""
        if (self.lon is None) != (self.lat is None):
            raise InputError("A place has a longitude and a latitude: give both, or neither.")
        at = None if self.lon is None or self.lat is None else (self.lon, self.lat)
        return Place(at=at, gsd=self.gsd, size=self.size)

    def settings(self) -> dict[str, Any]:
        """As `tasks.generate` takes them."""
        asked = {"avoid": self.avoid, "label": self.label, "cloud": self.cloud, "time": self.date, "seed": self.seed}
        place = self.place()
        return asked | {"at": place.at, "gsd": place.gsd, "size": place.size}


def title(asked: Parameters, service: Service) -> str:
    """The job in words."""
    return f"Generate: {asked.prompt}"[:200]


def check(asked: Parameters, service: Service) -> None:
    """Refuse what makes no sense or is too large, and a service without a generator."""
    service.drawer.check()
    asked.place()
    Settings(time=asked.date, cloud=asked.cloud, seed=asked.seed).condition(asked.prompt)
    most = service.settings.limits.drawn
    if asked.size**2 > most:
        raise InputError(f"Scenes of up to {int(most**0.5):,} pixels a side are drawn here: ask for a smaller one.")


def run(asked: Parameters, context: Context) -> None:
    """A job that is resumed goes on with the step at which it was."""
    context.progress(0, None, "loads the model")
    made = generate(context.service.drawer.model, asked.prompt, out=context.work / "generated.tif", **asked.settings())
    _shared.take_map(context, "generated.tif", made.path, made.grid)
    made.write(context.result("generated.png", "image/png"))
    _shared.write_json(context, "generated.stac.json", made.item())
    context.progress(1, 1, made.mark.told)
