"""Retrieve: the places of a few scenes that answer a query, without keeping an archive."""

from __future__ import annotations

import tempfile
from typing import Any

from geoglot.archive import Archive, Hits, index
from geoglot.archive.sources import Sources


def retrieve(
    model: Any,
    sources: Sources,
    text: str | None = None,
    *,
    k: int = 20,
    tile: int | None = None,
    gsd: float | None = None,
    overlap: float | None = None,
    **query: Any,
) -> Hits:
    """The `k` places of some scenes that answer a query best; to ask more than once, make an archive with `index`.

    `tile`, `gsd` and `overlap` cut the scenes as `archive.index` does, `query` is what `Archive.search` takes beside words.
    `model` is a dual encoder. Raises what these two raise.
    """
    with tempfile.TemporaryDirectory(prefix="geoglot-") as folder:
        index(sources, model=model, out=folder, tile=tile, gsd=gsd, overlap=overlap, progress=False)
        options = {"text_encoder": model, "model": model, **query}
        return Archive.open(folder).search(text, k=k, **options)
