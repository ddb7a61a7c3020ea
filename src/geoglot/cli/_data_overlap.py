"""`geoglot data overlap`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._data import DATA, Root
from geoglot.cli._options import AsJson

SET = "A source with or without a split (ucm:test), a folder, shards, or a zip or tar file of pictures."


def overlap(
    a: Annotated[str, typer.Argument(help=SET, show_default=False)],
    b: Annotated[str, typer.Argument(help="The same; A itself finds repeats within it.", show_default=False)],
    bits: Annotated[int, typer.Option(min=0, max=64, help="By how many of 64 bits look-alikes may differ.")] = 6,
    fail: Annotated[bool, typer.Option("--fail", help="End with exit code 10 when there are any.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write the pairs as CSV there.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads that decode pictures.")] = 2,
    root: Root = DATA,
    as_json: AsJson = False,
) -> None:
    """Find pictures that two sets share, turned or mirrored too: a table of pairs, best first, and their number."""
    from dataclasses import asdict

    from geoglot.cli._io import emit, emit_json, note
    from geoglot.core.errors import DataError
    from geoglot.data.build import overlap as overlaps
    from geoglot.geo.write import write_text

    one = overlaps.prints(a, root, workers)
    two = one if a == b else overlaps.prints(b, root, workers)
    found = overlaps.pairs(one, two, bits)
    counts = {"a": len(one.ids), "b": len(two.ids), "skipped": one.skipped + (0 if a == b else two.skipped)}
    shared = {"a": len({pair.a for pair in found}), "b": len({pair.b for pair in found})}
    if out is not None:
        write_text(out, overlaps.table(found))
        note(f"{len(found):,} pairs in {out}")
    if as_json:
        emit_json({"pictures": counts, "in pairs": shared, "bits": bits, "pairs": [asdict(pair) for pair in found]})
    elif out is None:
        emit(overlaps.table(found))
    note(
        f"{len(found):,} pairs: {shared['a']:,} of {counts['a']:,} pictures of {a} and {shared['b']:,} of {counts['b']:,} of {b} "
        f"look alike within {bits} bits"
    )
    if fail and found:
        raise typer.Exit(DataError.exit_code)
