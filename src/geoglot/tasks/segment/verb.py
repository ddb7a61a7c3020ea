"""The verb: from scenes, and labels in words or polygons of examples, to a class for every pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglot import models
from geoglot.archive.rows import Asked
from geoglot.archive.sources import Source, Sources, listed
from geoglot.archive.tiling import Options
from geoglot.core.errors import InputError
from geoglot.models.dense import VARIANTS, variant_of
from geoglot.nn import heads
from geoglot.tasks.classify import prompts, scores
from geoglot.tasks.segment import classmap, stream
from geoglot.tasks.segment.classmap import ClassMap, ClassMaps
from geoglot.tasks.segment.scoring import Look, Rule, Upsampler, by_head, by_words
from geoglot.text import templates as words

MAX_LABELS = 254  # 0 and 255 have their own meaning
Labels = str | Path | Iterable[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Settings:
    """How a scene is segmented, beside its labels.

    - `background`: phrases ("roof|shadow") for what is none of the labels; where they fit best the class is 0.
    - `threshold`: pixels whose best score is below it are 0.
    - `none`: 0 also where the calibration of the model says that no label fits (see `classify`).
    - `variant`: how a transformer makes its cells (see `models.dense`); `bias`: how much of the cosines of the whole window is
      taken from those of each cell.
    - `tile`: side of a window in pixels as the model sees them, a multiple of its cells; `overlap`: the part that neighbours
      share; `gsd`: metres a pixel at which every scene is looked at.
    - `least`: polygons of less than so many square metres are left out.
    - `upsampler`: makes the cells of a batch `factor` times finer, from them and the pixels.
    """

    background: str | None = None
    threshold: float = 0.0
    none: bool = False
    templates: Sequence[str] = ()
    calibration: str | Path | None = None
    variant: str = "segearth"
    bias: float | None = None
    tile: int | None = None
    gsd: float | None = None
    overlap: float | None = None
    sensor: str | None = None
    bands: Sequence[str] | None = None
    time: str | None = None
    least: float = 0.0
    upsampler: Upsampler | None = None
    factor: int = 1
    batch: int = 32
    workers: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise InputError(f"The threshold is a score from 0 to 1, got {self.threshold}.")
        if self.bias is not None and not 0 <= self.bias <= 1:
            raise InputError(f"The bias that is taken away is a share from 0 to 1, got {self.bias}.")
        if self.batch < 1:
            raise InputError(f"A batch holds at least one picture, got {self.batch}.")
        if self.least < 0:
            raise InputError(f"The smallest polygon has no negative area, got {self.least}.")
        variant_of(self.variant)
        words.check(self.templates)

    @property
    def options(self) -> Options:
        """How to cut windows."""
        return Options(self.tile, self.gsd, self.overlap)


def segment(
    model: Any,
    source: Any,
    labels: Labels | None = None,
    *,
    out: str | Path | Sequence[str | Path] = (),
    head: str | Path | None = None,
    **settings: Any,
) -> ClassMap:
    """Give every pixel of one scene a class.

    `model` is a dual encoder with dense features, its name, or a function that loads one once the request is known to make
    sense. The classes are `labels` in words with synonyms (see `text.templates.read_labels`), or those of a saved `head`.
    `out` are files to write: .tif for a COG, .gpkg, .geojson or .parquet for polygons; an interrupted run goes on where it was
    when it is started again with the same `out`. For `settings` see `Settings`.

    Raises `InputError` for labels, outputs and settings that make no sense and `ModelError` for a model without dense features,
    before any pixel is read; what `Scene.open` raises; and `InputError` for more than one scene (see `segment_all`).
    """
    outputs = (Path(out),) if isinstance(out, str | Path) else tuple(map(Path, out))
    _check_outputs(outputs)
    request = Request(labels, head, Settings(**settings))
    found = request.sources(source)
    if len(found) != 1:
        raise InputError(f"{source} are {len(found)} scenes: use segment_all, or name a folder for the output (-o maps/).")
    maps, _ = stream.run(found, request.ready(model), lambda _: outputs)
    return maps[0]


def segment_all(
    model: Any,
    sources: Sources,
    labels: Labels | None = None,
    *,
    out: str | Path,
    suffix: str = ".tif",
    head: str | Path | None = None,
    **settings: Any,
) -> ClassMaps:
    """Segment many scenes, each into one file of the folder `out`, named like the scene.

    Broken scenes are told in the result and stop nothing. The rest is as in `segment`. Raises `InputError` too for scenes of
    one name, `RasterError` when no scene can be read.
    """
    folder = Path(out)
    suffix = suffix if suffix.startswith(".") else f".{suffix}"
    classmap.check_output(f"scene{suffix}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, and several scenes need a folder: give another name after -o.")
    request = Request(labels, head, Settings(**settings))
    found = request.sources(sources)
    targets: dict[str, Path] = {}
    for source in found:
        target = folder / f"{_stem(source.id)}{suffix}"
        if (other := next((name for name, path in targets.items() if path == target), None)) is not None:
            raise InputError(f"{other} and {source.id} would both be written to {target}: segment them into two folders.")
        targets[source.id] = target
    how = request.ready(model)
    folder.mkdir(parents=True, exist_ok=True)
    maps, skipped = stream.run(found, how, lambda source: (targets[source.id],))
    return ClassMaps(tuple(maps), tuple(skipped))


class Request:
    """What is asked for, checked as far as it can be without a model."""

    def __init__(self, labels: Labels | None, head: str | Path | None, settings: Settings) -> None:
        self._settings, self._head = settings, head
        if (labels is None) == (head is None):
            raise InputError("Say the classes: labels in words, or a saved head (--head), not both.")
        self._classes = None if labels is None else words.read_labels(labels)
        self._background: tuple[str, ...] = ()
        if settings.background is not None:
            if self._classes is None:
                raise InputError("A head has its own classes: leave out the background.")
            self._background = words.read_labels({"background": settings.background.split("|")})["background"]
            words.read_labels({**self._classes, "the background": self._background})
        if self._classes is not None:
            if len(self._classes) > MAX_LABELS:
                raise InputError(f"{len(self._classes)} labels are more than the {MAX_LABELS} that a map of bytes holds.")
            if not (self._background or settings.none or settings.threshold):
                scores_of_one(tuple(self._classes))

    def sources(self, given: Sources) -> list[Source]:
        """The scenes that are meant."""
        asked = self._settings
        return listed(given, Asked(asked.sensor, tuple(asked.bands) if asked.bands else None, asked.time))

    def ready(self, model: Any) -> stream.Run:
        """Load the model where it is a name or a function, and make ready what is asked of it."""
        if isinstance(model, str | Path):
            model = models.load(model)
        elif callable(model) and not hasattr(model, "spec"):
            model = model()
        asked = self._settings
        look = Look(model, variant_of(asked.variant), upsampler=asked.upsampler, factor=asked.factor)
        _ = look.cell  # a model without dense features is told here
        if self._head is not None:
            return self._by_head(look)
        return self._by_words(look)

    def _run(self, look: Look, rule: Rule, names: tuple[str, ...], channels: int, options: Options, **told: Any) -> stream.Run:
        asked = self._settings
        if asked.upsampler is not None:
            told["upsampler"] = getattr(asked.upsampler, "hash", repr(asked.upsampler))
        request = {
            "model": look.model.spec.hash,
            "dtype": str(getattr(look.model, "dtype", "")),
            "names": names,
            "variant": look.variant,
            "bias": look.bias,
            "options": vars(options),
            "asked": [asked.sensor, asked.bands, asked.time],
            "threshold": asked.threshold,
            "least": asked.least,
            **told,
        }
        how = stream.Run(
            look, rule, names, options, request, channels, asked.least, None, asked.batch, asked.workers, asked.progress
        )
        _ = how.window  # a window that is no multiple of the cells is told here
        return how

    def _by_words(self, look: Look) -> stream.Run:
        assert self._classes is not None
        asked, spec = self._settings, look.model.spec
        chosen = scores.calibration(spec, asked.calibration)
        if asked.none:
            scores.check_none(True, chosen, spec)
        classes = {**self._classes, **({"the background": self._background} if self._background else {})}
        known = prompts.encode(look.model, classes, asked.templates)
        look = Look(
            look.model,
            look.variant,
            _bias(look.model, asked.bias),
            by_words(known.vectors, tuple(range(len(known.names))), look.model.device),
            look.upsampler,
            look.factor,
        )
        rule = Rule(
            1 / chosen.temperature, bool(self._background), asked.threshold, chosen if asked.none else None, known.vectors
        )
        told = {"phrases": known.phrases, "templates": known.templates, "none": asked.none, "temperature": chosen.temperature}
        return self._run(look, rule, tuple(self._classes), len(classes), asked.options, **told)

    def _by_head(self, look: Look) -> stream.Run:
        assert self._head is not None
        head, card = heads.load(self._head, look.model.spec)
        recorded = Options(**card.options)  # type: ignore[arg-type]
        look = Look(look.model, look.variant, 0.0, by_head(head), look.upsampler, look.factor)
        rule = Rule(1.0, threshold=self._settings.threshold)
        digest = {name: value.tobytes().hex()[:64] for name, value in head.arrays().items()}
        return self._run(look, rule, card.names, len(card.names), self._settings.options.filled(recorded), head=digest)


def scores_of_one(names: tuple[str, ...]) -> None:
    """Raise `InputError` for a single class, which there is nothing to tell from."""
    if len(names) == 1:
        raise InputError(
            f"There is nothing to tell {names[0]!r} from: name other classes, a background (--background), or use --none."
        )


def _bias(model: Any, asked: float | None) -> float:
    """The share of the whole window's cosines to take away: as asked, else 0.3 (SegEarth-OV) for transformers, none otherwise."""
    if asked is not None:
        return asked
    return 0.3 if getattr(model, "transformer", False) else 0.0


def _check_outputs(outputs: Sequence[Path]) -> None:
    for path in outputs:
        classmap.check_output(path)
        if not path.parent.is_dir():
            raise InputError(f"There is no folder {path.parent} for {path.name}: make it first.")
    if len(set(outputs)) < len(outputs):
        raise InputError("An output is named twice.")


def _stem(name: str) -> str:
    return Path(name.rstrip("/")).stem or "scene"


__all__ = ["VARIANTS", "Settings", "segment", "segment_all"]
