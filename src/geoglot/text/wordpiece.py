"""The WordPiece tokenizer of the text towers: a pruned vocabulary, and token ids as padded arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def load(text: str, longest: int) -> Tokenizer:
    """Read a tokenizer from its JSON text; texts longer than ``longest`` tokens are cut, shorter ones padded."""
    tokenizer = Tokenizer.from_str(text)
    tokenizer.enable_truncation(longest)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]"), pad_token="[PAD]")
    return tokenizer


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give token ids (B, T) and which of them are real (B, T)."""
    rows = tokenizer.encode_batch(list(texts))
    ids = np.array([row.ids for row in rows], dtype=np.int64)
    return ids, np.array([row.attention_mask for row in rows], dtype=bool)


def prune(text: str, wanted: Iterable[str], size: int) -> tuple[str, NDArray[np.int64]]:
    """Cut the vocabulary of a WordPiece tokenizer (its JSON text) down to ``size`` entries.

    Kept: the special tokens, every token that occurs in the ``wanted`` texts, all ASCII letters, digits and their
    continuations, then ASCII entries in their old order, which is roughly that of frequency. Gives the new JSON text
    and the old id of every new id: rows of the embedding table are taken in that order.
    """
    old = Tokenizer.from_str(text)
    old.no_padding()
    old.no_truncation()
    keep: set[int] = {i for i in map(old.token_to_id, SPECIAL) if i is not None}
    for row in old.encode_batch(list(wanted)):
        keep.update(row.ids)
    vocabulary = sorted(old.get_vocab().items(), key=lambda item: item[1])
    plain = [(t, i) for t, i in vocabulary if t.isascii() and not t.startswith("[")]
    keep.update(i for t, i in plain if len(t.removeprefix("##")) == 1)
    for _, i in plain:
        if len(keep) >= size:
            break
        keep.add(i)
    ids = sorted(keep)
    names = {i: t for t, i in vocabulary}
    tree = json.loads(text)
    new = {names[i]: k for k, i in enumerate(ids)}
    tree["model"]["vocab"] = new
    tree["added_tokens"] = [row | {"id": new[row["content"]]} for row in tree["added_tokens"] if row["content"] in new]
    for name, row in tree["post_processor"]["special_tokens"].items():
        row["ids"] = [new[name]]
    tree["padding"] = tree["truncation"] = None
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")), np.array(ids, dtype=np.int64)
