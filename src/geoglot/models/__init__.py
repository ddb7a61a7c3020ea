"""Image-text models and their weights; nothing here imports torch before `load` is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geoglot.core.errors import InputError, ModelMismatchError
from geoglot.core.protocols import ModelSpec, TextEncoder
from geoglot.models.files import is_native

if TYPE_CHECKING:
    from geoglot.models.ready import Ready


def load(name: str | Path, device: str = "auto", dtype: str = "auto", activation: str | None = None) -> Ready:
    """Load an image-text model: embedded (`nano`), published by name or hub id, or from a file or folder.

    ``device`` is a torch device; "auto" takes an accelerator where there is one. ``dtype`` is float32, bfloat16 or
    float16; "auto" measures which is fast on this machine. ``activation`` ("gelu", "quick_gelu") is for published weights
    that do not tell. Raises NotFoundError, NetworkError, ModelError, or InputError for an activation that is missing or not
    wanted, and for a device or dtype that this machine does not have.
    """
    if is_native(name):
        from geoglot.models import dual

        if activation is not None:
            raise InputError(f"{name} knows its own activation: leave activation out.")
        return dual.open_native(name, device, dtype)
    from geoglot.models import published

    return published.open_published(name, device, dtype, activation)


def text_encoder(model: str | Path | ModelSpec) -> TextEncoder:
    """Load what turns texts into vectors: without torch for our own models, the whole model for published ones.

    Given a specification, as an archive records it, raises ModelMismatchError where the weights found by its name are
    others; errors of `load` otherwise.
    """
    wanted, name = (model, model.id) if isinstance(model, ModelSpec) else (None, model)
    encoder: TextEncoder
    if is_native(name):
        from geoglot.models.nano_text import load_text

        encoder = load_text(name)
    else:
        said = wanted.activation if wanted is not None and wanted.activation in ("gelu", "quick_gelu") else None
        encoder = load(name, dtype="float32", activation=said)
    if wanted is not None and encoder.spec.hash != wanted.hash:
        raise ModelMismatchError(
            f"{wanted.name} has other weights here (hash {encoder.spec.hash[:12]}) than were recorded ({wanted.hash[:12]}): "
            "give the weights that were used, or index again with --re-embed."
        )
    return encoder


def spec(name: str | Path) -> ModelSpec:
    """Say what a model is; of our own models only the header is read. Raises as `load` does."""
    if is_native(name):
        from geoglot.models import weights
        from geoglot.models.files import native

        return weights.header(native(name))[0]
    return load(name, device="cpu", dtype="float32").spec
