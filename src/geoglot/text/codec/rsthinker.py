"""RSThinker: `<think>...</think><answer>[[1,2,30,40]]</answer>`, whole pixels of the picture; what is thought is not read.

Its scorer takes pixels by default, and per cent and per mille by an option: `replace(SYNTAX, side=1000.0)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from geoglot.text.codec._frame import Syntax
from geoglot.text.codec._scan import Piece, Row, list_of, lists

SYNTAX = Syntax("rsthinker", "<answer>[[1,2,30,40]]</answer>", "corners", None, origin="code, read")
HINT = re.compile(r"<answer>\s*\[\s*\[?\s*-?\d")
_INNER = re.compile(list_of((4,)))
_ANSWER = re.compile(r"<answer>(?P<rows>[^<]*)</answer>")
_EXACT = re.compile(r"<answer>\[\[\d+(?:, ?\d+){3}\](?:, ?\[\d+(?:, ?\d+){3}\])*\]</answer>")
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)


def scan(text: str, syntax: Syntax) -> Iterator[Piece]:
    """The lists of the answer; of a text without an answer, those outside of what is thought, which is not the exact form."""
    answers = list(_ANSWER.finditer(text))
    for answer in answers:
        whole = _EXACT.fullmatch(answer[0]) is not None
        rows = list(lists(text, (4,), _INNER, *answer.span("rows")))
        for k, row in enumerate(rows):
            start = answer.start() if k == 0 else row.start
            yield Piece(row.numbers, start, answer.end() if k == len(rows) - 1 else row.end, "", whole)
    if not answers:
        plain = _THOUGHT.sub(lambda found: " " * len(found[0]), text)
        for row in lists(plain, (4,), _INNER):
            yield row._replace(exact=False)


def spell(rows: Sequence[Row], syntax: Syntax) -> str:
    """One list of lists, as the answer."""
    return "<answer>[" + ",".join(f"[{','.join(numbers)}]" for numbers, _ in rows) + "]</answer>"
