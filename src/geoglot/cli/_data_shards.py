"""`geoglot data shards` and `geoglot data check`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._data import DATA, Named, Root
from geoglot.cli._options import AsJson


class Container(StrEnum):
    """Forms of shards."""

    tar = "tar"
    parquet = "parquet"


class Coding(StrEnum):
    """How pictures are stored."""

    keep = "keep"
    webp = "webp"
    jpeg = "jpeg"
    png = "png"
    tiff = "tiff"


class Policy(StrEnum):
    """What is done about what is missing or damaged."""

    stop = "stop"
    skip = "skip"


def shards(
    name: Named,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where to write.", show_default=False)],
    split: Annotated[str | None, typer.Option(help="Which split; the first one by default.", show_default=False)] = None,
    format: Annotated[Container, typer.Option(help="webdataset tar, or Parquet.")] = Container.tar,
    pictures: Annotated[
        Coding, typer.Option(help="keep stores the files' own bytes, and windows of them without a loss.")
    ] = Coding.keep,
    quality: Annotated[int, typer.Option(min=1, max=100, help="Of webp and jpeg.")] = 90,
    size: Annotated[int | None, typer.Option(min=8, help="Longest side in pixels; none is enlarged.", show_default=False)] = None,
    most: Annotated[int, typer.Option(min=1, help="Samples of a shard.")] = 1000,
    megabytes: Annotated[int, typer.Option(min=1, help="Size of a shard.")] = 256,
    missing: Annotated[Policy, typer.Option(help="What to do when pictures are missing or damaged.")] = Policy.stop,
    root: Root = DATA,
    as_json: AsJson = False,
) -> None:
    """Write a split of a source as shards; run again after an interruption, it goes on behind the last whole shard."""
    from dataclasses import asdict

    from geoglot.cli._data import rows_of
    from geoglot.cli._io import emit, emit_json
    from geoglot.cli._io import size as in_words
    from geoglot.data.build.present import present
    from geoglot.data.shards import Encoding, write

    _, own, rows = rows_of(name, split, root)
    kept = present(rows, missing.value, name)
    encoding = Encoding(pictures.value, quality, size)
    made = write(
        kept, out, f"{name}-{own}", format.value, encoding, most, megabytes << 20, on_missing=missing.value, total=len(kept)
    )
    if as_json:
        emit_json(asdict(made) | {"samples": made.samples})
        return
    total = in_words(sum(shard.bytes for shard in made.shards))
    left = len(rows) - made.samples
    emit(f"{made.samples:,} samples in {len(made.shards)} shards, {total}, in {out}" + (f"; {left:,} left out" if left else ""))


def check(
    place: Annotated[str, typer.Argument(help="A folder of shards, a shard, or a glob.", show_default=False)],
    damage: Annotated[Policy, typer.Option("--on-damage", help="stop at the first damage, or skip and count.")] = Policy.stop,
) -> None:
    """Read shards to the end: checksums, records, and every picture decoded."""
    from geoglot.cli._io import emit
    from geoglot.core.errors import DataError, GeoglotError
    from geoglot.core.progress import track
    from geoglot.data.shards import Stream, open_shards
    from geoglot.data.shards.damage import tell

    found = open_shards(place)
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        tell(text)

    good = 0
    with track(None, "check", "sample") as progress:
        for sample in Stream(found, buffer=0, part=(0, 1), on_damage=damage.value, checksum=True, say=say):
            try:
                for picture in sample.pictures:
                    picture.read()
                for mask in sample.masks.values():
                    mask.read()
                good += 1
            except GeoglotError as error:
                if damage is Policy.stop:
                    raise DataError(f"{sample.id}: {error}") from None
                say(f"{sample.id}: {error}")
            progress.advance(1)
    emit(f"{good:,} samples in {len(found)} shards can be read" + (f"; {len(told)} faults" if told else ""))
    if told:
        raise typer.Exit(DataError.exit_code)
