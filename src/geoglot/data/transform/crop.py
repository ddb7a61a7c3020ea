"""Windows of pictures: what is out of view is not spoken of any more, and what is left is counted again."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from geoglot.core.errors import InputError
from geoglot.data.build.windows import inside, shares
from geoglot.data.sample import Sample, Turn, Window
from geoglot.data.transform.shown import Shown
from geoglot.text.claims import recount, without_sizes
from geoglot.text.directions import names_direction
from geoglot.text.sentences import NUMBERS, plural

LEAST = 0.64  # share of the area from which on a caption about the whole is still taken to be true
PLACES = re.compile(
    r"\b(?:corners?|edges?|borders?|middle|cent(?:er|re)s?|surround\w*|around|whole|entire|all|only|every)\b", re.IGNORECASE
)
HOW_MANY = re.compile(r"\bhow many (?P<noun>[a-z -]+?)(?: are| is| can| do| in|\?|$)", re.IGNORECASE)
IS_THERE = re.compile(r"\b(?:is|are) there (?:an?|any|some)? ?(?P<noun>[a-z -]+?)(?: in| on| at|\?|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Crop:
    """Cuts (row, column, height, width) in pixels of the picture out of pictures, masks and boxes.

    Captions survive where at least ``LEAST`` of the area does, none of the objects that they name is gone, and their
    numbers can be put right; questions about known objects are answered again. Shares of cover come from the mask.
    """

    window: Window

    def __call__(self, shown: Shown) -> Shown:
        """Give the cut sample. Raises InputError for a window that leaves the picture."""
        (row, col, h, w), (height, width) = self.window, shown.size
        if min(row, col) < 0 or min(h, w) < 1 or row + h > height or col + w > width:
            raise InputError(f"The window {self.window} leaves the picture of {height} x {width} pixels.")
        cut = slice(row, row + h), slice(col, col + w)
        masks = {name: mask[cut].copy() for name, mask in shown.masks.items()}
        sample, share = shown.sample, h * w / (height * width)
        things = tuple(kept for thing in sample.things if (kept := inside(thing, shown.size, self.window)) is not None)
        before, after = Counter(t.name for t in sample.things), Counter(t.name for t in things)

        def words(text: str) -> str | None:
            if share < 1 and (share < LEAST or names_direction(text) or PLACES.search(text)):
                return None
            plain = recount(text, before, after)
            return plain if plain is None or share == 1 else without_sizes(plain)

        captions = tuple(dict.fromkeys(text for text in map(words, sample.captions) if text))
        turns = tuple(turn for old in sample.turns if (turn := _answered(old, before, after, share)) is not None)
        changed = replace(
            sample,
            captions=captions,
            turns=turns,
            things=tuple(replace(t, attributes={} if share < 1 else t.attributes) for t in things),
            labels=_present(sample, before, after, share),
            cover=_cover(shown, sample, cut, share),
            counts=sample.counts if share == 1 else {},
            lonlat=sample.lonlat if share == 1 else None,
        )
        return Shown(tuple(pixels[cut].copy() for pixels in shown.pixels), masks, changed, shown.names)


def _present(sample: Sample, before: Counter[str], after: Counter[str], share: float) -> tuple[str, ...]:
    gone = {word for name in before if not after[name] for word in (name, plural(name))}
    return tuple(label for label in sample.labels if share == 1 or (share >= LEAST and label not in gone))


def _cover(shown: Shown, sample: Sample, cut: tuple[slice, slice], share: float) -> dict[str, float]:
    if share == 1:
        return dict(sample.cover)
    names = {index: name for index, name in enumerate(shown.names.get("cover", ())) if name in sample.cover}
    return shares(shown.masks["cover"][cut], names) if names else {}


def _answered(turn: Turn, before: Counter[str], after: Counter[str], share: float) -> Turn | None:
    """A question about known objects is answered by counting; others survive where a caption would."""
    for pattern in (HOW_MANY, IS_THERE):
        found = pattern.search(turn.question)
        name = _known(found["noun"], before) if found is not None else None
        if name is not None:
            if names_direction(turn.question) or PLACES.search(turn.question):
                return None if share < 1 else turn
            count = after[name]
            return replace(turn, answer=_number(count, turn.answer) if pattern is HOW_MANY else "yes" if count else "no")
    whole = f"{turn.question} {turn.answer}"
    if share == 1:
        return turn
    counts = HOW_MANY.search(turn.question) or IS_THERE.search(turn.question) or re.search(r"\bcontain", turn.question)
    if share < LEAST or counts or names_direction(whole) or PLACES.search(whole) or recount(whole, before, after) != whole:
        return None
    return turn


def _known(noun: str, before: Counter[str]) -> str | None:
    return next((name for name in before if noun.strip().lower() in (name.lower(), plural(name).lower())), None)


def _number(count: int, like: str) -> str:
    return str(count) if like.strip().isdigit() or count >= len(NUMBERS) else "zero" if count == 0 else NUMBERS[count]
