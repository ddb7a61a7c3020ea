"""Instruction data: conversations from annotations and rendered scenes. Each kind of exchange is a file, found by its name.

`of_sample`, `of_view` and `of_pair` say what is known of a place, `conversations` makes some of it into turns: templates in many
wordings, drawn by the seed, with facts that hold for certain only.
"""

from __future__ import annotations

from geoglot.data.build.conversations._known import Crowd, Known, Object, names_of, of_pair, of_sample, of_view
from geoglot.data.build.conversations._make import Exchange, conversations, exchanges, kinds, renamed

__all__ = [
    "Crowd", "Exchange", "Known", "Object", "conversations", "exchanges", "kinds", "names_of", "of_pair", "of_sample", "of_view",
    "renamed",
]  # fmt: skip
