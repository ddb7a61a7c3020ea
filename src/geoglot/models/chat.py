"""Our own conversation models, of any parts: eyes, connector and language model, ready to answer, saved as one folder.

`build` puts parts together, `load` opens a folder that `save` wrote, `Composed.batch` makes what training takes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NotFoundError
from geoglot.core.protocols import ModelSpec, Said
from geoglot.geo.raster import Raster
from geoglot.models import states
from geoglot.models.catalogue import ANY_GSD
from geoglot.models.chats import OWN, _published
from geoglot.models.conversant import Conversant, ConversantConfig, Talk
from geoglot.models.eyes import Eye, sized
from geoglot.models.form import HOLE, MARK, encode, spans
from geoglot.models.picture import key
from geoglot.models.prompt import Layout, Look, checked, content
from geoglot.models.published import BANDS, WEIGHTS
from geoglot.models.speaking import Speaking, State
from geoglot.nn.packing import shared

FORMAT, WEIGHTS_FILE, LANGUAGE = "geoglot-chat-1", "model.safetensors", "language"
Conversation = tuple[Sequence[Said], Sequence[Any]]


class Composed(Speaking):
    """A module of parts with its tokenizer. Pictures are stretched to squares, so boxes in the unit square stay what they are."""

    def __init__(self, module: Conversant, tokenizer: Any, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> None:
        config = module.language.config
        super().__init__(spec, tokenizer, device, dtype, int(getattr(config, "max_position_embeddings", None) or 2048))
        self.module = module.to(device, dtype).eval()
        self.ends = _published.ends_of(module.language, tokenizer)
        self.marks = (*tokenizer.all_special_tokens, MARK)
        self.silent = frozenset(tokenizer.all_special_ids)

    def layout(self, picture: Raster) -> Layout:
        """As many places as the connector gives tokens, whatever the picture."""
        return Layout(self.module.count, (0, 0), (self.module.side, self.module.side))

    def written(self, turns: Sequence[Said], pictures: Sequence[Any], layouts: Sequence[Layout]) -> tuple[Sequence[int], int]:
        """Token ids up to where the answer begins."""
        return self._encoded(turns, pictures)[0], HOLE

    def key(self, picture: Raster, layout: Layout, words: str) -> str:
        """A digest of the pixels, and of the words where the connector reads them."""
        return key(picture, words if self.module.connector.reads_words else "")

    def pixels(self, picture: Raster) -> tuple[Tensor, Tensor]:
        """Pixels (3, S, S) in [0, 1] and validity (S, S) of a picture."""
        scale = 255 if picture.data.dtype == np.uint8 else 1
        data = torch.from_numpy(np.nan_to_num(picture.data.astype(np.float32) / scale).clip(0, 1))
        valid = torch.from_numpy(np.ascontiguousarray(picture.valid))
        x, seen = sized(torch.where(valid, data, 0.5)[None], valid[None], self.module.side)
        return x[0], seen[0]

    @torch.inference_mode()
    def look(self, pictures: Sequence[Raster], layouts: Sequence[Layout], words: Sequence[str]) -> list[Look]:
        """Tokens (N, width) of each picture."""
        pixels, valid = (torch.stack(part).to(self.device) for part in zip(*map(self.pixels, pictures), strict=True))
        ids, heard = self._words(words)
        return [Look(tokens) for tokens in self.module.look(pixels, valid, ids.to(self.device), heard.to(self.device))]

    def embed(self, ids: Tensor) -> Tensor:
        """Vectors (B, T, D) of token ids (B, T)."""
        made: Tensor = self.module.language.get_input_embeddings()(ids)
        return made

    def run(self, x: Tensor, state: State, positions: Tensor, holes: Tensor, deep: Sequence[Tensor]) -> Tensor:
        """Logits (B, V) of the last place."""
        return self.module.told(
            x, attention_mask=state.mask, position_ids=positions[0], past_key_values=state.cache, use_cache=True, logits_to_keep=1
        )[:, -1]

    def fresh(self) -> Any:
        """Empty keys and values of full length, which can be cut back."""
        from transformers import DynamicCache

        return DynamicCache()

    def batch(self, conversations: Sequence[Conversation], limit: int | None = None, packed: bool = False) -> Talk:
        """What training takes of conversations that end with an answer; packed: several in a row of at most ``limit`` tokens.

        Raises InputError for one that is no such conversation, or has more than ``limit`` (else: the context's) tokens.
        """
        limit = limit or self.context
        rows = [self._example(turns, pictures) for turns, pictures in conversations]
        lengths = [len(ids) for ids, *_ in rows]
        packs = shared(lengths, limit)
        if not packed:
            packs = [[k] for k in range(len(rows))]
        longest = max(sum(lengths[k] for k in pack) for pack in packs)
        most = max(sum(len(rows[k][2]) for k in pack) for pack in packs)
        ids = torch.zeros(len(packs), longest, dtype=torch.long)
        answers, of = torch.zeros_like(ids, dtype=torch.bool), torch.zeros_like(ids)
        side = self.module.side
        pixels, valid = torch.zeros(len(packs), most, 3, side, side), torch.zeros(len(packs), most, side, side, dtype=torch.bool)
        shown, said = torch.zeros(len(packs), most, dtype=torch.bool), [""] * (len(packs) * most)
        for row, pack in enumerate(packs):
            at = place = 0
            for number, k in enumerate(pack):
                tokens, told, found = rows[k]
                part = slice(at, at + len(tokens))
                ids[row, part], answers[row, part], of[row, part] = torch.tensor(tokens), torch.tensor(told), number + 1
                at += len(tokens)
                for picture, text in found:
                    pixels[row, place], valid[row, place] = self.pixels(picture)
                    shown[row, place], said[row * most + place] = True, text
                    place += 1
        words, heard = self._words(said)
        holes = ids == HOLE
        shape = (len(packs), most, -1) if most else (len(packs), 0, words.shape[1])
        return Talk(
            ids.masked_fill(holes, 0), holes, answers, of, pixels, valid, shown, words.reshape(shape), heard.reshape(shape)
        )

    def length(self, turns: Sequence[Said], pictures: Sequence[Any]) -> int:
        """Tokens of a conversation that ends with an answer."""
        return len(self._example(turns, pictures)[0])

    def _example(self, turns: Sequence[Said], pictures: Sequence[Any]) -> tuple[list[int], list[bool], list[tuple[Raster, str]]]:
        if not turns or turns[-1].role != "assistant":
            raise InputError("a conversation to learn from ends with an answer: the last turn must be the assistant's")
        found = [(picture, text) for _, picture, text in checked(turns[:-1], pictures, self.marks)]
        return (*self._encoded(turns, pictures), found)

    def _encoded(self, turns: Sequence[Said], pictures: Sequence[Any]) -> tuple[list[int], list[bool]]:
        said = [{"role": turn.role, "content": content(turn, pictures, [MARK] * len(turn.pictures))} for turn in turns]
        counts = [self.module.count] * sum(len(turn.pictures) for turn in turns)
        return encode(self.tokenizer, spans(self.tokenizer, said), counts)

    def _words(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Token ids (M, W) of texts and which are real; nothing where the connector does not read them."""
        if not self.module.connector.reads_words or not texts:
            return torch.zeros(len(texts), 0, dtype=torch.long), torch.zeros(len(texts), 0, dtype=torch.bool)
        found = [self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else [] for text in texts]
        longest = max(1, *(len(ids) for ids in found))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in found])
        heard = torch.tensor([[True] * len(row) + [False] * (longest - len(row)) for row in found])
        return ids, heard


