"""Folders of diffusers: their parts opened one by one, each checked against its weights, nothing of theirs run."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from geoglot.core.errors import ModelError, ModelMismatchError
from geoglot.core.protocols import ModelSpec
from geoglot.models import schedules, states
from geoglot.models.catalogue import ANY_GSD, NOT_STATED
from geoglot.models.condition import Drawing
from geoglot.models.generator import NATURAL
from geoglot.models.generators._catalogue import GeneratorEntry
from geoglot.models.phrases import Phrases, of_tokenizer

WEIGHTS = (".safetensors", ".bin", ".ckpt", ".pt")
INDEX = "model_index.json"


def index(path: Path) -> dict[str, Any]:
    """What a folder says it is made of; nothing for what is no such folder."""
    return json_of(path / INDEX) if (path / INDEX).exists() else {}


def json_of(file: Path) -> dict[str, Any]:
    """A configuration. Raises ModelError."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"There is no {file}: fetch the folder again, whole.") from None
    except (ValueError, OSError) as error:
        raise ModelError(f"{file} cannot be read ({error}): fetch the folder again.") from None
    if not isinstance(found, dict):
        raise ModelError(f"{file} is no configuration: fetch the folder again.")
    return found


def part(folder: Path, library: str, kind: str, spare: Collection[str] = ()) -> nn.Module:
    """A part of a class of diffusers or transformers, in float32; names of weights may begin with ``spare`` that it has not.

    Raises ModelError, ModelMismatchError.
    """
    import importlib

    quiet()
    source = importlib.import_module(library)
    if not folder.is_dir():
        raise ModelError(f"{folder} is missing: fetch the model again, whole.")
    try:
        made, told = getattr(source, kind).from_pretrained(
            folder, local_files_only=True, output_loading_info=True, torch_dtype=torch.float32
        )
    except Exception as error:  # diffusers, safetensors and pickle each raise their own kinds
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"{folder} cannot be loaded ({said}): are all files whole, and from one model?") from None
    wrong = {what: sorted(map(str, told.get(what, ()))) for what in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    wrong["unexpected_keys"] = [
        name for name in wrong["unexpected_keys"] if not name.startswith(tuple(spare)) and not name.endswith("position_ids")
    ]
    if any(wrong.values()):
        some = "; ".join(f"{len(names)} {what}: {', '.join(names[:3])}" for what, names in wrong.items() if names)
        raise ModelMismatchError(f"{folder}: the weights do not fit config.json ({some}): fetch the folder again.")
    plain: nn.Module = made
    return plain


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a part by name."""
    for file in ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"):
        if (folder / file).exists():
            return states.read(folder / file, ())
    raise ModelError(f"{folder} has no weights: fetch the folder again.")


def autoencoder(folder: Path) -> nn.Module | None:
    """The autoencoder of a model; None where it has none. Raises ModelError."""
    if not (folder / "vae").is_dir():
        return None
    kind = str(json_of(folder / "vae" / "config.json").get("_class_name"))
    if kind != "AutoencoderKL":
        raise ModelError(f"{folder / 'vae'} is of {kind}: only AutoencoderKL is read.")
    return part(folder / "vae", "diffusers", kind)


def phrases(folder: Path) -> Phrases | None:
    """The text encoder of a model with its tokenizer; None where it has none. Raises ModelError."""
    if not (folder / "text_encoder").is_dir():
        return None
    from transformers import AutoTokenizer

    found = (json_of(folder / "text_encoder" / "config.json").get("architectures") or ["CLIPTextModel"])[0]
    if found not in ("CLIPTextModel", "CLIPTextModelWithProjection", "T5EncoderModel"):
        raise ModelError(f"{folder / 'text_encoder'} is of {found}: only CLIPTextModel and T5EncoderModel are read.")
    encoder = part(folder / "text_encoder", "transformers", found)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True, trust_remote_code=False)
    except Exception as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"The tokenizer in {folder} cannot be loaded ({said}): fetch the folder again.") from None
    if tokenizer.model_max_length > 512:  # no length is stated
        tokenizer.model_max_length = int(getattr(encoder.config, "max_position_embeddings", None) or 120)
    made = Phrases(of_tokenizer(tokenizer), encoder, masked=found.startswith("T5"))
    made.folder = folder
    return made


def schedule(folder: Path) -> dict[str, Any]:
    """The configuration of a model's schedule. Raises ModelError."""
    config = json_of(folder / "scheduler" / "scheduler_config.json")
    schedules.predicts(config)
    return config


def drawing(config: dict[str, Any], steps: int, guidance: float) -> Drawing:
    """How a model draws where nothing is said: with its own sampler, if that is one of ours."""
    kind = str(config.get("_class_name", ""))
    usual = "flow" if kind.startswith("FlowMatch") else "dpm++"
    return Drawing(steps, guidance, schedules.name_of(kind) or usual)


def spec(path: Path, name: str, known: GeneratorEntry | None, native: int, count: int = 3) -> ModelSpec:
    """What a published model is that draws so many bands."""
    files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.suffix in WEIGHTS and file.is_file()]
    commit = next((one for one in path.parts[::-1] if re.fullmatch("[0-9a-f]{40}", one)), None)
    return ModelSpec(
        id=known.name if known else Path(name).name,
        version=commit[:12] if commit else "local",
        hash=states.digest(files),
        dim=0,
        bands=NATURAL if count == 3 else tuple(f"band {k + 1}" for k in range(count)),
        size=native,
        gsd=ANY_GSD,
        mean=(0.5,) * count,
        std=(0.5,) * count,
        activation="",
        licence=known.licence if known else NOT_STATED,
    )


def quiet() -> None:
    """Tell the libraries to draw no bars and to say nothing of what is no error."""
    import diffusers
    import transformers

    libraries: tuple[Any, Any] = diffusers, transformers
    for library in libraries:
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
