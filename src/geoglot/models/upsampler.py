"""The file of an upsampler, beside the model whose cells it was made for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from geoglot.core.errors import ModelError, ModelMismatchError
from geoglot.core.protocols import ModelSpec
from geoglot.models import weights
from geoglot.models.files import beside
from geoglot.nn.upsample import JointBilateral, UpsamplerConfig

SUFFIX = ".upsample.safetensors"


def file_of(spec: ModelSpec, given: str | Path | None = None) -> Path:
    """The file that is given, else the one that comes with a model. Raises ModelError where there is none."""
    file = beside(spec.id, SUFFIX) if given is None else Path(given)
    if file is None:
        raise ModelError(
            f"No upsampler comes with {spec.name}: train one (`geoglot recipe upsample`) and name its file (--upsampler), "
            "or leave --upsample out."
        )
    return file


def save(module: JointBilateral, path: Path, spec: ModelSpec) -> str:
    """Write an upsampler for the model of ``spec``; gives its hash."""
    tensors = {name: value.detach().float().cpu().numpy() for name, value in module.state_dict().items()}
    mine = replace(spec, id=f"{spec.id}-upsample", hash="")
    return weights.write(path, tensors, mine, {"upsampler": module.config.model_dump(mode="json"), "model": spec.hash})


def restore(path: Path, spec: ModelSpec, times: int | None = None) -> JointBilateral:
    """Read what `save` wrote, for another number of doublings where ``times`` is given.

    Its `hash` names its weights. Raises as `weights.header` does, ModelError for another kind of file, and ModelMismatchError
    for one of another model.
    """
    mine, config = weights.header(path)
    if "upsampler" not in config:
        raise ModelError(f"{path} holds no upsampler: give the file that `geoglot train` wrote with the recipe upsample.")
    if config["model"] != spec.hash:
        raise ModelMismatchError(f"The upsampler {path.name} was made for the cells of another model: train one for {spec.name}.")
    own = UpsamplerConfig.build(config["upsampler"])
    module = JointBilateral(own if times is None else own.model_copy(update={"times": times}))
    module.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.read(path).items()})
    module.hash = mine.hash
    return module.eval().requires_grad_(False)
