"""Word pieces of the small language model: learned from its texts, with marks that no text can contain."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

PAD, UNKNOWN, ASK, SAY, END, LOCATE, ALL = MARKS = ("[PAD]", "[UNK]", "[ASK]", "[SAY]", "[END]", "[LOC]", "[ALL]")
TIGHT = re.compile(r" (?=[.,;:?!%')])|(?<=[('])(?: )")
JOINED = re.compile(r"(?<=\w) - (?=\w)")


def learn(texts: Iterable[str], size: int) -> str:
    """Learn at most ``size`` pieces (WordPiece, small letters) of texts; gives the tokenizer's JSON text."""
    made = Tokenizer(models.WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=64))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=2, special_tokens=list(MARKS), continuing_subword_prefix="##", show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    tree = json.loads(made.to_str())
    tree["added_tokens"] = []  # else a mark in what a user writes would be taken for one
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


class Pieces:
    """Texts as numbers and back; texts never become marks, whatever they contain."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokenizer = Tokenizer.from_str(text)
        self.pad, self.unknown, self.ask, self.say, self.end, self.locate, self.all = (
            int(self.tokenizer.token_to_id(mark) or 0) for mark in MARKS
        )

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def ids(self, text: str) -> list[int]:
        """The pieces of a text."""
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def said(self, answer: str) -> list[int]:
        """The pieces of an answer, which may be one of the marks that a box stands for, and its end."""
        marks = {LOCATE: [self.locate], ALL: [self.all]}
        return [*(marks.get(answer) or self.ids(answer)), self.end]

    def one(self, word: str) -> int:
        """The piece of a short word; the first of several."""
        return self.ids(word)[0]

    def words(self, ids: Sequence[int]) -> str:
        """The text of pieces, without marks, punctuation at the word before it."""
        plain = self.tokenizer.decode([i for i in ids if i >= len(MARKS)], skip_special_tokens=False)
        return JOINED.sub("-", TIGHT.sub("", plain)).strip()
