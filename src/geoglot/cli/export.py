"""Write a model's two towers as ONNX files, which run without torch.

`image.onnx` takes pictures, `text.onnx` token ids; both give unit vectors, for any number of rows at a time. `model.json`
says what goes in. Each file is compared with the model before the command ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geoglot.cli._options import Activation


def run(
    model: Annotated[str, typer.Argument(help="A name, a hub id, a weights file or a folder.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where to write.")] = Path("onnx"),
    activation: Activation = None,
) -> None:
    """Write a model as ONNX."""
    from geoglot import models
    from geoglot.cli._io import emit
    from geoglot.models import onnx

    made = onnx.export(models.load(model, device="cpu", dtype="float32", activation=activation), out)
    emit("\n".join(str(file) for file in made))
