"""The classic baseline of captions and questions, trained from scratch on the training split: what the data alone gives.

Captions of UC Merced or of AID (RSICD's), answers to UC Merced's questions that people made. The epoch is chosen on the
validation split; with `--split test` the test split is answered once, by the chosen one.

python -m geoglot.evals.classic captions ucm --root ../shared/data [--split test]
python -m geoglot.evals.classic answers ucm --root ../shared/data [--split test]
"""

from __future__ import annotations

import argparse
import copy
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geoglot.core.parts import find
from geoglot.core.progress import track
from geoglot.data.augment import plain
from geoglot.data.sample import Sample, Split
from geoglot.evals.figure import measured
from geoglot.metrics.answers import Answers
from geoglot.metrics.cider import Cider
from geoglot.nn.cnn_lstm import Answerer, Captioner
from geoglot.text import ptb
from geoglot.text.ptb import tokenize

SIDE, BATCH, RATE, SEED = 96, 64, 1e-3, 0
SOURCES = {"ucm": "ucm", "aid": "aid_rsicd"}


@dataclass(frozen=True)
class Part:
    """A split: pictures (N, 3, S, S) in bytes, and the samples."""

    pixels: Tensor
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, source: str, root: Path, split: Split) -> Part:
        """Read a split whole."""
        samples = tuple(find("data.sources", SOURCES[source]).rows(root, split))
        made = [plain(torch.from_numpy(np.array(sample.pictures[0].read()))[None], SIDE).pixels[0] for sample in samples]
        return cls((torch.stack(made) * 255).round().to(torch.uint8), samples)

    def seen(self, rows: Sequence[int], rng: np.random.Generator | None = None) -> Tensor:
        """Pictures as numbers; with `rng` mirrored at random."""
        pixels = self.pixels[list(rows)].float() / 255
        if rng is not None and rng.random() < 0.5:
            pixels = pixels.flip(-1)
        return pixels


