"""A page of mistakes to look at: one HTML file with the pictures in it."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoglot.core.errors import GeoglotError
from geoglot.data.sample import Sample
from geoglot.evals.runner import Report

SIDE = 128
MOST = 60
STYLE = """
body { font: 14px/1.4 sans-serif; margin: 2em; color: #222; background: #fff }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(15em, 1fr)); gap: 1em }
figure { margin: 0; border: 1px solid #ccc; padding: .6em } img { width: 128px; height: 128px }
figcaption { overflow-wrap: anywhere } .no { color: #a00 } .yes { color: #060 } small { color: #666 }
"""


def page(reports: Sequence[Report], most: int = MOST) -> str:
    """Give the page: for each report its figure and its first mistakes, the surest ones first."""
    parts = [f"<!doctype html><meta charset='utf-8'><title>geoglot evaluate</title><style>{STYLE}</style>"]
    for report in reports:
        shown = list(report.outcome.mistakes)[:most]
        figure = f"{report.metric} {report.figure:.2f} ({report.low:.2f} to {report.high:.2f}), n = {report.n:,}"
        parts.append(f"<h2>{html.escape(f'{report.model}: {report.title}')}</h2>")
        parts.append(f"<p>{html.escape(f'{report.term}; split {report.split}; {figure}; protocol {report.protocol_hash}')}</p>")
        parts.append(f"<p>{len(shown)} of {len(report.outcome.mistakes):,} mistakes, the surest first</p><main>")
        for mistake in shown:
            item = report.items[mistake.place]
            panels = "".join(_embedded(*panel) for panel in mistake.panels)
            parts.append(
                f"<figure>{_image(item)}{panels}<figcaption><small>{html.escape(item.id)}</small>"
                f"<div class='yes'>{html.escape(mistake.wanted)}</div><div class='no'>{html.escape(mistake.given)}</div>"
                f"<small>by {mistake.gap:.3f}</small></figcaption></figure>"
            )
        parts.append("</main>")
    return "\n".join(parts) + "\n"


def write(reports: Sequence[Report], path: Path) -> Path:
    """Write the page, and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(reports), encoding="utf-8")
    return path


def _image(item: Sample) -> str:
    try:
        pixels = item.pictures[0].read(SIDE)
    except GeoglotError as error:
        return f"<p>{html.escape(str(error))}</p>"
    return _embedded("", pixels)


def _embedded(what: str, pixels: NDArray[np.uint8]) -> str:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "WEBP", quality=75)
    alt = html.escape(what, quote=True)
    return f"<img alt='{alt}' title='{alt}' src='data:image/webp;base64,{base64.b64encode(held.getvalue()).decode()}'>"
