"""METEOR 1.5 of captions (Denkowski and Lavie 2014), run by `pycocoevalcap` where that and Java are there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from geoglot.core.errors import NotFoundError


def missing() -> str | None:
    """Say what METEOR lacks on this machine, None where it can run."""
    if shutil.which("java") is None:
        return "METEOR needs Java: install a Java runtime (default-jre-headless on Debian and Ubuntu)"
    try:
        import pycocoevalcap.meteor.meteor  # noqa: F401
    except ImportError:
        return "METEOR needs pycocoevalcap: pip install 'geoglot[captions]'"
    return None


class Meteor:
    """Harmonic mean of precision and recall over words, stems, synonyms and paraphrases, with a penalty for broken order.

    Captions are words with single spaces between them (`geoglot.text.ptb.tokenize`). Pooled over pictures by the program
    itself, so it has no figure of weighted samples.
    """

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.references: list[Sequence[str]] = []

    def add(self, answers: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        """Take in an answer and at least one reference for each of I pictures."""
        self.answers += answers
        self.references += references

    def merge(self, other: Meteor) -> None:
        """Take in the captions of another."""
        self.add(other.answers, other.references)

    def result(self) -> dict[str, float]:
        """Give ``meteor`` in [0, 1]. Raises NotFoundError where Java or pycocoevalcap is not there."""
        lacking = missing()
        if lacking is not None:
            raise NotFoundError(lacking)
        from pycocoevalcap.meteor.meteor import Meteor as Program

        program = Program()
        pairs = enumerate(zip(self.answers, self.references, strict=True))
        answers, references = {}, {}
        for number, (answer, texts) in pairs:
            answers[number], references[number] = [answer], list(texts)
        return {"meteor": float(program.compute_score(references, answers)[0])}
