"""Writing instruction data: conversations of a source's samples or of rendered scenes, in any form, and going on after a stop."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from geoglot.core.errors import DataError, InputError, RasterError
from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data import conversations as talk
from geoglot.data.build import conversations as made
from geoglot.data.build.helper import Helper
from geoglot.data.build.journal import Journal
from geoglot.data.sample import Card, Picture, Sample
from geoglot.data.shards.damage import Tell, tell
from geoglot.data.synth import KINDS
from geoglot.data.synth.questions import ASKED
from geoglot.data.synth.refer import noun
from geoglot.data.synth.scenes import View, scene
from geoglot.data.synth.series import pair
from geoglot.geo import render
from geoglot.geo.raster import Raster
from geoglot.geo.write import atomic

FIRST_SEED = 900_000  # far from the seeds of other material
GSDS = (0.5, 1.0, 1.0, 2.0, 5.0, 10.0)
PAIRS = 4  # every fourth rendered place is shown at two dates
GREY = 3  # every third single one without colours too
RADAR = 11  # every eleventh by radar
Item = tuple[str, Callable[[], list[talk.Conversation]]]


@dataclass(frozen=True)
class Plan:
    """What is made: kinds of exchanges (None for all), how many conversations in all and of a place, turns of each, the seed."""

    kinds: tuple[str, ...] | None = None
    count: int | None = None
    of_place: int = 6
    turns: int = 1
    seed: int = 0

    def check(self) -> Plan:
        """Give the plan back; InputError for numbers below one, NotFoundError for a kind that there is not."""
        if min(self.of_place, self.turns, self.count or 1) < 1:
            raise InputError("Ask for at least one conversation of at least one turn.")
        for kind in self.kinds or ():
            find("data.build.conversations", kind)
        return self


@dataclass
class Summary:
    """What was written."""

    conversations: int = 0
    places: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    boxes: int = 0
    twins: int = 0
    skipped: int = 0
    helped: dict[str, Any] = field(default_factory=dict)


def of_source(card: Card, rows: Sequence[Sample], plan: Plan, pictures: Path | None) -> Iterator[Item]:
    """An item for each sample of a source, in the source's order; pictures are copied to a folder where one is given."""
    crowd = made.Crowd()
    for row in rows:
        crowd.add(made.names_of(row))
    vocabulary = sorted(crowd.names)

    def of(row: Sample) -> list[talk.Conversation]:
        known = made.of_sample(row, card, vocabulary, row.pictures[0].size)
        found = made.conversations(known, crowd, plan.seed, plan.kinds, plan.of_place, plan.turns)
        if pictures is None or not found:
            return found
        copies = {each: _copied(each, pictures / f"{_plain(row.id)}-{k}.png") for k, each in enumerate(row.pictures)}
        return [made.renamed(each, copies) for each in found]

    for row in rows:
        yield row.id, lambda row=row: of(row)  # type: ignore[misc]


def of_rendered(places: int, plan: Plan, pictures: Path, size: int = 256) -> Iterator[Item]:
    """An item for each of so many rendered places, whose pictures go to a folder as PNG."""
    crowd = made.Crowd()
    for rank, label in enumerate(ASKED):  # how often one thinks of a thing, without rendering first
        crowd.names[noun(label)] = len(ASKED) - rank
    for number in range(places):
        yield f"rendered/{plan.seed}/{number}", lambda number=number: _place(number, plan, crowd, pictures, size)  # type: ignore[misc]


def _place(number: int, plan: Plan, crowd: made.Crowd, folder: Path, size: int) -> list[talk.Conversation]:
    seed = FIRST_SEED + 100_000 * plan.seed + number
    rng = np.random.default_rng([seed, 31])
    kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    name = f"rendered-{plan.seed}-{number:06d}"
    if number % PAIRS == PAIRS - 1:
        known = _dates(seed, kind, rng, folder, name, size)
    else:
        gsd = float(GSDS[int(rng.integers(len(GSDS)))])
        radar = number % RADAR == RADAR - 1
        how = {"gsd": max(gsd, 5.0) if radar else gsd, "size": size, "sensor": "sentinel-1" if radar else None}
        view = scene(seed, kind, **how)
        grey = None
        if number % GREY == 0 and not radar:
            grey = _saved(scene(seed, kind, gsd=gsd, size=size, bands=("pan",)).raster, folder / f"{name}-grey.png")
        known = _single(view, _saved(view.raster, folder / f"{name}.png"), name, grey)
    return made.conversations(known, crowd, plan.seed, plan.kinds, plan.of_place, plan.turns)


def _single(view: View, picture: Picture, name: str, grey: Picture | None) -> made.Known:
    return made.of_view(view, (picture,), name, grey)


