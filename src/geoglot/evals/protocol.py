"""Protocols: a file that fixes data, split, prompts, preprocessing, text processing and metric, and a hash of all that."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from geoglot.core.config import Config, load_toml
from geoglot.core.errors import ConfigError, InputError, NotFoundError
from geoglot.core.parts import find, names
from geoglot.data.sample import Card
from geoglot.metrics._matching import Rule
from geoglot.metrics.box_precision import COCO, Curve
from geoglot.metrics.recall import Gallery

FOLDER = Path(__file__).with_name("protocols")
# Counted up when the code that runs protocols changes what a figure means.
RULES = 1
LATER = ("whole", "synonyms", "pixels", "boxes", "dates", "ask", "asks", "verb", "bins", "scenes")

Split = Literal["train", "val", "test", "all"]


class Prepare(Config):
    """What is done to a picture: a centred part of each side, made ``squash``ed or ``centre``d into the model's square."""

    crop: float = 1.0
    fit: Literal["squash", "centre"] = "squash"
    resample: Literal["bicubic", "bilinear"] = "bicubic"


class Text(Config):
    """What is done to captions: ``each`` repeats an image's captions in turn up to so many; ``capitalize`` is Python's."""

    prefix: str = ""
    capitalize: bool = False
    directions: bool = True
    each: int | None = None


class Pixels(Config):
    """What counts of pixel labels. Pixels of classes to ``ignore`` do not count; ``joined`` maps a class to the one that it
    counts as. ``background`` is a class that is not asked for by words but answered by none of the labels; with ``rest`` it is
    all else that is on the ground, for which a dual encoder has words of its own. Boundaries may lie ``edge`` pixels off."""

    background: str | None = None
    rest: bool = True
    ignore: tuple[str, ...] = ()
    joined: Mapping[str, str] = Field(default_factory=dict)
    edge: float = 2.0


class Boxes(Config):
    """How boxes are counted: ``overlap`` are the thresholds of intersection over union; ``rule``, ``curve`` and ``most`` those of
    `geoglot.metrics.box_precision`. Precision, recall and counts are of boxes with a ``score`` of at least so much."""

    oriented: bool = False
    overlap: tuple[float, ...] = COCO
    rule: Rule = "coco"
    curve: Curve = "coco"
    most: int | None = 100
    score: float = 0.3


class Dates(Config):
    """How pairs of dates are compared: ``mask`` and ``changed`` say what of which mask of a sample is change, what has another
    name is none; ``sensor`` is that of both pictures where files do not say it, ``bands`` are the names of theirs."""

    mask: str = "change"
    changed: tuple[str, ...] = ("change",)
    sensor: str | None = None
    bands: tuple[str, ...] | None = None


class Scenes(Config):
    """How pictures are drawn, and looked at. ``each`` of every item are asked for ``by`` its captions in turn, by its class in
    words (a template) or by the ``labels`` that a model knows; the k-th with the seed ``seed`` + k.

    Pictures have ``size`` pixels a side of ``gsd`` metres. A model whose window is larger draws that, and it is shrunk as real
    ones are; all are kept as ``format`` before they are looked at. Distances are of features of ``encoder``: an image-text model
    by name, or the file of Inception's TorchScript; the kernel's are means over ``blocks`` of ``rows`` pictures.
    """

    by: Literal["captions", "classes", "labels"] = "captions"
    each: int = Field(default=1, ge=1)
    seed: int = 0
    steps: int = Field(default=16, ge=1)
    guidance: float = 3.0
    size: int = Field(default=64, ge=8)
    gsd: float | None = None
    format: Literal["png", "jpeg"] = "png"
    encoder: str = "nano"
    blocks: int = 100
    rows: int = 100


