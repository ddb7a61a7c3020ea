"""The verbs: a scene from words, many of them, and scenes of which parts are drawn anew or beyond their edges."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoglot import __version__
from geoglot.core.errors import InputError, ModelError
from geoglot.geo.synthetic import GENERATED, Mark
from geoglot.geo.write import check_apart, check_folder
from geoglot.tasks.generate import stream
from geoglot.tasks.generate.asked import Settings, check_controls, controls_on
from geoglot.tasks.generate.generated import Generated, check_output, check_picture, opened
from geoglot.tasks.generate.place import Bbox, Ground, Place
from geoglot.tasks.work import folder_of

if TYPE_CHECKING:
    from geoglot.models.generator import Generator

SOFTWARE = f"geoglot {__version__}"
NOTHING = "draws nothing: use nano-gen, or another generator (`geoglot models` lists them)."
MOST = 10_000  # scenes of one command
Out = str | Path | Sequence[str | Path]


def generate(
    model: Any,
    text: str = "",
    *,
    out: Out = (),
    at: tuple[float, float] | None = None,
    bbox: Bbox | None = None,
    like: Any = None,
    gsd: float | None = None,
    size: int | tuple[int, int] | None = None,
    crs: str | None = None,
    **settings: Any,
) -> Generated:
    """Draw a scene from words, on the ground where a place is given.

    `model` is a generator, the name of one, or a function that loads it once the request is known to make sense. For the place
    see `Place`, for `settings` see `Settings`. `out` are files to write: .tif for a COG with a STAC item beside it, .png, .webp.
    Each says that it is synthetic, by which model, from which words and seed. The same request gives the same pixels; one that
    was interrupted goes on when it is started again with the same `out`.

    Raises, before anything is drawn, `InputError` for what makes no sense, `ModelError` for a model that draws nothing,
    `ResourceError` for what fits neither memory nor disk, and what `Scene.open` raises.
    """
    outputs = outputs_of(out)
    place, asked = Place(at, bbox, like, gsd, size, crs), Settings(**settings)
    asked.condition(text)
    check_apart(outputs, _inputs(asked, like))
    place = check_controls(asked, place)
    return _generated(loaded(model), text, place, asked, outputs)


def generate_all(
    model: Any, texts: str | Sequence[str], *, out: str | Path, suffix: str = ".tif", count: int = 1, **settings: Any
) -> tuple[Generated, ...]:
    """Draw a scene for each of some texts and `count` seeds from `seed` on, each into a file of the folder `out`.

    What an earlier run of the same request has drawn is not drawn again. Else as `generate`.
    """
    prompts = [texts] if isinstance(texts, str) else list(texts)
    if not prompts or count < 1:
        raise InputError("There is nothing to draw: give at least one text and a count of at least 1.")
    if len(prompts) * count > MOST:
        raise InputError(f"{len(prompts) * count:,} scenes are too many for one command: draw at most {MOST:,}.")
    folder, suffix = Path(out), suffix if suffix.startswith(".") else f".{suffix}"
    check_output(f"scene{suffix}")
    check_folder(folder)
    first = int(settings.pop("seed", 0))
    names = ("at", "bbox", "like", "gsd", "size", "crs")
    given = {name: settings.pop(name, None) for name in names}
    place, asked = Place(**given), Settings(**settings, seed=first)
    place = check_controls(asked, place)
    for text in prompts:
        asked.condition(text)
    ready = loaded(model)
    folder.mkdir(exist_ok=True)
    made = []
    for number, text in enumerate(prompts, 1):
        for seed in range(first, first + count):
            lead = f"{number:0{len(str(len(prompts)))}d}-" if len(prompts) > 1 else ""
            target = folder / f"{lead}{_slug(text)}-seed{seed}{suffix}"
            made.append(_generated(ready, text, place, Settings(**settings, seed=seed), (target,)))
    return tuple(made)


def _generated(model: Generator, text: str, place: Place, asked: Settings, outputs: tuple[Path, ...]) -> Generated:
    ground = place.ground(model.native)
    gsd = place.gsd if isinstance(ground, tuple) else None
    condition = asked.condition(text, gsd, controls=controls_on(asked, ground))
    mark = marked(GENERATED, model, text, asked, ground, gsd)
    job = stream.Job(model, condition, ground, asked.seed, asked.drawing, asked.progress)
    held, target = primary(outputs)
    for path in outputs:
        check_picture(path, job.shape)
    job.check(target.parent)
    request = stream.digest(mark, job)
    if not stream.finished(target, request):
        stream.draw(job, target, folder_of(outputs[0] if outputs else target), mark, request)
    return written(opened(target, mark, held), outputs)


def marked(how: str, model: Generator, text: str, asked: Settings, ground: Ground, gsd: float | None, **more: Any) -> Mark:
    """What the outputs say of a request, with the model's own defaults filled in."""
    drawing = vars(model.drawn(asked.drawing))
    return Mark.of(how, model.spec, text.strip(), asked.seed, SOFTWARE, **asked.told(ground, gsd, **drawing, **more))


def loaded(model: Any) -> Generator:
    """A generator, loaded where it is a name or a function that loads it. Raises `ModelError` for another model."""
    if isinstance(model, str | Path):
        from geoglot.models import files, generators

        if files.is_native(model) and not generators.is_generator(model):
            raise ModelError(f"{model} {NOTHING}")
        model = generators.load(model)
    elif callable(model) and not hasattr(model, "spec"):
        model = model()
    if not (hasattr(model, "sample") and hasattr(model, "canvas")):
        name = model.spec.name if hasattr(model, "spec") else type(model).__name__
        raise ModelError(f"{name} {NOTHING}")
    made: Generator = model
    return made


def outputs_of(out: Out) -> tuple[Path, ...]:
    """The files to write. Raises `InputError` for a format that there is not, `NotFoundError` for a folder that is not there."""
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    for path in outputs:
        check_output(path)
        check_folder(path)
    return outputs


def primary(outputs: Sequence[Path]) -> tuple[Any, Path]:
    """The GeoTIFF that is drawn, in a temporary folder where none is asked for, and what keeps that folder alive."""
    raster = next((path for path in outputs if check_output(path) == "raster"), None)
    if raster is not None:
        return None, raster
    held = tempfile.TemporaryDirectory(prefix="geoglot-generate-")
    return held, Path(held.name) / "scene.tif"


def written(made: Generated, outputs: Sequence[Path]) -> Generated:
    """Write all outputs, of which the GeoTIFF is there already."""
    for path in outputs:
        made.write(path)
    return made


def _inputs(asked: Settings, like: Any) -> list[str]:
    return [str(one) for one in (*asked.controls.values(), like) if isinstance(one, str | Path)]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-") or "scene"
