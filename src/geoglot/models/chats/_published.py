"""What published conversation models of transformers have in common: how they are opened, and how they are run."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from geoglot.core.errors import ModelError, ModelMismatchError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.raster import Raster
from geoglot.models import states
from geoglot.models.catalogue import ANY_GSD, CLIP_MEAN, CLIP_STD, NOT_STATED
from geoglot.models.chats._catalogue import ChatEntry
from geoglot.models.picture import key
from geoglot.models.probe import device_of, dtype_of
from geoglot.models.prompt import Layout
from geoglot.models.published import BANDS, WEIGHTS
from geoglot.models.speaking import Speaking, State

# special tokens that are part of what is said
BOXED = [f"<|{what}_{end}|>" for what in ("object_ref", "box", "quad") for end in ("start", "end")]
BOXED += [f"<{end}{what}>" for what in ("ref", "box", "quad") for end in ("", "/")]


class Published(Speaking):
    """A model of transformers whose class holds `model.language_model` and `lm_head`, with its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> None:
        text = model.config.get_text_config()
        super().__init__(spec, tokenizer, device, dtype, int(getattr(text, "max_position_embeddings", None) or 2048))
        self.model = model.to(device, dtype).eval().requires_grad_(False)
        self.hole = int(model.config.image_token_id)
        self.ends = ends_of(model, tokenizer)
        self.marks = tuple(sorted({*tokenizer.all_special_tokens, tokenizer.convert_ids_to_tokens(self.hole)} - {*BOXED}))
        self.silent = frozenset(tokenizer.convert_tokens_to_ids(list(self.marks)))

    @abstractmethod
    def pixels(self, picture: Raster, layout: Layout) -> Tensor:
        """What the encoder sees of a picture."""

    def key(self, picture: Raster, layout: Layout, words: str) -> str:
        """A digest of the pixels and of their size to the model."""
        return key(picture, layout)

    def ids(self, text: str, begins: bool) -> list[int]:
        """Token ids of a whole prompt; ``begins``: with what the tokenizer puts before every text."""
        found: list[int] = self.tokenizer(text, add_special_tokens=begins)["input_ids"]
        return found

    def embed(self, ids: Tensor) -> Tensor:
        """Vectors (B, T, D) of token ids (B, T)."""
        made: Tensor = self.model.get_input_embeddings()(ids)
        return made

    def run(self, x: Tensor, state: State, positions: Tensor, holes: Tensor, deep: Sequence[Tensor]) -> Tensor:
        """Logits (B, V) of the last place."""
        places = positions[0] if len(positions) == 1 else positions
        more = {"visual_pos_masks": holes, "deepstack_visual_embeds": list(deep)} if deep else {}
        made = self.model.model.language_model(
            inputs_embeds=x,
            attention_mask=state.mask,
            position_ids=places,
            past_key_values=state.cache,
            use_cache=True,
            **more,
        )
        logits: Tensor = self.model.lm_head(made.last_hidden_state[:, -1])
        return logits

    def fresh(self) -> Any:
        """Empty keys and values of full length, which can be cut back."""
        from transformers import DynamicCache

        return DynamicCache()


def config_of(folder: Path) -> dict[str, Any]:
    """The configuration of a folder. Raises ModelError."""
    file = folder / "config.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} has no config.json: give the folder of a conversation model of transformers.") from None
    except (ValueError, OSError) as error:
        raise ModelError(f"{file} cannot be read ({error}): fetch the folder again.") from None
    if not isinstance(found, dict):
        raise ModelError(f"{file} is no configuration: fetch the folder again.")
    return found


def preprocessing(folder: Path) -> dict[str, Any]:
    """What the folder says of pixels; nothing where it says nothing. Raises ModelError."""
    found: dict[str, Any] = {}
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).exists():
            try:
                told = json.loads((folder / name).read_text(encoding="utf-8"))
            except (ValueError, OSError) as error:
                raise ModelError(f"{folder / name} cannot be read ({error}): fetch the folder again.") from None
            found |= told.get("image_processor", told)
    return found


def opened(folder: Path, kind: str, where: torch.device, number: torch.dtype) -> tuple[Any, Any]:
    """The model of a folder, of a class of transformers, and its tokenizer. Raises ModelError, ModelMismatchError."""
    import transformers

    quiet(folder)
    try:
        model, told = getattr(transformers, kind).from_pretrained(
            folder,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told of below, by name
            dtype=number,
            trust_remote_code=False,
        )
    except Exception as error:  # transformers, safetensors and pickle each raise their own kinds
        raise ModelError(f"{folder} cannot be loaded ({first(error)}): are all files whole, and from one model?") from None
    fits(folder, told)
    return model.to(where), tokenizer_of(folder)


def fits(folder: Path, told: dict[str, Any]) -> None:
    """Raise ModelMismatchError where transformers tells that weights and configuration are not of one model."""
    wrong = {what: sorted(map(str, told.get(what, ()))) for what in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    wrong["unexpected_keys"] = [name for name in wrong["unexpected_keys"] if not name.endswith(("position_ids", "inv_freq"))]
    if any(wrong.values()):
        some = "; ".join(f"{len(names)} {what}: {', '.join(names[:3])}" for what, names in wrong.items() if names)
        raise ModelMismatchError(f"{folder}: the weights do not fit config.json ({some}): fetch the folder again.")


def quiet(folder: Path) -> None:
    """Tell transformers to draw no bars of its own. Raises ModelError where it is not installed."""
    if find_spec("transformers") is None:
        raise ModelError(f"{folder} needs transformers and huggingface-hub: pip install 'geoglot[hub]'.")
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer of a folder. Raises ModelError."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelError(
            f"The tokenizer in {folder} cannot be loaded ({first(error)}): add tokenizer.json from its origin."
        ) from None


def spec_of(folder: Path, name: str, entry: ChatEntry | None, config: Any, told: dict[str, Any], size: int) -> ModelSpec:
    """What a published model is."""
    return ModelSpec(
        id=entry.name if entry else name,
        version=folder.name[:12] if re.fullmatch("[0-9a-f]{40}", folder.name) else "local",  # a commit, where the hub keeps it
        hash=states.digest([file for file in sorted(folder.iterdir()) if file.suffix in WEIGHTS]),
        dim=int(config.get_text_config().hidden_size),
        bands=BANDS,
        size=size,
        gsd=ANY_GSD,
        mean=tuple(told.get("image_mean", CLIP_MEAN)),
        std=tuple(told.get("image_std", CLIP_STD)),
        activation=str(getattr(config.vision_config, "hidden_act", "")),
        licence=entry.licence if entry else NOT_STATED,
    )


def places(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """The device and the number format of their names. Raises InputError."""
    return device_of(device), dtype_of(dtype, device_of(device))


def first(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end an answer, by the generation's, the model's and the tokenizer's own account."""
    found: set[int] = set()
    for told in (
        getattr(model.generation_config, "eos_token_id", None),
        model.config.get_text_config().eos_token_id,
        tokenizer.eos_token_id,
    ):
        found |= set(told) if isinstance(told, list | tuple) else {told} if told is not None else set()
    return frozenset(found)
