"""Tables to read: cells in columns of even width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def aligned(lines: Sequence[Sequence[str]], words: int | None = None) -> str:
    """Lines of as many cells each, the first of them the head; columns after the first `words`, if given, end on the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def laid(line: Sequence[str]) -> Iterator[str]:
        for i, (cell, width) in enumerate(zip(line, widths, strict=True)):
            yield cell.ljust(width) if words is None or i < words else cell.rjust(width)

    return "\n".join("  ".join(laid(line)).rstrip() for line in lines)
