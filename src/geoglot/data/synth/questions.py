"""Questions about a window of a rendered scene with answers from its exact truth.

The families are those of RSVQA (Lobry et al. 2020, arXiv 2003.07333: presence, count, comparison, area, rural or
urban) and relations, places, sizes and colours of single objects. Nothing is asked on which two viewers might differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from geoglot.data.sample import Turn
from geoglot.data.synth.describe import scene_class
from geoglot.data.synth.facts import GROUNDS, Facts, facts
from geoglot.data.synth.refer import Referring, noun, referring
from geoglot.data.synth.relations import COMPASS, OPPOSITE, near, part, side
from geoglot.data.synth.truth import Rendered
from geoglot.geo.grid import Window
from geoglot.text.sentences import MASS, article, has_direction

Family = Literal[
    "presence", "count", "comparison", "area", "share", "cover", "scene", "setting", "relation", "position", "colour", "size",
    "weather", "season", "change",
]  # fmt: skip
Kind = Literal["yes/no", "number", "range", "name", "position", "colour", "metres"]
ASKED = ("ship", "airplane", "storage tank", "house", "industrial building", "vehicle", "bridge", "terminal", "hangar")
RANGES = ((0, 5), (5, 10), (10, 20), (20, 40), (40, 60), (60, 80), (80, 100))  # per cent of a window
MANY = ((21, 50), (51, 100), (101, 200))  # numbers that nobody counts
SURE = 1.3  # a share must exceed another by this factor to be called larger


@dataclass(frozen=True)
class Question:
    """A question, its answer, the family and the kind of answer; `key` is the same for all wordings of one question."""

    question: str
    answer: str
    family: Family
    kind: Kind
    key: str

    @property
    def turn(self) -> Turn:
        """The question as a turn of a sample."""
        return Turn(self.question, self.answer)


def drawn(words: tuple[str, ...], rng: np.random.Generator) -> str:
    """One of several wordings."""
    return words[int(rng.integers(len(words)))]


def yes_no(words: tuple[str, ...], answer: bool, family: Family, key: str, rng: np.random.Generator) -> Question:
    """A question in one of several wordings whose answer is yes or no."""
    return Question(drawn(words, rng), "yes" if answer else "no", family, "yes/no", key)


def _labels(f: Facts) -> list[str]:
    """The labels worth asking about at this sampling distance, present or not."""
    return [label for label in dict.fromkeys((*ASKED, *f.kinds)) if f.tells(label)]


def _grounds(f: Facts) -> Iterator[tuple[str, str]]:
    """The covers that the scene tells apart and that are wide enough to be seen, with their words."""
    for cover, name in GROUNDS.items():
        if f.shows(cover):
            yield cover, name


def _presence(f: Facts, rng: np.random.Generator) -> Iterator[Question]:
    words: tuple[str, ...]
    for label in _labels(f):
        there = bool(f.legible(label))
        if not there and not f.absent(label):
            continue
        one, many = article(noun(label)), noun(label, 2)
        words = (
            f"Is there {one} in this image?",
            f"Are there any {many}?",
            f"Can {many} be seen here?",
            f"Does the image show {one}?",
        )
        yield yes_no(words, there, "presence", f"presence {label}", rng)
    for cover, name in _grounds(f):
        share = f.truth.cover.get(cover, 0.0)
        if 0 < share < 0.04 or cover in ("building", "cloud"):
            continue
        verb = "Is" if name in MASS or name.startswith(("bare", "paved")) else "Are"
        words = (f"{verb} there any {name} in this image?", f"Does the image show {name}?", f"Can {name} be seen here?")
        yield yes_no(words, share > 0, "presence", f"presence {name}", rng)


def _counts(f: Facts, rng: np.random.Generator) -> Iterator[Question]:
    words: tuple[str, ...]
    for label in _labels(f):
        if not f.countable(label):
            continue
        n, many = len(f.by_label.get(label, ())), noun(label, 2)
        if n <= MANY[0][0] - 1:
            words = (f"How many {many} are there?", f"What is the number of {many} in this image?", f"Count the {many}.")
            yield Question(drawn(words, rng), str(n), "count", "number", f"count {label}")
        else:
            bounds = next((f"{a} to {b}" for a, b in MANY if a <= n <= b), f"more than {MANY[-1][1]}")
            words = (f"About how many {many} are there?", f"Roughly how many {many} does the image show?")
            yield Question(drawn(words, rng), bounds, "count", "range", f"many {label}")


def _comparisons(f: Facts, rng: np.random.Generator) -> Iterator[Question]:
    labels = [label for label in _labels(f) if f.countable(label)]
    number = {label: len(f.by_label.get(label, ())) for label in labels}
    for a in labels:
        for b in labels:
            if a == b or not number[a] + number[b]:
                continue
            x, y = noun(a, 2), noun(b, 2)
            if number[a] != number[b]:
                yield yes_no((f"Are there more {x} than {y}?",), number[a] > number[b], "comparison", f"more {a} {b}", rng)
                yield yes_no((f"Are there fewer {x} than {y}?",), number[a] < number[b], "comparison", f"fewer {a} {b}", rng)
            if a < b and max(number[a], number[b]) <= 10:
                words = (f"Are there as many {x} as {y}?", f"Is the number of {x} equal to the number of {y}?")
                yield yes_no(words, number[a] == number[b], "comparison", f"equal {a} {b}", rng)


def _areas(f: Facts, rng: np.random.Generator) -> Iterator[Question]:
    seen = {name: f.share(cover) for cover, name in _grounds(f)}
    for a, p in seen.items():
        for b, q in seen.items():
            if a != b and max(p, q) > 0.05 and (p > SURE * q or q > SURE * p):
                words = (f"Does the image show more {a} than {b}?", f"Is the area of {a} larger than that of {b}?")
                yield yes_no(words, p > q, "area", f"area {a} {b}", rng)


def _shares(f: Facts, rng: np.random.Generator) -> Iterator[Question]:
    for cover, name in _grounds(f):
        percent = 100 * f.share(cover)
        if any(abs(percent - edge) < 1 for _, edge in RANGES[:-1]):
            continue
        a, b = next((a, b) for a, b in RANGES if a <= percent <= b)
        words = (f"What share of the image is covered by {name}?", f"How much of the area is covered by {name}, in per cent?")
        yield Question(drawn(words, rng), f"{a}% to {b}%", "share", "range", f"share {name}")


def _whole(f: Facts, rng: np.random.Generator) -> Iterator[Question]:
    words: tuple[str, ...]
    order = sorted(((f.share(cover), name) for cover, name in _grounds(f)), reverse=True)
    if order[0][0] > SURE * order[1][0] and order[0][0] > 0.3:
        words = (
            "What covers most of this image?",
            "What is the main land cover?",
            "What kind of ground takes up the largest area?",
        )
        yield Question(drawn(words, rng), order[0][1], "cover", "name", "main cover")
    if f.share("cloud") < 0.1:
        words = ("What kind of place is this?", "What kind of scene does the image show?", "What is the theme of this image?")
        yield Question(drawn(words, rng), scene_class(f.truth), "scene", "name", "scene")
    built = f.truth.cover.get("building", 0.0)
    settled = f.truth.use.get("town", 0.0) + f.truth.use.get("industrial area", 0.0)
    if f.share("cloud") < 0.1 and (settled > 0.6 or (settled < 0.1 and built < 0.02)):
        words = ("Is this a rural or an urban area?", "Is the area urban or rural?")
        yield Question(drawn(words, rng), "urban" if settled > 0.6 else "rural", "setting", "name", "setting")


def _single(f: Facts, told: list[Referring], rng: np.random.Generator) -> Iterator[Question]:
    """Place, colour, size and neighbourhood of objects that words can mean."""
    for r in told:
        where = part(*r.item.centre, f.shape)
        if where and not _says_place(r.text):
            yield Question(f"Where in the image is {r.text}?", where, "position", "position", f"position {r.label}")
        colour = f.colour(r.item)
        if colour and colour not in r.text:
            yield Question(f"What colour is {r.text}?", colour, "colour", "colour", f"colour {r.label}")
        if r.item.visible > 0.99 and r.item.sides[0] >= 8 * r.item.gsd and r.label not in ("house", "bridge"):
            long = r.item.sides[0]
            step = 5 if long < 50 else 10 if long < 100 else 50
            word = "across" if r.label == "storage tank" else "long"
            answer = f"about {round(long / step) * step} m"
            yield Question(f"How {word} is {r.text}?", answer, "size", "metres", f"size {r.label}")
        water = f.to_water(r.item)
        if r.label not in ("ship", "bridge") and (water < 40 or water > 200) and f.truth.cover.get("water", 0.0) > 0.02:
            yield yes_no(
                (f"Is {r.text} near the water?", f"Is {r.text} close to water?"), water < 40, "relation", "near water", rng
            )


def _says_place(text: str) -> bool:
    return (
        "most " in text or has_direction(text) or any(word in text for word in ("closest to the c", " in the ", "above", "below"))
    )


def _pairs(f: Facts, told: list[Referring], rng: np.random.Generator) -> Iterator[Question]:
    for _ in range(24 if len(told) > 1 else 0):
        a, b = (told[int(i)] for i in rng.choice(len(told), 2, replace=False))
        if a.item is b.item:
            continue
        blind = not any("most " in text or has_direction(text) for text in (a.text, b.text))
        if blind and (way := side(a.item, b.item)):
            asked = way if rng.random() < 0.5 else OPPOSITE[way]
            words = COMPASS[asked] if f.north_up and rng.random() < 0.3 else asked
            yield yes_no((f"Is {a.text} {words} {b.text}?",), asked == way, "relation", f"relation {words}", rng)
        close = near(a.item, b.item)
        if close is not None:
            yield yes_no(
                (f"Is {a.text} near {b.text}?", f"Are {a.text} and {b.text} close together?"), close, "relation", "near", rng
            )


def questions(
    rendered: Rendered, window: Window | None = None, count: int = 12, seed: int = 0, radar: bool = False
) -> list[Question]:
    """At most `count` different questions about a window, spread over the families, yes and no drawn with equal chance.

    About a radar picture only what it shows is asked.
    """
    f = facts(rendered, window, radar)
    rng = np.random.default_rng([seed, 17, *f.window])
    told = referring(f)
    makers = (_presence, _counts, _comparisons, _areas, _shares, _whole)
    found = [q for maker in makers for q in maker(f, rng)]
    found += [*_single(f, told, rng), *_pairs(f, told, rng)]
    return choose(found, count, rng)


def choose(found: Iterable[Question], count: int, rng: np.random.Generator) -> list[Question]:
    """Draw questions family by family; of those answered by yes or no, the answer is drawn first, then the question."""
    pools: dict[str, list[Question]] = defaultdict(list)
    for q in found:
        pools[q.family].append(q)
    names = sorted(pools)
    chosen: dict[str, Question] = {}
    while len(chosen) < count and names:
        for name in [names[int(i)] for i in rng.permutation(len(names))]:
            answer = "yes" if rng.random() < 0.5 else "no"
            pool = [q for q in pools[name] if (q.kind != "yes/no" or q.answer == answer) and q.question not in chosen]
            if pool and len(chosen) < count:
                q = pool[int(rng.integers(len(pool)))]
                chosen[q.question] = q
                pools[name].remove(q)
            elif rng.random() < 0.5:  # what is left may all have the other answer
                names.remove(name)
    return list(chosen.values())


def balanced(found: Iterable[Question], seed: int = 0, most: float = 0.5) -> list[Question]:
    """Leave out questions until, of each key, no answer has more than its part: two equal halves for yes and no,
    else at most the share `most` for the most frequent answer. A key with one answer only is left out.
    """  # fmt: skip
    rng = np.random.default_rng([seed, 23])
    groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    rows = list(found)
    for index, q in enumerate(rows):
        groups[q.key][q.answer].append(index)
    kept: list[int] = []
    for answers in groups.values():
        if len(answers) < 2:
            continue
        sizes = sorted((len(v) for v in answers.values()), reverse=True)
        rest = sum(sizes[1:])
        limit = sizes[1] if rows[next(iter(answers.values()))[0]].kind == "yes/no" else max(1, int(rest * most / (1 - most)))
        for members in answers.values():
            kept += [members[int(i)] for i in rng.permutation(len(members))[:limit]]
    return [rows[index] for index in sorted(kept)]