def _dates(seed: int, kind: str, rng: np.random.Generator, folder: Path, name: str, size: int) -> made.Known:
    years = sorted(2000 + int(y) for y in rng.choice(24, 2, replace=False))
    when = [datetime(year, int(rng.integers(4, 10)), int(rng.integers(1, 28)), tzinfo=UTC) for year in years]
    gsd, changes = (1.0, 2.0)[int(rng.integers(2))], int(rng.integers(0, 3))
    try:
        found = pair(seed, kind, dates=(when[0], when[1]), changes=changes, gsd=gsd, size=size)
    except InputError:  # no room for the change
        found = pair(seed, kind, dates=(when[0], when[1]), changes=0, gsd=gsd, size=size)
    pictures = tuple(
        replace(_saved(view.raster, folder / f"{name}-{k}.png"), time=time)
        for k, (view, time) in enumerate(zip((found.before, found.after), when, strict=True))
    )
    return made.of_pair(found, pictures, name)


def _saved(raster: Raster, path: Path) -> Picture:
    with atomic(path) as part:
        render.image(raster).save(part, format="PNG")
    return Picture(path)


def _copied(picture: Picture, path: Path) -> Picture:
    with atomic(path) as part:
        Image.fromarray(np.asarray(picture.image())).save(part, format="PNG")
    return Picture(path, time=picture.time)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name)


def write(
    items: Iterator[Item], target: Path, format: str, how: talk.How, plan: Plan, settings: dict[str, Any],
    total: int | None = None, helper: Helper | None = None, names: Collection[str] = (), say: Tell = tell,
) -> Summary:  # fmt: skip
    """Write the conversations of items as one file, whole or not at all.

    A journal beside it lets a stopped run with the same settings go on. Pictures that are missing or damaged are told and
    skipped. NetworkError of the helper leaves the journal. Raises DataError where there is nothing to write.
    """
    module = cast(talk.Format, find("data.formats", format))
    if module.give is None:
        talk.write([], target, format)  # raises and names those that are written
    assert module.give is not None
    journal = Journal(target, {"format": format, "plan": asdict(plan.check()), **settings})
    summary = Summary()
    try:
        for entry in journal.items():
            _count(summary, entry)
        with track(total, "conversations", "place") as progress:
            progress.advance(journal.done)
            for number, (name, make) in enumerate(items):
                if number < journal.done:
                    continue
                if plan.count is not None and summary.conversations >= plan.count:
                    break
                left = None if plan.count is None else plan.count - summary.conversations
                entry = _entry(name, make, left, module.give, how, helper, names, say)
                journal.add(entry)
                _count(summary, entry)
                progress.advance(1)
        if not summary.conversations:
            raise DataError(f"Nothing could be asked of {summary.places:,} places: choose other kinds (--kinds) or data.")
        with atomic(target) as part, part.open("w", encoding="utf-8") as out:
            rows = (json.dumps(row, ensure_ascii=False) for entry in journal.items() for row in entry["rows"])
            out.write("\n".join(rows) + "\n" if module.LINES else "[\n" + ",\n".join(rows) + "\n]\n")
    finally:
        journal.close()
    journal.remove()
    if helper is not None:
        summary.helped = {"taken": helper.taken, "refused": helper.refused, "why": dict(helper.why)}
    return summary


def _entry(
    name: str, make: Callable[[], list[talk.Conversation]], left: int | None, give: Callable[[talk.Conversation, talk.How], Any],
    how: talk.How, helper: Helper | None, names: Collection[str], say: Tell,
) -> dict[str, Any]:  # fmt: skip
    try:
        found = make()
    except (RasterError, DataError, OSError) as error:
        say(f"{name} is left out: {error}")
        return {"rows": [], "skipped": 1, "tasks": {}, "boxes": 0, "twins": 0}
    found = _whole(found, left)
    if helper is not None:
        found = [helper.reworded(each, names) for each in found]
    return {
        "rows": [give(each, how) for each in found],
        "skipped": 0,
        "tasks": dict(Counter(each.task for each in found)),
        "boxes": sum(len(each.boxes) for each in found),
        "twins": len({each.attributes["twin"] for each in found if "twin" in each.attributes}),
    }


def _whole(found: list[talk.Conversation], left: int | None) -> list[talk.Conversation]:
    """The first so many conversations, without half a pair of twins."""
    kept = found if left is None else found[:left]
    twins = Counter(each.attributes.get("twin") for each in kept)
    return [each for each in kept if "twin" not in each.attributes or twins[each.attributes["twin"]] == 2]


def _count(summary: Summary, entry: dict[str, Any]) -> None:
    summary.places += 1
    summary.conversations += len(entry["rows"])
    for task, number in entry["tasks"].items():
        summary.tasks[task] = summary.tasks.get(task, 0) + number
    summary.boxes += entry["boxes"]
    summary.twins += entry["twins"]
    summary.skipped += entry["skipped"]


def names_of_rendered() -> list[str]:
    """The words for things in rendered scenes that a helper must keep."""
    return [noun(label) for label in ASKED]