class Protocol(Config):
    """How a figure comes about. The name is the file's.

    ``kind`` is a file of `geoglot.evals.kinds`. Templates hold `{}` for the class, and `[a|b]` for alternatives: all are
    used, their unit vectors averaged. A class is called by ``words`` where it is there, else as ``naming`` says: by the
    first phrase of the source's card, or by its own name in small letters (`BareLand`: "bare land"). ``among`` keeps only
    classes that the model was not taught by its training record; ``last_fifth`` takes the last fifth of each class by
    sorted name out of the whole split. ``scale`` turns cosines into probabilities for calibration; a head on frozen features is
    fitted to ``shots`` examples a class (all where there are none), ``draws`` times, with a penalty ``l2``. ``whole`` takes
    pictures without the windows cut out of them; ``synonyms`` are further words for a class; ``pixels``, ``boxes``, ``dates``
    and ``scenes`` are for what they are called after. ``ask`` is what a model that converses is asked, with `{}` for the
    expression or the object, ``asks`` the same by what is asked for where that is of several kinds. With ``verb`` it is asked as
    `geoglot ask` asks it, which measures on the ground, else it is shown the picture and answers itself. ``bins`` are upper
    bounds by the kind of question: of these, numbers are right in the right bin.
    """

    name: str
    title: str
    note: str = ""
    kind: str
    source: str
    split: Split = "test"
    limit: int | None = None
    last_fifth: bool = False
    metric: str
    prepare: Prepare = Prepare()
    templates: tuple[str, ...] = ()
    naming: Literal["card", "plain"] = "card"
    words: Mapping[str, str] = Field(default_factory=dict)
    among: Literal["all", "unseen"] = "all"
    scale: float = 100.0
    text: Text = Text()
    gallery: Gallery = "distinct"
    shots: tuple[int, ...] = ()
    draws: int = 5
    l2: float = 1e-4
    whole: bool = False
    synonyms: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    pixels: Pixels | None = None
    boxes: Boxes | None = None
    dates: Dates | None = None
    scenes: Scenes | None = None
    ask: str = ""
    asks: Mapping[str, str] = Field(default_factory=dict)
    verb: bool = False
    bins: Mapping[str, tuple[int, ...]] = Field(default_factory=dict)

    def card(self) -> Card:
        """The source's card. Raises NotFoundError."""
        card: Card = find("data.sources", self.source).CARD
        return card

    def called(self) -> dict[str, str]:
        """What each class is called, in a fixed order: all classes of the source, or those of ``words`` alone."""
        classes = self.card().classes
        if self.words:
            if self.kind == "labels":
                return dict(sorted(self.words.items()))
            unknown = sorted(set(self.words) - set(classes))
            if unknown:
                raise ConfigError(f"Protocol {self.name} names classes that {self.source} does not have: {', '.join(unknown)}.")
            return dict(sorted(self.words.items()))
        return {label: phrases[0] if self.naming == "card" else plain(label) for label, phrases in sorted(classes.items())}

    def labels(self) -> dict[str, tuple[str, ...]]:
        """The words of each class, what it is called first, then its synonyms. Raises ConfigError for words of no class."""
        called = self.called()
        unknown = sorted(set(self.synonyms) - set(called))
        if unknown:
            raise ConfigError(f"Protocol {self.name} has synonyms of what is no class of it: {', '.join(unknown)}.")
        return {label: (words, *self.synonyms.get(label, ())) for label, words in called.items()}

    def prompts(self) -> list[str]:
        """All templates with their alternatives written out."""
        return [text for template in self.templates for text in expand(template)]

    def resolved(self) -> dict[str, Any]:
        """All that a figure depends on, in plain values; title and note are left out."""
        values = self.model_dump(mode="json", exclude={"title", "note", "name", "templates", "words"})
        # keys that came later are left out where they say nothing, so that hashes of older protocols stay
        values = {key: value for key, value in values.items() if key not in LATER or value not in (None, False, {}, "")}
        if self.templates:
            values |= {"prompts": self.prompts(), "called": self.called()}
        elif self.pixels is not None or self.boxes is not None:
            values |= {"called": self.called()}
        if version := self.card().version:
            values |= {"version": version}
        return values | {"rules": RULES}

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of the resolved content."""
        text = json.dumps(self.resolved(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def expand(template: str) -> list[str]:
    """Write out the alternatives `[a|b]` of a template, the last ones changing first."""
    parts = re.split(r"\[([^\]]*)\]", template)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def plain(label: str) -> str:
    """A class name in small letters with spaces: `BareLand` and `bare_land` are "bare land"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_/]", " ", label).lower()


def known() -> list[str]:
    """Names of the protocols that come with the package."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load(name: str, split: str | None = None, limit: int | None = None) -> Protocol:
    """Read a protocol of the package by name, or any by the path of its TOML file.

    Raises NotFoundError, which offers the nearest names, and ConfigError.
    """
    file = Path(name) if name.endswith(".toml") else FOLDER / f"{name.strip().lower().replace('_', '-')}.toml"
    if not file.exists():
        near = difflib.get_close_matches(name, known(), n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known())}."
        raise NotFoundError(f"There is no protocol {name!r}. {hint}")
    given = [f'name="{file.stem}"']
    given += [f'split="{split}"'] if split else []
    given += [f"limit={limit}"] if limit else []
    made = load_toml(Protocol, file, given)
    if split and made.last_fifth:
        raise InputError(f"Protocol {name} makes its own choice of items: leave --split out.")
    if made.kind not in names("evals.kinds"):
        raise ConfigError(f"Protocol {name}: there is no kind {made.kind!r}; kinds are {', '.join(names('evals.kinds'))}.")
    bad = [text for text in made.prompts() if "{}" not in text]
    if bad:
        raise ConfigError(f"Protocol {name}: a template holds {{}} where the class goes; {bad[0]!r} does not.")
    return made
