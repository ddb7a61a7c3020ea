"""Data sets: list and count them, look at samples, write shards and conversations, find overlaps, render scenes.

The root folder of published data sets is --root, else the environment variable GEOGLOT_DATA, else `data`.
"""

from __future__ import annotations

import typer

from geoglot.cli import _data_card, _data_conversations, _data_overlap, _data_render, _data_shards, _data_show

run = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
run.command("list")(_data_show.list_)
run.command("show")(_data_show.show)
run.command("stats")(_data_card.stats)
run.command("card")(_data_card.card)
run.command("shards")(_data_shards.shards)
run.command("check")(_data_shards.check)
run.command("overlap")(_data_overlap.overlap)
run.command("render")(_data_render.render)
run.command("conversations")(_data_conversations.conversations)
run.command("convert")(_data_conversations.convert)
