"""Caption metrics: figures by hand, of pycocoevalcap where it is installed, merged parts, and the words of Java's program."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglot.core.errors import NotFoundError
from geoglot.metrics import meteor
from geoglot.metrics.bleu import Bleu
from geoglot.metrics.cider import Cider
from geoglot.metrics.meteor import Meteor
from geoglot.metrics.rouge import Rouge
from geoglot.text import ptb

Pairs = tuple[list[str], list[list[str]]]
CLASSES: tuple[Callable[[], Any], ...] = (Bleu, Cider, Rouge)


def made_up(count: int = 60, seed: int = 0) -> Pairs:
    """Answers and one to five references in a small vocabulary, with an empty and a one-word caption among them."""
    rng = random.Random(seed)
    words = "a the many trees houses near river white boats in and road planes are".split()

    def sentence() -> str:
        return " ".join(rng.choice(words) for _ in range(rng.randint(1, 14)))

    references = [[sentence() for _ in range(rng.randint(1, 5))] for _ in range(count)]
    answers = [rng.choice(rng.choice([refs, [sentence()]])) for refs in references]
    answers[1], answers[2], references[3] = "", "trees", ["", "many trees"]
    references[4] = references[4] * 3
    return answers, references


def figures(made: Callable[[], Any], pairs: Pairs) -> dict[str, float]:
    metric = made()
    metric.add(*pairs)
    return dict(metric.result())


def published(pairs: Pairs) -> dict[str, float]:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed")
    from pycocoevalcap.bleu.bleu import Bleu as TheirBleu
    from pycocoevalcap.cider.cider import Cider as TheirCider
    from pycocoevalcap.rouge.rouge import Rouge as TheirRouge

    answers = {i: [text] for i, text in enumerate(pairs[0])}
    references = dict(enumerate(pairs[1]))
    bleu = TheirBleu().compute_score(references, answers, verbose=0)[0]
    return {f"bleu{i + 1}": value for i, value in enumerate(bleu)} | {
        "cider": TheirCider().compute_score(references, answers)[0],
        "rouge_l": TheirRouge().compute_score(references, answers)[0],
    }


def own(pairs: Pairs) -> dict[str, float]:
    return {name: value for made in CLASSES for name, value in figures(made, pairs).items()}


def test_bleu_and_rouge_by_hand() -> None:
    pairs = (["a b c d"], [["a b x d e", "a c"]])
    found = own(pairs)
    # clipped words 4/4 (a, b, d from the first, c from the second); pairs 1/3; the closest length of 5 and 2 is 5
    assert found["bleu1"] == pytest.approx(np.exp(1 - 5 / 4), abs=1e-6)
    assert found["bleu2"] == pytest.approx(np.exp(1 - 5 / 4) * np.sqrt(1 / 3), abs=1e-6)
    precision, recall = 3 / 4, 1.0
    assert found["rouge_l"] == pytest.approx(2.44 * precision * recall / (recall + 1.44 * precision))


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_pycocoevalcap(seed: int) -> None:
    pairs = made_up(seed=seed)
    assert own(pairs) == pytest.approx(published(pairs), abs=1e-9)


WORD = st.sampled_from("a b c dd".split())
SENTENCE = st.lists(WORD, max_size=9).map(" ".join)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SENTENCE, st.lists(SENTENCE, min_size=1, max_size=4)), min_size=2, max_size=6))
def test_any_captions_have_the_figures_of_pycocoevalcap(rows: list[tuple[str, list[str]]]) -> None:
    pairs = ([answer for answer, _ in rows], [texts for _, texts in rows])
    if not any(text for texts in pairs[1] for text in texts):
        return  # pycocoevalcap finds no run of words at all and fails
    assert own(pairs) == pytest.approx(published(pairs), abs=1e-9)


def test_long_words_and_captions_have_the_figures_of_pycocoevalcap() -> None:
    rng = random.Random(5)
    words = ["a", "residential", "residentials", "internationalisation", "internationalisations", "größere", "x" * 30]
    pairs = (
        [" ".join(rng.choice(words) for _ in range(size)) for size in (70, 130, 64, 65, 3)],
        [[" ".join(rng.choice(words) for _ in range(size)) for size in (9, 80, 64)] for _ in range(5)],
    )
    assert own(pairs) == pytest.approx(published(pairs), abs=1e-9)


@pytest.mark.parametrize("made", CLASSES)
def test_merged_parts_equal_the_whole_and_weights_repeat(made: Callable[[], Any]) -> None:
    answers, references = made_up()
    parts = [made() for _ in range(3)]
    for k, part in enumerate(parts):
        part.add(answers[k * 20 : k * 20 + 20], references[k * 20 : k * 20 + 20])
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    whole = made()
    whole.add(answers, references)
    assert parts[0].result() == pytest.approx(whole.result())
    assert whole.result(np.full(60, 3.0)) == pytest.approx(whole.result(), abs=1e-6)
    if made is not Cider:  # whose rarities stay those of all pictures
        first = made()
        first.add(answers[:20], references[:20])
        assert whole.result(np.r_[np.ones(20), np.zeros(40)]) == pytest.approx(first.result())


def test_meteor_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    metric = Meteor()
    metric.add(["trees"], [["trees"]])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotFoundError, match="Java"):
        metric.result()


@pytest.mark.slow
def test_meteor_runs() -> None:
    if meteor.missing() is not None:
        pytest.skip(str(meteor.missing()))
    first, second = Meteor(), Meteor()
    first.add(["many trees near a river"], [["many trees are near a river", "a river and trees"]])
    second.add(["boats"], [["boats"]])
    first.merge(second)
    assert 0.3 < first.result()["meteor"] < 0.9


# Each with the words that Java's program gave.
WORDS = {
    "many planes , parked next to a building .": "many planes parked next to a building",
    "Don't walk; it's John's. They can't, won't or cannot.": "do n't walk it 's john 's they ca n't wo n't or can not",
    "A 3.5 m (10 ft) wide road, 50% paved!": "a 3.5 m -lrb- 10 ft -rrb- wide road 50 % paved",
    "two-storey houses and/or sheds": "two-storey houses and/or sheds",
    "e.g. a U.S. airport, i.e. big": "e.g. a u.s. airport i.e. big",
    "3,000 cars; 1/2 empty": "3,000 cars 1/2 empty",
    "the 2nd one at 12:30": "the 2nd one at 12:30",
    "a building like p#q in it .": "a building like p #q in it",
    "in b.there are": "in b.there are",
    "boats' docks, a 3-lane road... 3-4 trees": "boats docks a 3-lane road 3-4 trees",
    "approx. 3 trees etc. near St. John": "approx 3 trees etc. near st. john",
}


@pytest.mark.parametrize("text", WORDS)
def test_words_are_those_of_the_treebank_program(text: str) -> None:
    assert ptb.tokenize(text) == WORDS[text]


@pytest.mark.slow
def test_words_of_all_real_captions_are_those_of_the_treebank_program(real_data: Path) -> None:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    lines = [json.loads(line) for name in ("aid_rsicd", "ucm_captions_qa") for line in (real_data / f"{name}.jsonl").open()]
    texts = sorted({text for row in lines for text in row["captions"]} | set(WORDS))
    found = PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    assert len(texts) > 16000
    assert [text for i, text in enumerate(texts) if found[i][0] != ptb.tokenize(text)] == []