def language_of(source: str, device: str = "auto", dtype: str = "auto") -> tuple[Any, Any]:
    """A causal language model of transformers with its tokenizer, of a folder or a hub id. Raises ModelError, NetworkError."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        _published.quiet(folder)
        from geoglot.models import hub

        folder = hub.fetch_repo(source, None)
    return _published.opened(folder, "AutoModelForCausalLM", *_published.places(device, dtype))


def build(
    eyes: Sequence[Eye],
    language: nn.Module,
    tokenizer: Any,
    connector: str = "mlp",
    options: dict[str, Any] | None = None,
    name: str = "chat",
    licence: str = "not stated",
) -> Composed:
    """Put eyes, a connector and a causal language model together, where the language model is and in its number format."""
    config = ConversantConfig(eyes=tuple(eye.settings for eye in eyes), connector=connector, options=options or {})
    module = Conversant(config, language, eyes)
    like = next(language.parameters())
    return Composed(module, tokenizer, _spec(module, name, licence, ""), like.device, like.dtype)


def save(chat: Composed, folder: Path) -> str:
    """Write the whole as one folder that `load` opens; gives the digest of the weights. Raises InputError for adapters."""
    module = chat.module
    if any(".lora_" in name for name in module.state_dict()):
        raise InputError("the language model has adapters: merge them first (geoglot.models.lora.merge), or save them alone")
    folder.mkdir(parents=True, exist_ok=True)
    _published.quiet(folder)
    state = {name: value.detach().contiguous() for name, value in module.state_dict().items() if not name.startswith("language.")}
    save_file(state, folder / WEIGHTS_FILE)
    module.language.save_pretrained(folder / LANGUAGE)
    chat.tokenizer.save_pretrained(folder / LANGUAGE)
    told = {
        "format": FORMAT,
        "name": chat.spec.id,
        "licence": chat.spec.licence,
        "codec": chat.codec,
        "parts": module.config.model_dump(mode="json"),
    }
    (folder / OWN).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return _digest(folder)


def load(folder: Path, device: str = "auto", dtype: str = "auto") -> Composed:
    """Open a folder that `save` wrote. Raises NotFoundError, ModelError, ModelMismatchError, InputError."""
    file = folder / OWN
    if not file.exists():
        raise NotFoundError(f"There is no {file}: give a folder that geoglot saved a conversation model in.")
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        kind = told["format"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(f"{file} cannot be read ({error!r}): copy the folder again.") from None
    if kind != FORMAT:
        raise ModelError(f"{file} has the format {kind!r}, and this version reads {FORMAT!r}: use the version that wrote it.")
    where, number = _published.places(device, dtype)
    language, tokenizer = _published.opened(folder / LANGUAGE, "AutoModelForCausalLM", where, number)
    module = Conversant(ConversantConfig.build(told["parts"]), language)
    try:
        state = load_file(folder / WEIGHTS_FILE)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{folder / WEIGHTS_FILE} cannot be read ({error}): copy the folder again.") from None
    lacks, spare = module.load_state_dict(state, strict=False)
    lacks = [name for name in lacks if not name.startswith("language.")]
    if lacks or spare:
        raise ModelMismatchError(
            f"{folder}: the weights do not fit {OWN} ({len(lacks)} missing, {len(spare)} not the model's: "
            f"{', '.join([*lacks, *spare][:3])}): copy the folder again."
        )
    made = Composed(
        module.requires_grad_(False), tokenizer, _spec(module, told["name"], told["licence"], _digest(folder)), where, number
    )
    made.codec = str(told.get("codec") or "")
    return made


def _digest(folder: Path) -> str:
    return states.digest([file for file in sorted(folder.rglob("*")) if file.suffix in WEIGHTS or file.name == OWN])


def _spec(module: Conversant, name: str, licence: str, digest: str) -> ModelSpec:
    eye = module.config.eyes[0]
    return ModelSpec(
        id=name,
        version="local",
        hash=digest,
        dim=module.width,
        bands=BANDS,
        size=module.side,
        gsd=ANY_GSD,
        mean=eye.mean,
        std=eye.std,
        activation="",
        licence=licence,
    )
