"""RSIVQA's questions on UC Merced and RSICD images, as published: lines of `image:question?answer`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from geoglot.data.build.files import wrong
from geoglot.data.build.folders import split_of
from geoglot.data.sample import Card, Picture, Sample, Split, Turn, either
from geoglot.data.sources import rsicd, uc_merced

CARD = Card(
    name="rsivqa",
    title="RSIVQA",
    licence="research use, unverified",
    origin="Zheng et al. 2021",
    splits=("train", "val", "test"),
    task="questions",
    quirks="On RSICD images only the theme is asked for; they need RSICD's own image folder, whose numbers are not AID's. "
    "Human-made questions are on UC Merced only. No official split: the last fifth of each class is test, the tenth "
    "before it val. Some questions lack their object (`How many  in the picture?`): they are left out.",
)
FOLDERS = ("RSIVQA", "rsivqa", "text/rsivqa")
TABLES = {"UCM": ("ucm_vqa.txt", "ucm_res.txt"), "AID": ("rsicd_vqa.txt",)}
BROKEN = ("How many  in", "of the  in", "contain ?", "contain  ")


def rows(root: Path, split: Split) -> Iterator[Sample]:
    """Give one sample for each image of a split, with all its questions."""
    folder = either(root, CARD, *FOLDERS)
    for part, tables in TABLES.items():
        turns: dict[str, dict[Turn, None]] = defaultdict(dict)
        for table in tables:
            if (folder / part / table).exists():
                for name, turn in _lines(folder / part / table):
                    turns[name].setdefault(turn)
        places = _numbered if part == "UCM" else _named
        for name, path, own in places(root, list(turns)):
            if own == split:
                yield Sample(
                    id=f"rsivqa/{part}/{name}",
                    source=CARD.name,
                    pictures=(Picture(path),),
                    turns=tuple(turns[name]),
                    gsd=0.3 if part == "UCM" else None,
                )


def _lines(file: Path) -> Iterator[tuple[str, Turn]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, colon, rest = line.partition(":")
        question, mark, answer = rest.rpartition("?")
        if not colon or not mark or not answer.strip():
            raise wrong(file, number, f"{line[:80]!r} is not image:question?answer")
        if not any(words in rest for words in BROKEN):
            yield name.strip(), Turn(f"{question.strip()}?", answer.strip())


def _numbered(root: Path, names: list[str]) -> Iterator[tuple[str, Path, Split]]:
    for name in sorted(names, key=lambda name: int(Path(name).stem)):
        number = int(Path(name).stem)
        yield name, uc_merced.numbered(root, CARD, number), uc_merced.of_number(number)[2]


def _named(root: Path, names: list[str]) -> Iterator[tuple[str, Path, Split]]:
    folder = next((root / place for place in rsicd.FOLDERS if (root / place).is_dir()), root / rsicd.FOLDERS[0])
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[name.partition("_")[0] if "_" in name else ""].append(name)
    for group in groups.values():
        for index, name in enumerate(group):
            yield name, folder / name, split_of(index, len(group))
