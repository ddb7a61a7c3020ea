"""Rendered pictures with what can be said of them: captions, questions, expressions that mean one object, what is not there.

Places of a split have seeds of their own, far from those of other trainings, demonstrations and tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoglot.core.errors import InputError
from geoglot.core.progress import track
from geoglot.data.sample import Split
from geoglot.data.synth import KINDS, Planned, View, compose, landscape, pair, render
from geoglot.data.synth.facts import Facts, facts
from geoglot.data.synth.questions import Question
from geoglot.data.synth.refer import noun, referring

FIRST: dict[Split, int] = {"train": 820_000, "val": 860_000, "test": 880_000}
SIDE = 256
FINE, WIDE = (0.3, 0.4, 0.5), (0.8, 1.0, 2.0, 4.0)
SHOWN = ("harbour", "airfield", "tankfarm", "suburb", "works", "city", "leisure", "station", "houses", "junction")
LABELS = (
    "ship", "airplane", "storage tank", "house", "industrial building", "vehicle", "bridge", "tennis court", "swimming pool",
    "football field", "stadium", "church", "terminal", "hangar", "commercial building", "apartment building",
)  # fmt: skip
VIEWS = 4  # pictures of one place


@dataclass(frozen=True)
class Meant:
    """Words that mean exactly one object, its box in the unit square, and how many others of its label are in sight."""

    text: str
    label: str
    box: tuple[float, float, float, float]
    rivals: int


@dataclass(frozen=True)
class Talked:
    """One picture (H, W, 3), or two dates of one place, and what is true of it; ``whole`` marks a second date's questions."""

    id: str
    pixels: tuple[NDArray[np.uint8], ...]
    gsd: float
    times: tuple[str, ...]
    captions: tuple[str, ...]
    questions: tuple[tuple[str, str, str], ...]
    meant: tuple[Meant, ...] = ()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()


def place(split: Split, number: int) -> list[Talked]:
    """Pictures of one made-up place: three fine ones about its objects, one of more ground; and two dates of every third."""
    rng = np.random.default_rng(FIRST[split] + number)
    made = [_told(name, plan.view(), gsd) for name, plan, gsd in framed(split, number, rng)]
    if number % 3 == 0:
        made += _dates(split, number, rng)
    return made


