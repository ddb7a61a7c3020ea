"""Data cards: what a source holds, counted, and written as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from geoglot.core.errors import NotFoundError, RasterError
from geoglot.core.parts import find
from geoglot.data.sample import Card, Sample, Split

LOOKED_AT = 200  # pictures of a split whose size is read


@dataclass
class Facts:
    """Counts of one split; ``sides`` are (height, width) of some pictures, ``window`` counts parts of larger pictures."""

    samples: int = 0
    pictures: int = 0
    windows: int = 0
    captions: int = 0
    different_captions: int = 0
    caption_words: int = 0
    turns: int = 0
    dated: int = 0
    placed: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    things: Counter[str] = field(default_factory=Counter)
    outlined: int = 0
    masks: Counter[str] = field(default_factory=Counter)
    sides: list[tuple[int, int]] = field(default_factory=list)
    missing: int = 0


def count(samples: Iterable[Sample]) -> Facts:
    """Count what samples hold. Pictures are not decoded; of some the header is read for the size."""
    facts, texts = Facts(), set[str]()
    rows = list(samples)
    step = max(1, len(rows) // LOOKED_AT)
    for index, row in enumerate(rows):
        facts.samples += 1
        facts.pictures += len(row.pictures)
        facts.windows += sum(picture.window is not None for picture in row.pictures)
        facts.captions += len(row.captions)
        facts.caption_words += sum(len(text.split()) for text in row.captions)
        texts.update(row.captions)
        facts.turns += len(row.turns)
        facts.dated += all(picture.time is not None for picture in row.pictures)
        facts.placed += row.lonlat is not None
        facts.labels.update([row.label] if row.label is not None else [])
        facts.objects.update(row.labels)
        facts.things.update(thing.name for thing in row.things)
        facts.outlined += sum(bool(thing.outline) for thing in row.things)
        facts.masks.update(f"{what}: {', '.join(mask.names)}" for what, mask in row.masks.items())
        if index % step == 0 and row.pictures:
            try:
                facts.sides.append(row.pictures[0].size)
            except (NotFoundError, RasterError):
                facts.missing += 1
    facts.different_captions = len(texts)
    return facts


def facts_of(name: str, root: Path) -> tuple[Card, dict[Split, Facts]]:
    """Count every split of a source. Raises NotFoundError when the source or its data is not there."""
    source = find("data.sources", name)
    return source.CARD, {split: count(source.rows(root, split)) for split in source.CARD.splits}


def plain(card: Card, facts: Mapping[Split, Facts]) -> dict[str, Any]:
    """Card and counts as plain values."""
    counts = {}
    for split, found in facts.items():
        values = {entry.name: getattr(found, entry.name) for entry in fields(found)}
        # `asdict` makes nonsense of a Counter
        counts[split] = {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}
    return asdict(card) | {"counts": counts}


def markdown(card: Card, facts: Mapping[Split, Facts], overlaps: Sequence[tuple[str, int]] = ()) -> str:
    """The card as Markdown; ``overlaps`` are other sets and how many pairs of look-alikes were found with them."""
    lines = [f"## {card.title}", "", f"`{card.name}`: {card.task or 'pictures'}.", ""]
    lines += _table([("licence", card.licence), ("origin", card.origin), ("metres a pixel", _gsd(card)), *_sizes(facts)])
    lines += ["", *_counts(facts)]
    classes = _classes(card, facts)
    if classes:
        lines += ["", *classes]
    if card.quirks:
        lines += ["", f"**To know.** {card.quirks}"]
    if card.layout:
        lines += ["", f"**Layout.** {card.layout}"]
    for name, number in overlaps:
        lines += ["", f"**Overlap with `{name}`.** {number:,} pairs of pictures look alike (perceptual hash, eight positions)."]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *[f"| {name} | {text} |" for name, text in rows if text]]


def _gsd(card: Card) -> str:
    if card.gsd is None:
        return "unknown"
    low, high = card.gsd
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _sizes(facts: Mapping[Split, Facts]) -> list[tuple[str, str]]:
    sides = sorted((side for found in facts.values() for side in found.sides), key=lambda side: side[0] * side[1])
    if not sides:
        return []
    small, middle, large = sides[0], sides[len(sides) // 2], sides[-1]
    words = [f"{h} x {w}" for h, w in dict.fromkeys((small, middle, large))]
    return [
        (
            "pixels (height x width)",
            words[0] if len(words) == 1 else f"{words[0]} to {words[-1]}, commonly {middle[0]} x {middle[1]}",
        )
    ]


COUNTED = {
    "samples": "samples",
    "windows": "of them windows of larger pictures",
    "pictures": "pictures",
    "captions": "captions",
    "different_captions": "different captions",
    "turns": "questions",
    "dated": "samples with dates",
    "placed": "samples with a place",
    "outlined": "outlines",
}


def _counts(facts: Mapping[Split, Facts]) -> list[str]:
    rows = [(words, [getattr(found, key) for found in facts.values()]) for key, words in COUNTED.items()]
    rows.append(("boxes", [sum(found.things.values()) for found in facts.values()]))
    rows += [(f"mask of {name}", [found.masks[name] for found in facts.values()]) for name in _names(facts, "masks")]
    kept = [(words, numbers) for words, numbers in rows if any(numbers)]
    return [
        f"| | {' | '.join(facts)} |",
        "|---|" + "---:|" * len(facts),
        *[f"| {words} | {' | '.join(f'{number:,}' for number in numbers)} |" for words, numbers in kept],
    ]


def _names(facts: Mapping[Split, Facts], key: str) -> list[str]:
    return sorted({name for found in facts.values() for name in getattr(found, key)})


def _classes(card: Card, facts: Mapping[Split, Facts]) -> list[str]:
    out = []
    for key, title in (("labels", "class"), ("objects", "object label"), ("things", "boxed")):
        names = _names(facts, key)
        if names:
            out += [f"| {title} | {' | '.join(facts)} |", "|---|" + "---:|" * len(facts)]
            out += [f"| {name} | {' | '.join(f'{getattr(found, key)[name]:,}' for found in facts.values())} |" for name in names]
            out.append("")
    return out[:-1]
