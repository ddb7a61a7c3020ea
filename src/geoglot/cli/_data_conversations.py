"""`geoglot data conversations` and `geoglot data convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from geoglot.cli._data import DATA, Root
from geoglot.cli._options import AsJson

Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to write.", show_default=False)]
Format = Annotated[str, typer.Option(help="llava, llama_factory, ms_swift, teochatlas, fit_rs or answers.")]
Boxes = Annotated[
    str | None,
    typer.Option(help="Box syntax: geochat, internvl, qwen3_vl and so on; the form's own by default.", show_default=False),
]
Grammar = Annotated[str, typer.Option(help="Task identifiers: plain, geochat, lhrs, vhm, earthdial, rs_mllm.")]


def conversations(
    name: Annotated[str, typer.Argument(help="A source of `geoglot data list`, or `rendered`.", show_default=False)],
    out: Out,
    split: Annotated[str | None, typer.Option(help="Which split; the first one by default.", show_default=False)] = None,
    format: Format = "llava",
    boxes: Boxes = None,
    grammar: Grammar = "plain",
    kinds: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="As caption,vqa,refer,honesty; all by default.", show_default=False),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Conversations in all.", show_default=False)] = None,
    of_place: Annotated[int, typer.Option(min=1, help="Conversations of a picture.")] = 6,
    turns: Annotated[int, typer.Option(min=1, help="Requests of a conversation, at most.")] = 1,
    places: Annotated[int, typer.Option(min=1, help="Rendered places.")] = 100,
    size: Annotated[int, typer.Option(min=32, help="Pixels a side of rendered pictures.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other places, wordings and negatives.")] = 0,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy pictures there as PNG; beside FILE for rendered ones.")
    ] = None,
    helper: Annotated[
        str | None, typer.Option(metavar="URL", help="An OpenAI-compatible server that says the words otherwise; checked.")
    ] = None,
    helper_model: Annotated[str, typer.Option(help="Its model.")] = "default",
    helper_key: Annotated[str | None, typer.Option(envvar="GEOGLOT_HELPER_KEY", help="Its key.", show_default=False)] = None,
    root: Root = DATA,
    as_json: AsJson = False,
) -> None:
    """Make conversations of a source's annotations or of rendered scenes; run again after an interruption, it goes on."""
    from geoglot.cli._data import rows_of
    from geoglot.cli._io import words
    from geoglot.data.build import talks
    from geoglot.data.build.conversations import names_of
    from geoglot.data.build.helper import Helper
    from geoglot.data.build.present import present
    from geoglot.data.conversations import How
    from geoglot.geo.write import check_folder

    check_folder(out)
    plan = talks.Plan(None if kinds is None else tuple(words(kinds) or ()), count, of_place, turns, seed).check()
    how_far: dict[str, Any] = {"name": name, "boxes": boxes, "grammar": grammar, "helper": [helper, helper_model]}
    _known(boxes, grammar)
    folder = pictures
    if name == "rendered":
        folder = pictures or out.with_name(f"{out.stem}-pictures")
        items, total, said = talks.of_rendered(places, plan, folder, size), places, set(talks.names_of_rendered())
        how_far |= {"places": places, "size": size}
    else:
        card, own, rows = rows_of(name, split, root)
        kept = present(rows, "stop", name)
        items, total = talks.of_source(card, kept, plan, folder), len(kept)
        said = {each for row in kept for each in names_of(row)}
        how_far |= {"split": own}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    cache = out.with_name(f"{out.stem}-helper")
    asked = None if helper is None else Helper(helper, helper_model, helper_key, cache=cache)
    how = How(folder or root, boxes or _own(format), grammar)
    made = talks.write(items, out, format, how, plan, how_far, total, asked, said)
    _tell(made, out, as_json)


def convert(
    file: Annotated[Path, typer.Argument(help="A file or folder of conversations in a published form.", show_default=False)],
    out: Out,
    from_: Annotated[
        str,
        typer.Option("--from", metavar="FORM", help="llava, ms_swift, vrsbench, rsvqa, dior_rsvg ...", show_default=False),
    ],
    from_boxes: Annotated[
        str | None, typer.Option(metavar="SYNTAX", help="Its box syntax, where several would fit.", show_default=False)
    ] = None,
    format: Format = "llava",
    boxes: Boxes = None,
    grammar: Grammar = "plain",
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where its pictures are; beside the file by default.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first broken record, instead of leaving it out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read conversations of one form and write them in another, with other boxes and task identifiers."""
    from collections import Counter

    from geoglot.cli._io import emit, emit_json
    from geoglot.data import conversations as talk
    from geoglot.geo.write import check_apart, check_folder

    check_folder(out)
    check_apart([out], [file])
    _known(boxes, grammar)
    folder = pictures or (file if file.is_dir() else file.parent)
    found = talk.read(file, from_, talk.How(folder, from_boxes), "stop" if strict else "skip")
    number = talk.write(found.conversations, out, format, talk.How(folder, boxes or _own(format), grammar))
    tasks = dict(Counter(each.task for each in found.conversations))
    if as_json:
        faults = [{"where": fault.where, "why": fault.why} for fault in found.faults]
        emit_json({"conversations": number, "tasks": tasks, "faults": faults})
    else:
        emit(f"{number:,} conversations in {out}; {len(found.faults):,} records left out")


def _known(boxes: str | None, grammar: str) -> None:
    from geoglot.text import codec
    from geoglot.text.instructions import tagged

    tagged("", "", grammar)
    if boxes is not None:
        codec.find(boxes)


def _own(format: str) -> str:
    from geoglot.core.parts import find

    return find("data.formats", format).BOXES or "geochat"


def _tell(made: Any, out: Path, as_json: bool) -> None:
    from dataclasses import asdict

    from geoglot.cli._io import emit, emit_json, note

    if as_json:
        emit_json(asdict(made))
        return
    emit(f"{made.conversations:,} conversations of {made.places:,} places in {out}")
    for task, number in sorted(made.tasks.items()):
        emit(f"  {task}: {number:,}")
    if made.helped:
        note(f"the helper's words: {made.helped['taken']:,} taken, {made.helped['refused']:,} refused {made.helped['why']}")
    if made.skipped:
        note(f"{made.skipped:,} places were left out")
