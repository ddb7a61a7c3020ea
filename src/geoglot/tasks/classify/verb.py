"""The verb: from scenes, and labels in words or by examples, to a label and scores for each tile or image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from geoglot import models
from geoglot.archive.encoding import tile_encoder
from geoglot.archive.rows import Asked
from geoglot.archive.sources import Source, Sources, listed
from geoglot.archive.tiling import Options
from geoglot.core.errors import InputError
from geoglot.core.progress import track
from geoglot.core.protocols import TileEncoder
from geoglot.nn import heads
from geoglot.nn.transduce import gauss
from geoglot.tasks.classify import few_shot as fitting
from geoglot.tasks.classify import marks as marking
from geoglot.tasks.classify import prompts, scores, stream
from geoglot.tasks.classify.few_shot import FewShot
from geoglot.tasks.classify.labels import Labels
from geoglot.text import templates as words

Per = Literal["tile", "image"]


def classify(
    model: Any,
    sources: Sources,
    labels: str | Path | Iterable[str] | Mapping[str, Sequence[str]] | None = None,
    *,
    few_shot: str | Path | FewShot | None = None,
    head: str | Path | None = None,
    save: str | Path | None = None,
    templates: Sequence[str] = (),
    per: Per = "tile",
    none: bool | None = None,
    calibration: str | Path | None = None,
    transductive: bool = False,
    tile: int | None = None,
    gsd: float | None = None,
    overlap: float | None = None,
    sensor: str | None = None,
    bands: Sequence[str] | None = None,
    time: str | None = None,
    batch: int = 32,
    workers: int | None = None,
    progress: bool = True,
) -> Labels:
    """Give every tile (or image) of some scenes a label, and a score for each class.

    `model` is a dual encoder, its name, or a function that loads one once the request is known to make sense. `sources` are
    rasters, folders, globs, addresses and open scenes, cut as `archive.index` cuts them. The classes are

    - `labels` in words with synonyms (see `text.templates.read_labels`), put into `templates`; with `none` a tile may fit none
      of them (by default where the model is calibrated for that, or as `calibration` says, a file of `evals.unknown`);
    - or those of `few_shot`, a GeoJSON of marked examples within the scenes, to which a head is fitted (`labels` may then give
      other words for them); `save` writes that head;
    - or those of a `head` that was saved, which also says how to cut tiles where the options here do not.

    With `transductive` all tiles of the run are answered together and teach each other (see `nn.transduce`): it takes the memory
    of all their vectors, and an answer depends on what else is in the run.

    With `per="image"` there is one answer an image: an image up to four times the model's input is seen as a whole, of a larger
    one the vectors of its tiles are averaged. Broken scenes are told in the result and stop nothing.

    Raises `InputError` for labels, templates and marks that make no sense, before any pixel is read, `RasterError` when no scene
    can be read, and what `heads.load` raises.
    """
    _check_request(labels, few_shot, head, save, per, batch)
    if (none or transductive) and labels is None:
        raise InputError(f"{words.NONE!r} and transduction go with labels in words; for a head, mark a class of everything else.")
    classes = None if labels is None else words.read_labels(labels)
    if few_shot is None and none is False and classes is not None:
        scores.check_count(tuple(classes))
    shots = FewShot(few_shot) if isinstance(few_shot, str | Path) else few_shot
    marks = None if shots is None else marking.read_marks(shots.marks, shots.key)
    templates = words.check(templates)
    options, asked = Options(tile, gsd, overlap), Asked(sensor, tuple(bands) if bands else None, time)
    wanted = listed(sources, asked)
    if isinstance(model, str | Path):
        model = models.load(model)
    elif callable(model) and not hasattr(model, "spec"):
        model = model()
    encoder = tile_encoder(model)
    how = stream.Run(encoder, options, per == "image", batch, workers, progress)
    if shots is not None and marks is not None:
        ruled = _by_marks(model, marks, wanted, how, shots, _Words(classes, templates, calibration), save)
    elif head is not None:
        ruled, how = _by_head(head, encoder, how)
    else:
        assert classes is not None
        ruled = _by_words(model, encoder, _Words(classes, templates, calibration), none, transductive)
    if ruled.together:
        found, skipped = stream.run(wanted, how, lambda vectors: vectors, "classify")
        found = stream.rescored(found, ruled.score)
    else:
        found, skipped = stream.run(wanted, how, ruled.score, "classify")
    return Labels(tuple(found), ruled.names, encoder.spec.name, per, tuple(skipped), ruled.figures)


@dataclass(frozen=True)
class _Rule:
    """How vectors become scores, of which classes, and whether all vectors are needed at once."""

    names: tuple[str, ...]
    score: stream.Scorer
    figures: dict[str, Any] | None = None
    together: bool = False


@dataclass(frozen=True)
class _Words:
    """What the user says in words."""

    classes: words.Classes | None
    templates: Sequence[str]
    calibration: str | Path | None


def _check_request(labels: Any, few_shot: Any, head: Any, save: Any, per: str, batch: int) -> None:
    if per not in ("tile", "image"):
        raise InputError(f"Labels are given per 'tile' or per 'image', got {per!r}.")
    if batch < 1:
        raise InputError(f"A batch holds at least one tile, got {batch}.")
    if labels is None and few_shot is None and head is None:
        raise InputError("Say the classes: labels in words, marked examples (--few-shot), or a saved head (--head).")
    if head is not None and (labels is not None or few_shot is not None):
        raise InputError("A saved head has its own classes: leave out --labels and --few-shot.")
    if save is not None and few_shot is None:
        raise InputError("There is a head to save only with --few-shot.")
    if save is not None and not Path(save).parent.is_dir():
        raise InputError(f"There is no folder {Path(save).parent} for the head: make it first.")


def _by_words(model: Any, encoder: TileEncoder, said: _Words, none: bool | None, transductive: bool) -> _Rule:
    assert said.classes is not None
    chosen = scores.calibration(encoder.spec, said.calibration)
    with_none = scores.check_none(none, chosen, encoder.spec)
    if not with_none:
        scores.check_count(tuple(said.classes))
    known = prompts.encode(model, said.classes, said.templates)
    names = (*known.names, words.NONE) if with_none else known.names

    def score(vectors: prompts.Floats) -> prompts.Floats:
        shares = gauss(vectors, known.vectors, chosen.temperature) if transductive else None
        return chosen.scores(known.cosines(vectors), known.vectors, with_none, shares)

    return _Rule(names, score, together=transductive)


def _by_marks(
    model: Any,
    marks: Sequence[marking.Mark],
    sources: Sequence[Source],
    how: stream.Run,
    shots: FewShot,
    said: _Words,
    save: str | Path | None,
) -> _Rule:
    with track(None, "look at marks", quiet=not how.progress) as shown:
        given = marking.examples(marks, sources, how, shown)
    classes = said.classes or {}
    if unknown := set(classes) - {mark.label for mark in marks}:
        raise InputError(f"No mark has the label {sorted(unknown)[0]!r}; there are: {', '.join(given.names)}.")
    spec = how.encoder.spec
    known = prompts.encode(model, {name: classes.get(name, (name,)) for name in given.names}, said.templates)
    head, figures = fitting.fit(given, known, scores.calibration(spec, said.calibration).temperature, shots)
    figures |= {"marks outside": list(given.outside), "marks without valid pixels": list(given.blank)}
    if save is not None:
        heads.save(save, head, heads.HeadCard(given.names, spec.name, spec.hash, asdict(how.options), figures))
    return _Rule(given.names, lambda vectors: scores.softmax(head.logits(vectors)), figures)


def _by_head(path: str | Path, encoder: TileEncoder, how: stream.Run) -> tuple[_Rule, stream.Run]:
    head, card = heads.load(path, encoder.spec)
    recorded: dict[str, Any] = dict(card.options)
    cut = stream.Run(encoder, how.options.filled(Options(**recorded)), how.whole, how.batch, how.workers, how.progress)
    return _Rule(card.names, lambda vectors: scores.softmax(head.logits(vectors)), card.figures), cut
