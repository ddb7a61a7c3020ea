"""What a user may ask of `segment`, checked before a model is loaded or a pixel is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from geoglot.archive.rows import Asked
from geoglot.archive.sources import Source, Sources, listed
from geoglot.archive.tiling import Options
from geoglot.core.errors import InputError
from geoglot.models.dense import variant_of
from geoglot.tasks.classify.marks import Mark, read_marks
from geoglot.text import templates as words

if TYPE_CHECKING:
    from geoglot.tasks.segment.scoring import Upsampler

FOLDS = 5
MAX_LABELS = 254  # 0 and 255 have their own meaning
Labels = str | Path | Iterable[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Settings:
    """How a scene is segmented, beside its labels.

    - `background`: phrases ("roof|shadow") for what is none of the labels; where they fit best the class is 0.
    - `threshold`: pixels whose best score is below it are 0; without one none, but with a decoder (see there).
    - `none`: 0 also where the calibration of the model says that no label fits (see `classify`).
    - `variant`: how a transformer makes its cells (see `models.dense`); `bias`: how much of the cosines of the whole window is
      taken from those of each cell.
    - `tile`: side of a window in pixels as the model sees them, a multiple of its cells; `overlap`: the part that neighbours
      share; `gsd`: metres a pixel at which every scene is looked at.
    - `least`: polygons of less than so many square metres are left out.
    - `upsample`: how many times finer than the model's cells the map is decided, 1 and powers of 2; `upsampler`: what makes it
      so, a file that the recipe `upsample` wrote or a function (see `scoring.Upsampler`), if not what comes with the model.
    - `decoder`: a file that the recipe `decode` wrote, or the name of a model that one comes with: classes are masks drawn by it
      instead of cosines of cells. One label alone is then allowed, and 0 is what scores below `threshold`, or 0.5 without one;
      so it is with `none`.
    - `examples`: with a decoder, pictures of each label that mostly show it; a mask is asked for half by them, half by the words.
    """

    background: str | None = None
    threshold: float | None = None
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
    upsample: int | None = None
    upsampler: Upsampler | str | Path | None = None
    decoder: str | Path | None = None
    examples: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    batch: int = 32
    workers: int | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"The threshold is a score from 0 to 1, got {self.threshold}.")
        if self.bias is not None and not 0 <= self.bias <= 1:
            raise InputError(f"The bias that is taken away is a share from 0 to 1, got {self.bias}.")
        if self.batch < 1:
            raise InputError(f"A batch holds at least one picture, got {self.batch}.")
        if self.least < 0:
            raise InputError(f"The smallest polygon has no negative area, got {self.least}.")
        if self.upsample is not None and (self.upsample < 1 or self.upsample & (self.upsample - 1)):
            raise InputError(f"Maps are made 1, 2, 4, 8 or 16 times finer, got {self.upsample}.")
        if self.upsampler is not None and self.upsample is None:
            raise InputError("Say how many times finer the upsampler is to make maps (--upsample 4).")
        if self.decoder is not None and (self.upsample is not None or self.bias is not None or self.calibration is not None):
            raise InputError("A decoder draws its own fine masks: leave out the upsampler, the bias and the calibration.")
        if self.examples and self.decoder is None:
            raise InputError("Examples are for a decoder (--decoder); to fit a head to marked places use --train.")
        variant_of(self.variant)
        words.check(self.templates)

    @property
    def options(self) -> Options:
        """How to cut windows."""
        return Options(self.tile, self.gsd, self.overlap)


@dataclass(frozen=True)
class Train:
    """What to fit on: a file of polygons, the property that holds the label, the number of folds."""

    marks: str | Path
    key: str = "label"
    folds: int = FOLDS

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InputError(f"Cross-validation needs at least 2 folds, got {self.folds}.")


def read_polygons(asked: Train) -> list[Mark]:
    """The polygons. Raises what `marks.read_marks` does, and `InputError` for points and lines."""
    found = read_marks(asked.marks, asked.key)
    for mark in found:
        if not mark.shape.area:
            raise InputError(
                f"Feature {mark.number} of {asked.marks} is a {mark.shape.geom_type}: draw polygons around what you mean."
            )
    return found


class Request:
    """What is asked for, checked as far as it can be without a model."""

    def __init__(
        self,
        labels: Labels | None,
        train: str | Path | Train | None,
        head: str | Path | None,
        save: str | Path | None,
        settings: Settings,
    ) -> None:
        self.settings, self.head, self.save = settings, head, save
        if sum(one is not None for one in (labels, train, head)) != 1:
            raise InputError("Say the classes in one way: labels in words, polygons (--train), or a saved head (--head).")
        if settings.decoder is not None and labels is None:
            raise InputError("A decoder draws masks of words: give labels, or leave the decoder out.")
        if save is not None and train is None:
            raise InputError("There is a head to save only with --train.")
        if save is not None and not Path(save).parent.is_dir():
            raise InputError(f"There is no folder {Path(save).parent} for the head: make it first.")
        self.train = Train(train) if isinstance(train, str | Path) else train
        self.marks = None if self.train is None else read_polygons(self.train)
        self.classes = None if labels is None else words.read_labels(labels)
        self.background: tuple[str, ...] = ()
        if settings.background is not None and settings.none:
            raise InputError("Say what is none of the labels in one way: a background in words, or --none.")
        if settings.background is not None:
            if self.classes is None:
                raise InputError("A head has its own classes: leave out the background, and mark a class of everything else.")
            self.background = words.read_labels({"background": settings.background.split("|")})["background"]
            words.read_labels({**self.classes, "the background": self.background})
        if self.classes is not None:
            if len(self.classes) > MAX_LABELS:
                raise InputError(f"{len(self.classes)} labels are more than the {MAX_LABELS} that a map of bytes holds.")
            if strange := sorted(set(settings.examples) - set(self.classes)):
                raise InputError(f"There are examples of {strange[0]!r}, which is no label: name one of {list(self.classes)}.")
            if not (self.background or settings.none or settings.decoder is not None):
                check_count(tuple(self.classes))

    @property
    def files(self) -> list[str | Path]:
        """What is read beside the scenes, as far as it is named by a path."""
        asked, marks = self.settings, None if self.train is None else self.train.marks
        named = (marks, self.head, asked.calibration, asked.upsampler, asked.decoder)
        shown = [file for files in asked.examples.values() for file in files]
        return [*(file for file in named if isinstance(file, str | Path)), *shown]

    def sources(self, given: Sources) -> list[Source]:
        """The scenes that are meant."""
        asked = self.settings
        return listed(given, Asked(asked.sensor, tuple(asked.bands) if asked.bands else None, asked.time))


def check_count(names: tuple[str, ...]) -> None:
    """Raise `InputError` for a single class, which there is nothing to tell from."""
    if len(names) == 1:
        raise InputError(
            f"There is nothing to tell {names[0]!r} from: name other classes, a background (--background), or use --none or "
            "--decoder."
        )