def framed(split: Split, number: int, rng: np.random.Generator | None = None) -> list[tuple[str, Planned, float]]:
    """The pictures of one place before they are taken: names, plans, metres a pixel; `rng` is the place's own."""
    seed = FIRST[split] + number
    rng = rng or np.random.default_rng(seed)
    kind = SHOWN[number % len(SHOWN)] if number % 4 else list(KINDS)[number // 4 % len(KINDS)]
    world = landscape(seed, kind, 1000.0)
    coarse = render(world, world.grid(1.0, 900)).instances()
    legible = [(i.centre[0] - 450, 450 - i.centre[1], i.label) for i in coarse if i.legible]
    made = []
    for k in range(VIEWS):
        gsd = float(rng.choice(FINE if k else WIDE))
        east, north = _middle(legible, rng) + rng.uniform(-0.25, 0.25, 2) * gsd * SIDE
        reach = max(0.0, (world.extent - gsd * SIDE) / 2)
        if gsd * SIDE > world.extent:
            gsd = float(rng.choice(FINE))
        east, north = float(np.clip(east, -reach, reach)), float(np.clip(north, -reach, reach))
        plan = compose(seed + 1000 * k, gsd=gsd, size=SIDE, world=world)
        made.append((f"rendered/{split}/{number}/{k}", replace(plan, grid=world.grid(gsd, SIDE, east, north)), gsd))
    return made


def _middle(legible: list[tuple[float, float, str]], rng: np.random.Generator) -> NDArray[np.float64]:
    """Where some object is: the label is drawn first, so that what is rare is seen as often."""
    if not legible:
        return np.zeros(2)
    labels = sorted({label for _, _, label in legible})
    label = labels[int(rng.integers(len(labels)))]
    some = [(x, y) for x, y, other in legible if other == label]
    return np.array(some[int(rng.integers(len(some)))])


def _told(name: str, view: View, gsd: float) -> Talked:
    f = facts(view.truth)
    pixels = np.ascontiguousarray(np.moveaxis(view.raster.data, 0, -1))
    meant = []
    for r in referring(f):
        x0, y0, x1, y1 = (float(v) / SIDE for v in r.upright.bounds())
        meant.append(Meant(r.text, r.label, (x0, y0, x1, y1), len(f.by_label[r.label]) - 1))
    present = tuple(label for label in LABELS if f.tells(label) and f.legible(label))
    absent = tuple(label for label in LABELS if f.tells(label) and f.absent(label))
    return Talked(
        name, (pixels,), gsd, (), tuple(view.captions), _plain(view.ask(count=24)), tuple(meant), present, absent, _colours(f)
    )


def _colours(f: Facts) -> tuple[str, ...]:
    """Labels with one object in sight whose colour has a word, with that word."""
    found = []
    for label in f.kinds:
        if len(f.by_label[label]) == 1 and (colour := f.colour(f.by_label[label][0])):
            found.append(f"{noun(label)}|{colour}")
    return tuple(found)


def _dates(split: Split, number: int, rng: np.random.Generator) -> list[Talked]:
    seed = FIRST[split] + 50_000 + number
    first = datetime(int(rng.integers(2012, 2019)), int(rng.integers(1, 13)), 15, 10, tzinfo=UTC)
    last = datetime(first.year + int(rng.integers(1, 6)), int(rng.integers(1, 13)), 15, 10, tzinfo=UTC)
    kind = list(KINDS)[int(rng.integers(len(KINDS)))]
    try:
        made = pair(seed, kind, dates=(first, last), changes=int(rng.integers(0, 3)), gsd=1.0, size=SIDE)
    except InputError:  # no room for a change here
        return []
    pixels = tuple(np.ascontiguousarray(np.moveaxis(v.raster.data, 0, -1)) for v in (made.before, made.after))
    times = (first.date().isoformat(), last.date().isoformat())
    name = f"rendered/{split}/{number}/dates"
    return [Talked(name, pixels, 1.0, times, tuple(made.captions), _plain(made.questions))]


def _plain(found: list[Question]) -> tuple[tuple[str, str, str], ...]:
    return tuple((q.question, q.answer, q.family) for q in found)


def load(split: Split, places: int, folder: Path) -> Iterator[Talked]:
    """Render (once; later calls read the folder) so many places of a split."""
    folder.mkdir(parents=True, exist_ok=True)
    with track(places, "render", "place") as progress:
        for number in range(places):
            file = folder / f"talk-{split}-{number}.npz"
            if not file.exists():
                _write(place(split, number), file)
            yield from _read(file)
            progress.advance()


def _write(made: list[Talked], file: Path) -> None:
    rows = [asdict(replace(one, pixels=())) | {"count": len(one.pixels)} for one in made]
    part = file.with_suffix(".part.npz")
    np.savez(part, pixels=np.stack([p for one in made for p in one.pixels]), rows=np.array(json.dumps(rows)))
    part.rename(file)


def _read(file: Path) -> Iterator[Talked]:
    with np.load(file, allow_pickle=False) as kept:
        pixels, rows = kept["pixels"], json.loads(str(kept["rows"]))
    start = 0
    for row in rows:
        count = row.pop("count")
        row["pixels"] = tuple(pixels[start : start + count])
        start += count
        yield _of(row)


def _of(row: dict[str, Any]) -> Talked:
    row["meant"] = tuple(Meant(m["text"], m["label"], tuple(m["box"]), m["rivals"]) for m in row["meant"])
    row["questions"] = tuple(tuple(q) for q in row["questions"])
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Talked(**plain)
