"""Whether a sentence about two dates says that anything changed."""

from __future__ import annotations

import re

_NOTHING = re.compile(
    r"\bno\s+(?:\w+\s+){0,2}(?:changes?|differences?)\b|\bnothing\b.{0,20}\b(?:changed|built|removed|different|happened|new)\b|"
    r"\b(?:identical|unchanged)\b|\b(?:is|are|was|were|stayed|stays|remains?|remained|seems?|looks?)\s+(?:\w+\s+)?the same\b|"
    r"\b(?:not|never|n't)\s+(?:\w+\s+){0,2}(?:changed?|differ)\b|n't\s+changed?\b",
    re.IGNORECASE,
)


def changed(text: str) -> bool | None:
    """Whether it tells of a change: not where it says that there is none (all five such sentences of LEVIR-CC, and their like).

    None where it says nothing.
    """
    if re.search(r"[a-z]", text, re.IGNORECASE) is None:
        return None
    return _NOTHING.search(text) is None
