"""Average the weights of runs of `nano` that come from one beginning, after "model soups" (arXiv 2203.05482)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import Tensor

from geoglot.core.config import Config
from geoglot.core.errors import ConfigError, ModelError
from geoglot.models import record
from geoglot.models.nano import Nano, restore, save
from geoglot.zoo.nano import LICENCE


class Recipe(Config):
    """``models`` are native files of one build, ``shares`` the weight of each (alike if not given).

    What is averaged should have one beginning, with the same head: elsewhere the mean of two good models is a bad one. The
    record of what was taught is that of the first, which must be the same for all. Choose shares on a validation split.
    """

    recipe: Literal["average"] = "average"
    models: tuple[str, ...] = ("runs/a/nano.safetensors", "runs/b/nano.safetensors")
    shares: tuple[float, ...] = ()


def run(recipe: Recipe, folder: Path) -> Nano:
    """Write the average as ``nano.safetensors`` into ``folder`` and give it.

    Raises ConfigError for shares that do not go with the models, ModelError for models of different builds, vocabularies or
    records of training.
    """
    shares = recipe.shares or (1.0,) * len(recipe.models)
    if len(shares) != len(recipe.models) or len(shares) < 2 or min(shares) < 0 or sum(shares) == 0:
        raise ConfigError(f"shares: {len(recipe.models)} models need as many shares, none below 0, not all 0; got {shares}.")
    total: dict[str, Tensor] = {}
    first: Nano | None = None
    for name, share in zip(recipe.models, shares, strict=True):
        model = restore(Path(name))[0]
        if first is None:
            first = model
        if (model.config, model.tokenizer_json) != (first.config, first.tokenizer_json):
            raise ModelError(f"{name} has another build or vocabulary than {recipe.models[0]}: average runs with one beginning.")
        if _sources(name) != _sources(recipe.models[0]):
            raise ModelError(f"{name} was taught other sources than {recipe.models[0]} by its record: train both on the same.")
        for key, value in model.state_dict().items():
            part = value.double() * (share / sum(shares))
            total[key] = total[key] + part if key in total else part
    if first is None:
        raise ConfigError("models: name at least two files.")
    first.load_state_dict({key: value.to(first.state_dict()[key].dtype) for key, value in total.items()})
    folder.mkdir(parents=True, exist_ok=True)
    save(first, folder / "nano.safetensors", LICENCE)
    taught = record.of(recipe.models[0])
    if taught is not None:
        record.write(taught, folder / "nano.safetensors")
    return first


def _sources(name: str) -> object:
    taught = record.of(name)
    return None if taught is None else taught.sources
