"""Caption metrics beside pycocoevalcap: equal figures, and how many times as fast.

Captions are made up, as many and as long as those of a usual test set (1,000 images, five different references of about
eleven words each), or the real ones of a JSON lines file with `captions` in each row. Both programs get them tokenized. The
least processor time of some rounds counts, as other work on the machine disturbs that least.

python benchmarks/captioning.py [--captions aid_rsicd.jsonl] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pycocoevalcap.bleu.bleu import Bleu as TheirBleu
from pycocoevalcap.cider.cider import Cider as TheirCider
from pycocoevalcap.rouge.rouge import Rouge as TheirRouge

from common import machine
from geoglot.metrics.bleu import Bleu
from geoglot.metrics.captions import Corpus
from geoglot.metrics.cider import Cider
from geoglot.metrics.rouge import Rouge
from geoglot.text import ptb

Pairs = tuple[list[str], list[list[str]]]


def made_up(count: int = 1000, seed: int = 0) -> Pairs:
    """Answers and references in a vocabulary of 1,000 words whose frequencies fall as in language."""
    rng = random.Random(seed)
    words = [f"word{i}" for i in range(1000)]
    share = [1 / (i + 2) for i in range(1000)]

    def sentence(topic: list[str]) -> str:
        return " ".join(rng.choice(topic) for _ in range(max(4, round(rng.gauss(11, 3)))))

    topics = [rng.choices(words, share, k=12) for _ in range(count)]
    return [sentence(topic) for topic in topics], [[sentence(topic) for _ in range(5)] for topic in topics]


def real(path: Path, count: int = 1000) -> Pairs:
    """References of the first rows that have several, the answer of each being a reference of the row before."""
    rows = [json.loads(line)["captions"] for line in path.read_text(encoding="utf-8").splitlines()]
    references = [[ptb.tokenize(text) for text in texts] for texts in rows if len(texts) > 1][:count]
    return [references[i - 1][0] for i in range(len(references))], references


def seconds(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    answers, references = made_up() if options.captions is None else real(options.captions)
    theirs_answers, theirs_references = {i: [text] for i, text in enumerate(answers)}, dict(enumerate(references))

    def one(made: Callable[[], Any]) -> Callable[[], dict[str, float]]:
        def work() -> dict[str, float]:
            metric = made()
            metric.add(answers, references)
            return dict(metric.result())

        return work

    def together() -> dict[str, float]:
        corpus = Corpus.of(answers, references)
        bleu, cider, rouge = Bleu(), Cider(), Rouge()
        bleu.add(answers, references, corpus)
        cider.add(answers, references, corpus)
        rouge.add(answers, references, corpus)
        return bleu.result() | rouge.result() | cider.result()

    def their(made: Callable[[], Any], **more: Any) -> Callable[[], Any]:
        return lambda: made().compute_score(theirs_references, theirs_answers, **more)[0]

    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "BLEU-1 to 4": (one(Bleu), their(TheirBleu, verbose=0)),
        "ROUGE-L": (one(Rouge), their(TheirRouge)),
        "CIDEr-D": (one(Cider), their(TheirCider)),
    }
    pairs["all three"] = (
        together,
        lambda: [*pairs["BLEU-1 to 4"][1](), pairs["ROUGE-L"][1](), pairs["CIDEr-D"][1]()],
    )
    print(f"{machine()}; {len(answers):,} images, {sum(map(len, references)):,} references\n")
    print("| metric | geoglot | pycocoevalcap | times as fast | largest difference |\n|---|---|---|---|---|")
    for name, (own, other) in pairs.items():
        best_own = best_other = float("inf")
        for _ in range(options.rounds):
            for _ in range(4):
                mine, took = seconds(own)
                best_own = min(best_own, took)
            given, took = seconds(other)
            best_other = min(best_other, took)
        values = given if isinstance(given, list) else [given]
        far = max(abs(a - b) for a, b in zip(mine.values(), values, strict=True))
        print(f"| {name} | {1000 * best_own:.1f} ms | {1000 * best_other:.0f} ms | {best_other / best_own:.1f} | {far:.0e} |")


if __name__ == "__main__":
    main()
