"""Image-text models and their weights; nothing here imports torch before `load` is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geoglot.core.errors import InputError
from geoglot.core.protocols import Chat, ModelSpec, TextEncoder
from geoglot.models.files import is_native

if TYPE_CHECKING:
    from geoglot.models.generator import Generator
    from geoglot.models.ready import Ready


def load(name: str | Path | ModelSpec, device: str = "auto", dtype: str = "auto", activation: str | None = None) -> Ready:
    """Load an image-text model: embedded (`nano`), published by name or hub id, from a file or folder, or as specified.

    ``device`` is a torch device; "auto" takes an accelerator where there is one. ``dtype`` is float32, bfloat16 or
    float16; "auto" measures which is fast on this machine. ``activation`` ("gelu", "quick_gelu") is for published weights
    that do not tell. Raises NotFoundError, NetworkError, ModelError, or InputError for an activation that is missing or not
    wanted, and for a device or dtype that this machine does not have.
    """
    if isinstance(name, ModelSpec):
        known = name
        name, activation = known.id, None if is_native(known.id) else known.activation
    if is_native(name):
        from geoglot.models import dual

        if activation is not None:
            raise InputError(f"{name} knows its own activation: leave activation out.")
        _gives_vectors(name)
        return dual.open_native(name, device, dtype)
    from geoglot.models import published

    return published.open_published(name, device, dtype, activation)


def converses(name: str | Path | ModelSpec) -> bool:
    """Say whether a name or path means a model of ours that answers in words."""
    if isinstance(name, ModelSpec) or not is_native(name):
        return False
    from geoglot.models import weights
    from geoglot.models.files import native

    return "chat" in weights.header(native(name))[1]


def _gives_vectors(name: str | Path) -> None:
    from geoglot.models import generators

    does = "converses" if converses(name) else "draws" if generators.is_generator(name) else ""
    if does:
        raise InputError(f"{name} {does} and gives no vectors: take nano, or another image-text model.")


def opened(
    name: str | Path, device: str = "auto", dtype: str = "auto", activation: str | None = None
) -> Ready | Chat | Generator:
    """Load any model: what `load` gives, one that converses (`nano-chat`, see `chats`) or draws (`nano-gen`, see `generators`).

    Raises as all of them do.
    """
    from geoglot.models import chats, generators

    if activation is None and generators.is_generator(name):
        return generators.load(name, device, dtype)

    if converses(name) and activation is None:
        from geoglot.models.nano_chat import open_chat

        return open_chat(name, device, dtype)
    if activation is None and chats.is_chat(name):
        return chats.load(name, device=device, dtype=dtype)
    return load(name, device, dtype, activation)


def text_encoder(model: str | Path | ModelSpec) -> TextEncoder:
    """Load what turns texts into vectors: without torch for our own models, the whole model for published ones.

    Raises as `load` does.
    """
    name = model.id if isinstance(model, ModelSpec) else model
    if is_native(name):
        _gives_vectors(name)
        from geoglot.models.nano_text import load_text

        return load_text(name)
    return load(model, dtype="float32")


def spec(name: str | Path) -> ModelSpec:
    """Say what a model is; of our own models only the header is read. Raises as `load` does."""
    if is_native(name):
        from geoglot.models import weights
        from geoglot.models.files import native

        return weights.header(native(name))[0]
    return load(name, device="cpu", dtype="float32").spec
