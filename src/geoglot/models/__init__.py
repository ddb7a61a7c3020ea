"""Image-text models and their weights; nothing here imports torch before `load` is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geoglot.models.dual import DualModel


def load(name: str | Path, device: str = "auto", dtype: str = "auto") -> DualModel:
    """Load an image-text model: an embedded one by name (`nano`), or a native weights file by path.

    ``device`` is a torch device; "auto" takes an accelerator where there is one. ``dtype`` is float32, bfloat16 or
    float16; "auto" measures which is fast on this machine. Raises NotFoundError, ModelError, or InputError for a device
    or dtype that this machine does not have.
    """
    from geoglot.models import dual

    return dual.open_native(name, device, dtype)
