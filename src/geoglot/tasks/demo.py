"""The demo: a rendered landscape is indexed and searched, and each answer is checked against what was rendered."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoglot.archive import Archive, Hit, Hits, index
from geoglot.core.progress import track
from geoglot.data.synth import PLANS, SEARCHES, DemoScene, Plan, Search, demo_scenes
from geoglot.geo.write import write_text

SHOWN = 10  # pictures on a contact sheet


@dataclass(frozen=True)
class Answer:
    """The answer to one search: its best hits and which of them hold what was asked; `base` is the part of all tiles that do."""

    search: Search
    hits: Hits
    right: tuple[bool, ...]
    base: float
    table: Path
    sheet: Path

    @property
    def hit(self) -> bool:
        """Whether the best place holds what was asked."""
        return self.right[:1] == (True,)


@dataclass(frozen=True)
class Demo:
    """What the demo did; `seconds` by step, `page` the contact sheets of all searches on one page."""

    folder: Path
    archive: Archive
    scenes: tuple[DemoScene, ...]
    answers: tuple[Answer, ...]
    seconds: dict[str, float]
    page: Path

    @property
    def missed(self) -> list[str]:
        """Searches whose best place is wrong."""
        return [answer.search.text for answer in self.answers if not answer.hit]


def demo(
    out: str | Path,
    model: Any,
    *,
    seed: int = 0,
    plans: Sequence[Plan] = PLANS,
    searches: Sequence[Search] = SEARCHES,
    progress: bool = True,
) -> Demo:
    """Render scenes into a folder, index them with `model`, search, and write GeoJSON, contact sheets, a page and `demo.json`.

    Doing it again in the same folder replaces what is there. `model` looks at tiles and reads words.
    """
    folder = Path(out)
    clock = _Clock()
    with track(len(plans), "render", "scenes") as shown:
        scenes = []
        for number, plan in enumerate(plans):
            scenes += demo_scenes(folder / "scenes", seed + number, (plan,))
            if progress:
                shown.advance()
    clock.lap("render")
    # the flag takes an archive of an earlier demo over to this model; a new or equal one is left as it is
    index([scene.path for scene in scenes], model=model, out=folder / "archive", re_embed=True, progress=progress)
    clock.lap("index")
    archive = Archive.open(folder / "archive")
    truth = {str(scene.path.absolute()): scene for scene in scenes}
    answers = tuple(_answer(archive, model, search, truth, folder, number) for number, search in enumerate(searches, 1))
    clock.lap("search")
    page = folder / "demo.html"
    write_text(page, _page(answers))
    made = Demo(folder, archive, tuple(scenes), answers, clock.laps, page)
    write_text(folder / "demo.json", json.dumps(_report(made), indent=2) + "\n")
    return made


class _Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 2)
        self._last = now


def _answer(archive: Archive, model: Any, search: Search, truth: dict[str, DemoScene], folder: Path, number: int) -> Answer:
    def right(hit: Hit) -> bool:
        return search.right(truth[hit.scene].truth.truth_at(hit.window))

    hits = archive.search(search.text, k=SHOWN, text_encoder=model)
    every = archive.search(search.text, k=len(archive), text_encoder=model, merge=False)
    name = f"{number}-{re.sub(r'[^a-z0-9]+', '-', search.text.lower()).strip('-')}"
    table = hits.write(folder / f"{name}.geojson")
    sheet = hits.contact_sheet(folder / f"{name}.png")
    base = sum(map(right, every)) / max(len(every), 1)
    return Answer(search, hits, tuple(map(right, hits)), base, table, sheet)


def _report(made: Demo) -> dict[str, Any]:
    return {
        "model": made.archive.model.name,
        "hash": made.archive.model.hash,
        "scenes": len(made.scenes),
        "tiles": len(made.archive),
        "seconds": made.seconds,
        "searches": [
            {
                "text": answer.search.text,
                "hit": answer.hit,
                "right": list(answer.right),
                "base": round(answer.base, 4),
                "geojson": answer.table.name,
                "sheet": answer.sheet.name,
            }
            for answer in made.answers
        ],
    }


def _page(answers: Sequence[Answer]) -> str:
    parts = [
        f"<h2>{html.escape(answer.search.text)}</h2>"
        f"<p>The best place is {'right' if answer.hit else 'wrong'}; {sum(answer.right)} of {len(answer.right)} hold what was "
        f"asked, of all tiles {answer.base:.1%} do. <a href='{answer.table.name}'>GeoJSON</a></p>"
        f"<img src='{answer.sheet.name}' alt='{html.escape(answer.search.text, quote=True)}'>"
        for answer in answers
    ]
    return (
        "<!doctype html><meta charset='utf-8'><title>geoglot demo</title>"
        "<style>body{font:16px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}img{max-width:100%}</style>"
        "<h1>geoglot demo</h1><p>The scenes are rendered, not observed; what they hold is known exactly.</p>"
        + "".join(parts)
        + "\n"
    )
