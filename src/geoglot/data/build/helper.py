"""A text-only language model that says things in other words, behind any OpenAI-compatible server; what it says is checked.

It sees words alone, never pictures: its answer is taken only where it keeps every number, box, name, colour, direction and denial
of the text that it was given, and adds none.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import requests

from geoglot.core.errors import NetworkError
from geoglot.data.conversations import MARK, Conversation
from geoglot.geo.write import write_text
from geoglot.text.claims import COLOURS, SIZES
from geoglot.text.sentences import DIRECTION, NUMBERS, plural

Work = Literal["rephrase", "clean"]
SYSTEM = {
    "rephrase": "Say the user's sentence in other words. Keep every number, name, colour, direction and <box:...> mark as it is, "
    "add nothing, leave nothing out. Answer with the sentence alone.",
    "clean": "Correct spelling and grammar of the user's sentence. Change nothing else. Answer with the sentence alone.",
}
SHORT = 6  # words of an answer below which it stays as it is
LONGEST = 3.0  # how many times longer than the text its answer may be
DENIAL = re.compile(r"\b(?:no|not|none|never|neither|nothing|cannot|without|[a-z]+n't)\b", re.IGNORECASE)
_NUMBER = re.compile(rf"\d+(?:\.\d+)?|\b(?:{'|'.join(NUMBERS[1:])})\b", re.IGNORECASE)
_WORDS = re.compile(rf"\b(?:{'|'.join([*COLOURS, *SIZES])})\b", re.IGNORECASE)
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


def keeps(text: str, new: str, names: Collection[str] = ()) -> str | None:
    """Why a new wording is not as true as the text, None where it is. ``names`` are the words for things."""
    plain = new.strip()
    if not plain or "\n" in plain or len(plain) > LONGEST * len(text) + 40:
        return "empty, of several lines, or too long"
    if MARK.findall(text) != MARK.findall(plain):
        return "other boxes"
    old_words, new_words = MARK.sub(" ", text), MARK.sub(" ", plain)
    if _numbers(old_words) != _numbers(new_words):
        return "other numbers"
    for what, pattern in (("colours or sizes", _WORDS), ("directions", DIRECTION)):
        if {w.lower() for w in pattern.findall(old_words)} != {w.lower() for w in pattern.findall(new_words)}:
            return f"other {what}"
    if bool(DENIAL.search(old_words)) != bool(DENIAL.search(new_words)):
        return "a denial more or less"
    if re.search(r"[<>{}\[\]|]", new_words) and not re.search(r"[<>{}\[\]|]", old_words):
        return "marks of its own"
    if _named(old_words, names) != _named(new_words, names):
        return "other things"
    return None


def _numbers(text: str) -> Counter[float]:
    words = {word: float(number) for number, word in enumerate(NUMBERS)}
    return Counter(words.get(found.lower(), -1.0) if found.isalpha() else float(found) for found in _NUMBER.findall(text))


def _named(text: str, names: Collection[str]) -> set[str]:
    low = text.lower()
    return {name for name in names if re.search(rf"\b(?:{re.escape(name.lower())}|{re.escape(plural(name.lower()))})\b", low)}


@dataclass
class Helper:
    """Asks a model at `url` (as `http://127.0.0.1:8000/v1`); answers are kept in `cache`, a folder, by request.

    A request that gets no answer within `timeout` seconds, or one of the errors that pass, is repeated `retries` times, each time
    after twice as long a `pause`. `taken` and `refused` count answers; `why` counts the reasons.
    """

    url: str
    model: str
    key: str | None = None
    timeout: float = 30.0
    retries: int = 3
    pause: float = 0.5
    cache: Path | None = None
    temperature: float = 0.7
    taken: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self.why: Counter[str] = Counter()
        self._session = requests.Session()
        if self.key is not None:
            self._session.headers["Authorization"] = f"Bearer {self.key}"

    def say(self, text: str, names: Collection[str] = (), work: Work = "rephrase", seed: int = 0) -> str:
        """The text in the model's words where they say the same, else the text itself. Raises NetworkError."""
        new = self.ask(SYSTEM[work], text, seed)
        why = "no text" if new is None else keeps(text, _bare(new), names)
        if new is None or why is not None:
            self.refused += 1
            self.why[str(why)] += 1
            return text
        self.taken += 1
        return _bare(new)

    def reworded(self, conversation: Conversation, names: Collection[str] = (), seed: int = 0) -> Conversation:
        """A conversation with its requests and longer answers in other words; short answers and boxes stay."""
        turns = []
        for turn in conversation.turns:
            short = turn.role != "user" and len(turn.text.split()) < SHORT
            turns.append(turn if short else replace(turn, text=self.say(turn.text, names, seed=seed)))
        return replace(conversation, turns=tuple(turns))

    def ask(self, system: str, text: str, seed: int = 0) -> str | None:
        """What the model answers, from the cache where it was asked before; None for an answer without text.

        Raises NetworkError where nobody answers, or the server refuses.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}],
            "temperature": self.temperature,
            "seed": seed,
            "max_tokens": 64 + 2 * len(text.split()),
        }
        kept = None if self.cache is None else self.cache / f"{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32]}.json"
        if kept is not None and kept.exists():
            return _content(kept.read_text(encoding="utf-8"))
        raw = self._post(body)
        found = _content(raw)
        if kept is not None and found is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_text(kept, raw)
        return found

    def _post(self, body: dict[str, Any]) -> str:
        told = ""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                answer = self._session.post(f"{self.url.rstrip('/')}/chat/completions", json=body, timeout=self.timeout)
            except requests.RequestException as error:
                told = type(error).__name__
                continue
            if answer.status_code < 400:
                return answer.text
            told = f"status {answer.status_code}: {answer.text[:120]}"
            if answer.status_code not in _AGAIN:
                raise NetworkError(f"{self.url} refuses ({told}): check the address, the model's name and the key.")
        raise NetworkError(f"{self.url} does not answer after {self.retries + 1} attempts ({told}): is the server running?")


def _content(raw: str) -> str | None:
    try:
        found = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _bare(text: str) -> str:
    """What it says, without a model's thoughts and quotation marks."""
    plain = re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL).strip()
    return plain[1:-1].strip() if len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "\"'" else plain
