"""FIT-RS: LLaVA's JSON with boxes as `<rbox>({<x><y><w><h>|<degrees>})</rbox>`."""

from __future__ import annotations

from geoglot.data.formats import llava

BOXES: str | None = "fit_rs"
LINES = llava.LINES
records, take, give = llava.records, llava.take, llava.give
