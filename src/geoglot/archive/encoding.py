"""Choosing the encoder of tiles without importing torch before a torch model is there."""

from __future__ import annotations

from typing import Any

from geoglot.core.errors import ModelError
from geoglot.core.protocols import TileEncoder


def tile_encoder(model: Any) -> TileEncoder:
    """The image tower of a dual encoder, or the model itself where it encodes tiles; a name loads the model."""
    if isinstance(model, str):
        from geoglot import models

        model = models.load(model)
    if hasattr(model, "image"):
        from geoglot.archive.encoder import DualEncoder

        return DualEncoder(model)
    if hasattr(model, "encode"):
        made: TileEncoder = model
        return made
    raise ModelError(f"{type(model).__name__} encodes neither tiles nor images; load a dual encoder, as in gg.load('nano').")