class Words:
    """Words by number: 0 to 3 fill up, begin, end and are unknown."""

    def __init__(self, texts: Sequence[Sequence[str]], least: int = 2) -> None:
        count = Counter(word for text in texts for word in text)
        self.known = ["", "<begin>", "<end>", "<unknown>", *sorted(word for word, many in count.items() if many >= least)]
        self.place = {word: k for k, word in enumerate(self.known)}

    def ids(self, text: Sequence[str]) -> list[int]:
        """Numbers of words."""
        return [self.place.get(word, 3) for word in text]

    def text(self, ids: Sequence[int]) -> str:
        """Words of numbers."""
        return " ".join(self.known[k] for k in ids)


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows (B, T) filled up with 0 at their end."""
    wide = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (wide - len(row))] for row in rows])


def batches(count: int, rng: np.random.Generator) -> list[list[int]]:
    """All rows once, in any order."""
    order = rng.permutation(count)
    return [order[k : k + BATCH].tolist() for k in range(0, count, BATCH)]


def captions(train: Part, val: Part, test: Part, epochs: int) -> tuple[dict[str, Any], list[str]]:
    """Train a captioner; its figures on validation and what it says of `test`."""
    told = [[ptb.words(text) for text in sample.captions] for sample in train.samples]
    words = Words([text for texts in told for text in texts])
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    model = Captioner(len(words.known))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-4)
    best: tuple[float, int, Any] = (-1.0, 0, None)
    with track(epochs, "classic captions", "epochs") as shown:
        for epoch in range(epochs):
            model.train()
            for rows in batches(len(train.samples), rng):
                chosen = [told[k][int(rng.integers(len(told[k])))] for k in rows]
                ids = padded([[model.BEGIN, *words.ids(text), model.END] for text in chosen])
                logits = model(train.seen(rows, rng), ids[:, :-1])
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=0)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            figure = cider(said(model, words, val), val)
            if figure > best[0]:
                best = figure, epoch + 1, copy.deepcopy(model.state_dict())
            shown.advance(1)
    model.load_state_dict(best[2])
    return {"epoch": best[1], "validation cider": round(best[0], 3)}, said(model, words, test)


def said(model: Captioner, words: Words, part: Part) -> list[str]:
    """Greedy captions of a split."""
    model.eval()
    made = []
    for start in range(0, len(part.samples), BATCH):
        made += model.caption(part.seen(range(start, min(start + BATCH, len(part.samples)))))
    return [words.text(ids) for ids in made]


def cider(given: Sequence[str], part: Part) -> float:
    """CIDEr-D of one caption a picture."""
    metric = Cider()
    metric.add([tokenize(text) for text in given], [[tokenize(text) for text in sample.captions] for sample in part.samples])
    return metric.result()["cider"]


def asked(part: Part) -> list[tuple[int, str, str]]:
    """Row, question and answer of what people asked."""
    return [
        (k, turn.question, turn.answer.strip().lower())
        for k, sample in enumerate(part.samples)
        for turn in sample.turns
        if "theme" not in turn.question.lower()
    ]


def answers(train: Part, val: Part, test: Part, epochs: int, blind: bool = False) -> tuple[dict[str, Any], Answers]:
    """Train an answerer; its figures on validation and its answers to `test`."""
    known, held, wanted = asked(train), asked(val), asked(test)
    words = Words([ptb.words(question) for _, question, _ in known], least=1)
    names = [name for name, _ in Counter(answer for _, _, answer in known).most_common()]
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    model = Answerer(len(words.known), len(names), blind=blind)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-3)
    best: tuple[float, int, Any] = (-1.0, 0, None)
    with track(epochs, "classic answers", "epochs") as shown:
        for epoch in range(epochs):
            model.train()
            for rows in batches(len(known), rng):
                some = [known[k] for k in rows]
                ids = padded([words.ids(ptb.words(question)) for _, question, _ in some])
                logits = model(train.seen([k for k, _, _ in some], rng), ids)
                loss = torch.nn.functional.cross_entropy(logits, torch.tensor([names.index(answer) for _, _, answer in some]))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            figure = judged(model, words, names, val, held).result()["accuracy"]
            if figure > best[0]:
                best = figure, epoch + 1, copy.deepcopy(model.state_dict())
            shown.advance(1)
    model.load_state_dict(best[2])
    return {"epoch": best[1], "validation accuracy": round(best[0], 1)}, judged(model, words, names, test, wanted)


@torch.no_grad()
def judged(model: Answerer, words: Words, names: Sequence[str], part: Part, some: Sequence[tuple[int, str, str]]) -> Answers:
    """Answers to questions, by the first word of the question."""
    model.eval()
    metric = Answers()
    for start in range(0, len(some), BATCH):
        rows = some[start : start + BATCH]
        ids = padded([words.ids(ptb.words(question)) for _, question, _ in rows])
        found = [names[k] for k in model(part.seen([k for k, _, _ in rows]), ids).argmax(1).tolist()]
        right = [one == answer for one, (_, _, answer) in zip(found, rows, strict=True)]
        metric.add(right, [question.split()[0].lower() for _, question, _ in rows])
    return metric


def run(what: str, source: str, root: Path, split: Split, epochs: int) -> dict[str, Any]:
    """Train on `train`, choose on `val`, report `split`."""
    train, val = (Part.of(source, root, part) for part in ("train", "val"))
    test = val if split == "val" else Part.of(source, root, split)
    report: dict[str, Any] = {"baseline": "CNN-LSTM from scratch", "source": source, "split": split}
    if what == "captions":
        chosen, given = captions(train, val, test, epochs)
        metric = Cider()
        truth = [[tokenize(text) for text in sample.captions] for sample in test.samples]
        metric.add([tokenize(text) for text in given], truth)
        return report | chosen | measured(metric, "cider", {}, len(given)).plain() | {"different": len(set(given))}
    for name, blind in (("picture and question", False), ("question alone", True)):
        chosen, metric_ = answers(train, val, test, epochs, blind)
        types = {kind: f"{share:.1f} (n {n})" for kind, (share, n) in metric_.per_type().items()}
        report[name] = chosen | measured(metric_, "accuracy", {}, len(metric_.right)).plain() | {"by first word": types}
    return report


def main() -> None:
    """Train and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("captions", "answers"))
    parser.add_argument("source", choices=tuple(SOURCES))
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--epochs", type=int, default=60)
    given = parser.parse_args()
    print(json.dumps(run(given.what, given.source, given.root, given.split, given.epochs), indent=1))


if __name__ == "__main__":
    main()
