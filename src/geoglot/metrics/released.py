"""Scorers as they were released, by name, to be shown beside strict ones: what they count as right often is not.

None of them is the figure of a protocol. They are written from descriptions of the released code, whose faults they keep; the
strict counterparts are `metrics.answers`, `metrics.grounding` and `metrics.captions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoglot.metrics.bleu import Bleu
from geoglot.metrics.rouge import Rouge

Judge = Callable[[str, str], bool]  # (answer given, answer wanted) -> right


def contained(given: str, wanted: str) -> bool:
    """RSEvalKit's classes: right where the given text is a part of the wanted one, so that an empty answer is always right."""
    return given.strip().lower() in wanted.strip().lower()


def contains(given: str, wanted: str) -> bool:
    """VRSBench's first look at VQA: right where the wanted answer is a part of the given text ("no" in "not sure")."""
    return wanted.strip().lower() in given.strip().lower()


def recalled(given: str, wanted: str) -> bool:
    """EarthDial's classes: right where every word of the wanted name stands in the answer, whatever else does."""
    return set(re.findall(r"\w+", wanted.lower())) <= set(re.findall(r"\w+", given.lower()))


def first_letter(given: str, wanted: str) -> bool:
    """Suites of choices: right where the answer's first letter of A to E is the wanted one ("A bridge" chooses A)."""
    found = re.search(r"[A-E]", given.upper())
    return found is not None and found[0] == wanted.strip().upper()[:1]


JUDGES: Mapping[str, Judge] = {
    "rsevalkit": contained,
    "vrsbench": contains,
    "earthdial": recalled,
    "first-letter": first_letter,
}


def plus_one(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Overlap of upright boxes (N, 4) row by row with one added to every side, as LHRS-Bot's and VRSBench's scorers do.

    On coordinates in [0, 1] nearly any two boxes then overlap by a quarter; on a grid of 100 small boxes gain most.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, 2:], b[:, 2:])
    shared = np.prod(np.maximum(high - low + 1, 0), axis=1)
    areas = [np.prod(one[:, 2:] - one[:, :2] + 1, axis=1) for one in (a, b)]
    made: NDArray[np.float64] = shared / (areas[0] + areas[1] - shared)
    return made


def mean_rouge(answers: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """EarthDial's ROUGE-L of tokenized captions: the mean over references, where the strict one takes the best of them."""
    flat = [(answer, [text]) for answer, texts in zip(answers, references, strict=True) for text in texts]
    metric = Rouge()
    metric.add([answer for answer, _ in flat], [texts for _, texts in flat])
    first = np.r_[0, np.cumsum([len(texts) for texts in references])[:-1]].astype(np.int64)
    return float((np.add.reduceat(metric.scores, first) / [len(texts) for texts in references]).mean())


def character_bleu(answers: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """RSThinker's BLEU-4, which counts runs of characters and not of words."""
    metric = Bleu()
    metric.add([_spread(text) for text in answers], [[_spread(text) for text in texts] for texts in references])
    return metric.result()["bleu4"]


def _spread(text: str) -> str:
    return " ".join(text.replace(" ", "_"))


def rare_as_one(text: str, known: Container[str]) -> str:
    """LEVIR-CC's captions before they are scored: words of answers and references that are not known become one and the same."""
    return " ".join(word if word in known else "<unk>" for word in text.split())


def parsed_only(given: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    """Mean absolute error of counts of those answers that could be parsed, the others left out (NaN where none could)."""
    known = ~np.isnan(np.asarray(given, float))
    return float(np.abs(np.asarray(given)[known] - np.asarray(wanted)[known]).mean()) if known.any() else float("nan")
