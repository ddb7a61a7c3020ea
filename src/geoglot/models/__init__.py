"""Image-text models and their weights; nothing here imports torch before `load` is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geoglot.core.protocols import ModelSpec
    from geoglot.models.dual import DualModel
    from geoglot.models.nano_text import NumpyText


def load(name: str | Path, device: str = "auto", dtype: str = "auto") -> DualModel:
    """Load an image-text model: an embedded one by name (`nano`), or a native weights file by path.

    ``device`` is a torch device; "auto" takes an accelerator where there is one. ``dtype`` is float32, bfloat16 or
    float16; "auto" measures which is fast on this machine. Raises NotFoundError, ModelError, or InputError for a device
    or dtype that this machine does not have.
    """
    from geoglot.models import dual

    return dual.open_native(name, device, dtype)


def text_encoder(model: str | Path | ModelSpec) -> NumpyText:
    """Load only the text tower, in numpy: of an embedded model by name or specification, or of a native file by path.

    Imports neither torch nor transformers. Raises NotFoundError or ModelError.
    """
    from geoglot.models.nano_text import load_text

    return load_text(model if isinstance(model, str | Path) else model.name)
