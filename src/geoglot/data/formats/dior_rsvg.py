"""DIOR-RSVG: VOC XML files with a description of each object; a conversation for each.

Give the folder of the XML files, which are read in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from geoglot.core.errors import DataError, NotFoundError
from geoglot.core.protocols import Said
from geoglot.data import conversations as talk
from geoglot.data.formats import _kit
from geoglot.geo.boxes import Box

BOXES: str | None = "geochat"
LINES = False
give = None


def records(file: Path) -> Iterator[tuple[str, Any]]:
    """Every XML file of a folder, or one."""
    if not file.exists():
        raise NotFoundError(f"There is no {file}: give the folder of the XML files.")
    for each in sorted(file.glob("*.xml")) if file.is_dir() else [file]:
        yield each.name, each


def take(record: Any, how: talk.How) -> Iterator[talk.Conversation]:
    """The described objects of one picture."""
    name, found = described(record)
    picture = _kit.picture(how.pictures, name)
    for number, (label, box, text) in enumerate(found):
        turns = (Said("user", f"Where is {text.rstrip(' .')}?", (0,)), Said("assistant", talk.mark(0)))
        yield talk.Conversation(f"{name}/{number}", (picture,), turns, "refer", (talk.Placed(box, label),))


def described(file: Path) -> tuple[str, list[tuple[str, Box, str]]]:
    """The picture's name, and class, box in pixels and description of each described object; DataError for a broken file."""
    try:
        tree = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise DataError(f"{file} is no XML ({error}): fetch it again.") from None
    found = []
    for thing in tree.iter("object"):
        text = (thing.findtext("description") or "").strip()
        try:
            left, top, right, bottom = [float(thing.findtext(f"bndbox/{key}") or "") for key in ("xmin", "ymin", "xmax", "ymax")]
        except ValueError:
            raise DataError(f"{file}: an object without xmin, ymin, xmax and ymax: correct or remove it.") from None
        if text:
            found.append(((thing.findtext("name") or "").strip(), Box.upright(left, top, right, bottom), text))
    return (tree.findtext("filename") or f"{file.stem}.jpg").strip(), found
