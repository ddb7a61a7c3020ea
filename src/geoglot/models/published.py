"""Published checkpoints as one ready model: by name, hub id or path, converted on load.

A name of the catalogue, a hub id (`owner/name`), a weights file (open_clip or OpenAI; safetensors, torch or TorchScript), or
a folder (transformers CLIP or SigLIP, or open_clip's layout).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NotFoundError
from geoglot.core.protocols import ModelSpec
from geoglot.models import catalogue, hub, open_clip, states, torchscript
from geoglot.models.catalogue import Entry
from geoglot.models.dense import BIAS, Cells, Variant
from geoglot.models.files import embedded
from geoglot.models.probe import device_of, dtype_of
from geoglot.models.ready import Ready, deep, joined
from geoglot.models.towers import ClipTowers, SiglipTowers, Towers, kept, spread
from geoglot.nn.batch import Features, ImageBatch
from geoglot.nn.cells import channels_last
from geoglot.nn.decoder import Depths
from geoglot.text import clip_bpe

BANDS = ("red", "green", "blue")
WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
LAYOUTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
Tokens = Callable[[Sequence[str]], NDArray[np.int64]]


@dataclass(frozen=True)
class Opened:
    """Towers with their weights, and what is known of them."""

    towers: Towers
    tokens: Tokens
    files: tuple[Path, ...]
    dim: int
    size: int
    activation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


class PublishedModel(Ready):
    """A published image-text model; the image side in its fast number format, the text side in float32."""

    def __init__(self, opened: Opened, spec: ModelSpec, device: torch.device, dtype: torch.dtype, chunk: int = 32) -> None:
        super().__init__(spec, device, dtype, chunk)
        self.towers = opened.towers.to(device).eval().requires_grad_(False)
        self.tokens = opened.tokens
        for part in self.towers.image_parts():
            channels_last(part.to(dtype))
        self._mean, self._std = (torch.tensor(v, device=device)[:, None, None] for v in (opened.mean, opened.std))

    def image(self, batch: ImageBatch) -> Tensor:
        """Give unit vectors (B, D) of display renderings (B, 3, H, W) in [0, 1]; invalid pixels change nothing.

        Pictures of another size than the model's are resized to it, as its authors do (bicubic).
        """
        size = self.spec.size
        return torch.cat([F.normalize(self._features(part, (size, size)).pooled.float(), dim=-1) for part in self.parts(batch)])

    @property
    def cells(self) -> Cells:
        """Windows of the model's own size, half of which neighbours share."""
        side = self.towers.cell
        return Cells(side, self.spec.size // side * side, bias=BIAS if self.towers.transformer else 0.0)

    def seen(self, batch: ImageBatch, variant: Variant | None = None) -> Features:
        """Give unit vectors of pictures and of their cells: projected patches, or values of the attention pool.

        Pictures whose sides are whole cells keep their size (positions are interpolated); others are resized to the model's size.
        """
        return joined([self._features(part, self._size(batch), variant) for part in self.parts(batch)])

    @property
    def levels(self) -> tuple[int, ...]:
        """Three depths: the blocks of a transformer at a quarter, a half and three quarters (CLIPSeg's 3, 6 and 9 of 12); the
        stages of a CLIP ResNet but the first."""
        count = len(self.towers.blocks)
        if not self.towers.transformer:
            return tuple(range(1, count))
        return tuple(dict.fromkeys(max(count * part // 4 - 1, 0) for part in (1, 2, 3)))

    def depths(self, batch: ImageBatch, levels: Sequence[int], variant: Variant | None = None) -> Depths:
        """Give vectors, cells and what leaves some blocks. Raises ModelError for a block that it has not.

        Pictures whose sides are whole cells keep their size, as in `seen`.
        """
        if not all(0 <= level < len(self.towers.blocks) for level in levels):
            raise ModelError(
                f"{self.spec.name} has {len(self.towers.blocks)} blocks, none of number {max(levels)}: the decoder is of another "
                "model."
            )
        with kept([self.towers.blocks[level] for level in levels]) as outputs:
            features = self._features(batch, self._size(batch), variant)
        return deep(features, [spread(found, features.hw) for found in outputs])

    def text(self, texts: Sequence[str]) -> Tensor:
        """Give unit vectors (B, D) of texts. Raises InputError for an empty list."""
        if not texts:
            raise InputError("no text was given: pass at least one query")
        with torch.inference_mode():
            ids = torch.from_numpy(self.tokens(texts)).to(self.device)
            rows = [self.towers.text(ids[i : i + 64]) for i in range(0, len(ids), 64)]
            return F.normalize(torch.cat(rows).float(), dim=-1)

    def _size(self, batch: ImageBatch) -> tuple[int, int]:
        height, width = batch.pixels.shape[-2:]
        keeps = height % self.towers.cell == 0 and width % self.towers.cell == 0
        return (height, width) if keeps else (self.spec.size, self.spec.size)

    def _features(self, batch: ImageBatch, size: tuple[int, int], variant: Variant | None = None) -> Features:
        with torch.inference_mode():
            pixels = prepared(batch.to(self.device), self._mean, self._std, size)
            return self.towers.image(pixels.to(self.dtype), variant)


def prepared(batch: ImageBatch, mean: Tensor, std: Tensor, size: tuple[int, int]) -> Tensor:
    """Give what a published tower sees: (B, 3, *size) normalised by mean and std (3, 1, 1); invalid pixels are mean."""
    pixels = torch.where(batch.valid[:, None], batch.pixels.float(), mean)
    if pixels.shape[-2:] != size:
        pixels = F.interpolate(pixels, size, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


def open_published(name: str | Path, device: str, dtype: str, activation: str | None) -> PublishedModel:
    """Load a published model onto a device.

    Raises NotFoundError for an unknown name (with the nearest names), NetworkError where it must be fetched and cannot be,
    InputError where the activation is needed and not given, ModelError for files that cannot be read or do not fit.
    """
    if any(find_spec(library) is None for library in ("transformers", "huggingface_hub")):
        raise ModelError(f"{name} needs transformers and huggingface-hub: pip install 'geoglot[hub]'.")
    where, number = device_of(device), dtype_of(dtype, device_of(device))
    path, entry, version = locate(str(name))
    known = activation or (entry.activation if entry else None)
    opened = open_folder(path, activation) if path.is_dir() else open_file(path, known)
    if entry is not None and (opened.dim, opened.size) != (entry.dim, entry.size):
        raise ModelMismatchError(
            f"{path} is not {entry.name}: its vectors have {opened.dim} values and its input {opened.size} px, not "
            f"{entry.dim} and {entry.size}. Remove it and fetch {entry.origin} again."
        )
    spec = ModelSpec(
        id=entry.name if entry else str(name) if version != "local" else str(path.resolve()),
        version=version,
        hash=states.digest(opened.files, opened.activation),
        dim=opened.dim,
        bands=BANDS,
        size=opened.size,
        gsd=entry.gsd if entry else catalogue.ANY_GSD,
        mean=tuple(opened.mean),
        std=tuple(opened.std),
        activation=opened.activation,
        licence=entry.licence if entry else catalogue.NOT_STATED,
    )
    return PublishedModel(opened, spec, where, number)


def locate(name: str) -> tuple[Path, Entry | None, str]:
    """Give the file or folder of a name, its catalogue entry where it has one, and its version; fetch it where needed."""
    entry = catalogue.entry(name)
    if entry is not None:
        return hub.fetch(entry), entry, (entry.revision or "main")[:12]
    path = Path(name).expanduser()
    if path.exists():
        return path, catalogue.of_file(path.name), "local"
    if path.suffix in WEIGHTS or name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise NotFoundError(f"There is no file or folder {name}: check the path.")
    if "/" not in name:
        raise catalogue.unknown(name, embedded())
    folder = hub.fetch_repo(name, None)
    return folder, None, folder.name[:12]


def open_file(path: Path, activation: str | None) -> Opened:
    """Open a weights file of open_clip or OpenAI. Raises InputError where nothing tells its activation."""
    state = states.read(path)
    known, chosen = _known(path, open_clip.checked(activation))
    towers, sizes = open_clip.convert(state, chosen, known, path)
    tokenizer = clip_bpe.of_folder(path.parent) if (path.parent / "open_clip_config.json").exists() else None
    tokenizer = tokenizer or clip_bpe.shipped()
    if tokenizer.get_vocab_size() != sizes.vocabulary:
        raise ModelError(
            f"{path} has {sizes.vocabulary:,} tokens and the tokenizer {tokenizer.get_vocab_size():,}: it was trained with "
            "another tokenizer. Put its tokenizer.json and open_clip_config.json beside it."
        )
    return Opened(
        towers,
        lambda texts: clip_bpe.encode(tokenizer, texts, sizes.words),
        (path,),
        sizes.dim,
        sizes.size,
        chosen,
        known.mean or catalogue.CLIP_MEAN,
        known.std or catalogue.CLIP_STD,
    )


def _known(path: Path, wish: open_clip.Activation | None) -> tuple[open_clip.Hints, open_clip.Activation]:
    """What configurations beside the file and the file itself tell, and the activation that follows."""
    found = [open_clip.hints(file) for file in open_clip.beside(path)]
    fitting = [hints for hints in found if wish is None or hints.activation == wish] or found
    told = {hints.activation for hints in fitting}
    hints = fitting[0] if fitting else open_clip.Hints()
    if wish is not None:
        return hints, wish
    if len(told) == 1 and hints.activation is not None:
        return hints, hints.activation
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    if zipped and torchscript.is_archive(path):
        spoken = open_clip.checked(torchscript.activation(path))
        if spoken is not None:
            return hints, spoken
    raise InputError(
        f"{path} does not say whether it was trained with GELU or QuickGELU, and the vectors differ. Say which: "
        'activation="quick_gelu" (--activation quick_gelu) for weights that began from OpenAI\'s or from an open_clip model '
        'named -quickgelu, activation="gelu" for others; or put its open_clip_config.json beside it.'
    )


def open_folder(path: Path, wish: str | None) -> Opened:
    """Open a folder with a transformers CLIP or SigLIP, or with open_clip's files. Raises ModelError."""
    config = path / "config.json"
    if config.exists():
        return _transformers(path, wish)
    for name in LAYOUTS:
        if (path / name).exists():
            return open_file(path / name, wish)
    files = [file for file in path.iterdir() if file.suffix in WEIGHTS]
    if len(files) == 1:
        return open_file(files[0], wish)
    raise ModelError(f"{path} has neither config.json nor one weights file of open_clip: give the file itself.")


def _transformers(path: Path, wish: str | None) -> Opened:
    from transformers import AutoConfig, AutoModel

    try:
        kind = json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (ValueError, OSError, AttributeError) as error:
        raise ModelError(f"{path / 'config.json'} cannot be read ({error}): fetch the folder again.") from None
    if kind not in ("clip", "siglip"):
        raise ModelError(f"{path} is a {kind!r} model: image-text models of kind clip and siglip are read.")
    try:
        config: Any = AutoConfig.from_pretrained(path, local_files_only=True)
        if wish not in (None, config.vision_config.hidden_act):
            if kind != "clip":
                raise InputError(f"{path} says its own activation ({config.vision_config.hidden_act}): leave activation out.")
            open_clip.checked(wish)
            config.text_config.hidden_act = config.vision_config.hidden_act = wish
        model, told = AutoModel.from_pretrained(
            path, config=config, local_files_only=True, output_loading_info=True, dtype=torch.float32, trust_remote_code=False
        )
    except InputError:
        raise
    except Exception as error:  # transformers, safetensors and pickle each raise their own kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be loaded ({first[:200]}): are all files whole, and from one model?") from None
    wrong = {what: sorted(map(str, told.get(what, ()))) for what in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    wrong["unexpected_keys"] = [name for name in wrong["unexpected_keys"] if not name.endswith("position_ids")]
    if any(wrong.values()):
        some = "; ".join(f"{len(names)} {what}: {', '.join(names[:3])}" for what, names in wrong.items() if names)
        raise ModelMismatchError(f"{path}: the weights do not fit config.json ({some}): fetch the folder again.")
    mean, std = _normalisation(path, kind)
    vision, text = config.vision_config, config.text_config
    return Opened(
        ClipTowers(model) if kind == "clip" else SiglipTowers(model),
        _clip_tokens(path, text) if kind == "clip" else _siglip_tokens(path, text.max_position_embeddings),
        tuple(sorted(file for file in path.iterdir() if file.suffix in WEIGHTS)),
        config.projection_dim if kind == "clip" else vision.hidden_size,
        vision.image_size,
        vision.hidden_act,
        mean,
        std,
    )


def _normalisation(path: Path, kind: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    file = path / "preprocessor_config.json"
    if not file.exists():
        return (catalogue.CLIP_MEAN, catalogue.CLIP_STD) if kind == "clip" else ((0.5,) * 3, (0.5,) * 3)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return tuple(map(float, found["image_mean"])), tuple(map(float, found["image_std"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} does not tell the normalisation ({error!r}): fetch it again.") from None


def _clip_tokens(path: Path, text: Any) -> Tokens:
    tokenizer = clip_bpe.of_folder(path)
    if tokenizer is None and text.vocab_size != clip_bpe.SIZE:
        raise ModelError(f"{path} has {text.vocab_size:,} tokens and no tokenizer.json: add it from the model's origin.")
    return lambda texts: clip_bpe.encode(tokenizer or clip_bpe.shipped(), texts, text.max_position_embeddings)


def _siglip_tokens(path: Path, length: int) -> Tokens:
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The tokenizer in {path} cannot be loaded ({first[:200]}): add tokenizer.json from its origin."
        ) from None

    def tokens(texts: Sequence[str]) -> NDArray[np.int64]:
        clean = [clip_bpe.clean(text) for text in texts]
        rows = tokenizer(clean, padding="max_length", truncation=True, max_length=length)["input_ids"]
        return np.array(rows, dtype=np.int64)

    return tokens
