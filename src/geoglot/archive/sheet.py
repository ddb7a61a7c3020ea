"""Contact sheets: pictures of hits, read from their scenes, as one PNG or one HTML file."""

from __future__ import annotations

import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from geoglot.archive.hits import Hit, Hits
from geoglot.archive.rows import reopen
from geoglot.core.errors import GeoglotError, InputError
from geoglot.geo.render import data_url, image
from geoglot.geo.scene import Scene
from geoglot.geo.write import atomic, write_text

_CAPTION = 34  # pixels under a picture
_GAP = 8
_GREY = (128, 128, 128)
_PAPER, _EDGE, _INK, _FAINT = (255, 255, 255), (205, 205, 205), (20, 20, 20), (110, 110, 110)


def pictures(hits: Sequence[Hit], size: int) -> Iterator[Image.Image]:
    """A picture of each hit, `size` pixels on its longer side; grey where its scene cannot be read any more."""
    scenes: dict[str, Scene | None] = {}
    try:
        for hit in hits:
            yield _picture(hit, size, scenes)
    finally:
        for scene in scenes.values():
            if scene is not None:
                scene.close()


def _picture(hit: Hit, size: int, scenes: dict[str, Scene | None]) -> Image.Image:
    blank = Image.new("RGB", (size, size), _GREY)
    try:
        if hit.scene not in scenes:
            scenes[hit.scene] = None
            scenes[hit.scene] = Scene.open(hit.href) if hit.record is None else reopen(hit.record)
        scene = scenes[hit.scene]
        if scene is None:
            return blank
        height, width = hit.window[2:]
        scale = size / max(height, width)
        seen = scene.display(window=hit.window, shape=(max(1, round(height * scale)), max(1, round(width * scale))))
        made = image(seen)
    except (GeoglotError, OSError):
        return blank
    blank.paste(made, ((size - made.width) // 2, (size - made.height) // 2), made)
    return blank


def captions(hit: Hit) -> tuple[str, str]:
    """Two lines under a picture: rank and score; scene and date."""
    name = Path(hit.scene).name or hit.scene
    date = "" if hit.time is None else f" {hit.time:%Y-%m-%d}"
    return f"{hit.rank}. {hit.score:.3f}{date}", name


def to_png(hits: Hits, size: int, columns: int) -> Image.Image:
    """The sheet as one image."""
    columns = max(1, min(columns, len(hits) or 1))
    lines = max(1, -(-len(hits) // columns))
    top = 30 if hits.query else _GAP
    width, height = _GAP + columns * (size + _GAP), top + lines * (size + _CAPTION + _GAP)
    sheet = Image.new("RGB", (max(width, 320), height), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    if hits.query:
        draw.text((_GAP, 8), _shortened(draw, hits.query, sheet.width - 2 * _GAP, font), fill=_INK, font=font)
    if not hits:
        draw.text((_GAP, top + 4), "No hits.", fill=_FAINT, font=font)
    for index, (hit, picture) in enumerate(zip(hits, pictures(hits, size), strict=True)):
        x, y = _GAP + index % columns * (size + _GAP), top + index // columns * (size + _CAPTION + _GAP)
        sheet.paste(picture, (x, y))
        # snow and cloud are as white as the paper
        draw.rectangle((x - 1, y - 1, x + size, y + size), outline=_EDGE)
        for line, (text, colour) in enumerate(zip(captions(hit), (_INK, _FAINT), strict=True)):
            draw.text((x, y + size + 2 + 15 * line), _shortened(draw, text, size, font), fill=colour, font=font)
    return sheet


def _shortened(draw: ImageDraw.ImageDraw, text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    text = " ".join(text.split())
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(text + "…", font=font) > width:
        text = text[:-1]
    return text + "…"


def to_html(hits: Hits, size: int) -> str:
    """The sheet as a page that needs no other file."""
    cells = []
    for hit, picture in zip(hits, pictures(hits, size), strict=True):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        first, second = (html.escape(text) for text in captions(hit))
        place = "" if hit.geometry is None else "lon {:.4f}, lat {:.4f}".format(*hit.geometry.centroid.coords[0])
        cells.append(
            f'<figure><img src="{data_url(buffer.getvalue())}" width="{size}" height="{size}" alt="hit {hit.rank}">'
            f"<figcaption><b>{first}</b><br>"
            f'<span title="{html.escape(hit.scene)}">{second}</span><br>{place}</figcaption></figure>'
        )
    title = html.escape(hits.query or "Hits")
    style = (
        "body{font:14px sans-serif;margin:1em}img{outline:1px solid #ccc}"
        "main{display:flex;flex-wrap:wrap;gap:10px}figure{margin:0}"
        f"figcaption{{width:{size}px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;color:#444}}"
    )
    body = "\n".join(cells) or "<p>No hits.</p>"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>'
        f"<body><h1>{title}</h1><main>\n{body}\n</main></body></html>\n"
    )


def write_sheet(hits: Hits, path: Path, size: int, columns: int) -> Path:
    """Write the sheet in the format that the name's suffix says."""
    suffix = path.suffix.lower()
    if suffix == ".html":
        write_text(path, to_html(hits, size))
    elif suffix == ".png":
        with atomic(path) as part:
            to_png(hits, size, columns).save(part, "PNG")
    else:
        raise InputError(f"{path}: a contact sheet is a .png or a .html file.")
    return path
