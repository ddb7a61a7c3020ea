"""CLIP's byte-pair tokenizer through the `tokenizers` library: from a checkpoint's own files, or from the shipped merges.

Cleaning and splitting follow Radford et al. 2021 (arXiv 2103.00020): HTML entities undone twice, white space collapsed,
lower case; contractions, runs of letters, single digits and runs of other signs are the words. Mojibake is not repaired.
"""

from __future__ import annotations

import gzip
import html
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from geoglot.core.errors import ModelError

MERGES = Path(__file__).resolve().parent.parent / "weights" / "clip_merges.txt.gz"
START, END = "<|startoftext|>", "<|endoftext|>"
SIZE = 49408
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def clean(text: str) -> str:
    """Undo HTML entities, collapse white space, lower the case."""
    return " ".join(html.unescape(html.unescape(text)).split()).lower()


@cache
def shipped() -> Tokenizer:
    """Give the tokenizer of CLIP with its 49,408 tokens, from the merges that come with the package."""
    with gzip.open(MERGES, "rt", encoding="utf-8") as file:
        merges = [(a, b) for a, b in (line.rstrip("\n").split(" ") for line in file)]
    return build(merges)


def build(merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """Make a CLIP tokenizer from its merges; the vocabulary is bytes, bytes that end a word, merges, start, end."""
    signs = _byte_signs()
    entries = [*signs, *(sign + "</w>" for sign in signs), *(a + b for a, b in merges), START, END]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges), end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    marks = [(START, vocabulary[START]), (END, vocabulary[END])]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=marks)
    return tokenizer


def of_folder(folder: Path) -> Tokenizer | None:
    """Read the tokenizer of a checkpoint's folder (`tokenizer.json`, or `merges.txt`); None where it has neither.

    Raises ModelError when the file cannot be read as a tokenizer.
    """
    whole, merges = folder / "tokenizer.json", folder / "merges.txt"
    try:
        if whole.exists():
            tokenizer = Tokenizer.from_file(str(whole))
            tokenizer.no_padding()
            return tokenizer
        if merges.exists():
            lines = merges.read_text(encoding="utf-8").splitlines()
            pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
            return build([(a, b) for a, b in pairs])
    except Exception as error:  # the library raises bare Exception for a malformed file
        raise ModelError(f"The tokenizer in {folder} cannot be read ({error}): fetch it again.") from None
    return None


def encode(tokenizer: Tokenizer, texts: Sequence[str], length: int) -> NDArray[np.int64]:
    """Give token ids (B, length): start, text, end, then zeros; longer texts are cut and still end with the end."""
    tokenizer.enable_truncation(length)
    ids = np.zeros((len(texts), length), dtype=np.int64)
    for row, encoded in zip(ids, tokenizer.encode_batch([clean(text) for text in texts]), strict=True):
        row[: len(encoded.ids)] = encoded.ids
    return ids


def _byte_signs() -> list[str]:
    """The printable sign of each byte in CLIP's order: bytes that print as themselves first, the others from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(plain)
    return [chr(code) for code in plain] + [chr(256 + number) for number in range(others)]
