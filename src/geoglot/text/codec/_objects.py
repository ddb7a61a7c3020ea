"""Boxes as objects of JSON: `[{"bbox_2d": [1, 2, 3, 4], "label": "ship"}]`, fenced or not, whole or cut off at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache

from geoglot.text.codec._scan import Piece, Row, list_of, numbers_of


@cache
def _patterns(key: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    body = rf'\{{[^{{}}]{{0,400}}?"{key}"\s*:\s*(?P<row>{list_of((4,))})[^{{}}]{{0,400}}\}}'
    one = rf"(?:```(?:json)?\s{{0,9}})?(?:\[\s{{0,9}})?{body}(?:\s{{0,9}}\](?:\s{{0,9}}```)?)?"
    return re.compile(one), re.compile(r'"(?:label|category|name)"\s*:\s*(?P<label>"(?:[^"\\]|\\.)*")')


def scan(text: str, key: str) -> Iterator[Piece]:
    """Every object with such a key, and its label; the first and the last of a list take the brackets and fences along."""
    one, name = _patterns(key)
    for found in one.finditer(text):
        said = name.search(found[0])
        try:
            label = json.loads(said["label"]) if said else ""
        except ValueError:
            label = ""
        body = found[0].removeprefix("```json").strip("` \n\t\r").removeprefix("[").removesuffix("]").strip()
        try:
            whole = isinstance(json.loads(body), dict)
        except ValueError:
            whole = False
        yield Piece(numbers_of(found["row"]), *found.span(), " ".join(label.split()), whole)


def spell(rows: Sequence[Row], key: str, name: str) -> str:
    """A list of objects on one line each."""
    texts = []
    for numbers, label in rows:
        said = f", {json.dumps(name)}: {json.dumps(label, ensure_ascii=False)}" if label else ""
        texts.append(f"{{{json.dumps(key)}: [{', '.join(numbers)}]{said}}}")
    return "[" + ",\n".join(texts) + "]"
