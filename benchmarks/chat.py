"""Conversation models beside transformers' own `generate`: time to the first token, tokens a second, and the second question.

One random model of the LLaVA kind (about 70 million parameters, a picture of 336 px as 576 tokens) answers the same question
by both, in turns; the answers must be equal. The processor time of the whole process counts as well as the time on the wall,
as other work on the machine disturbs the latter. The least of the rounds is taken of each, and the ratio from these.

python benchmarks/chat.py [--rounds 5] [--tokens 48] [--threads 1]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast
from transformers.generation.streamers import BaseStreamer

from common import machine
from geoglot.core.protocols import Said
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import chats

BANDS = tuple(Band(name, name) for name in ("red", "green", "blue"))
Took = tuple[float, float]


def made(folder: Path) -> None:
    """Save a random model with a tokenizer of bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: k for k, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    words = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>", bos_token="<s>")
    words.add_special_tokens({"additional_special_tokens": ["<image>"]})
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=384, intermediate_size=1536, num_hidden_layers=12, num_attention_heads=6, image_size=336, patch_size=14
    )
    text = LlamaConfig(
        hidden_size=512, intermediate_size=1408, num_hidden_layers=12, num_attention_heads=8, vocab_size=16000,
        max_position_embeddings=2048,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision.to_dict(), text_config=text.to_dict(), image_token_index=words.convert_tokens_to_ids("<image>")
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    words.save_pretrained(folder)


def took(work: Callable[[], Any]) -> tuple[Any, Took]:
    """What work gives, and its seconds on the wall and of the processor."""
    wall, own = time.perf_counter(), time.process_time()
    found = work()
    return found, (time.perf_counter() - wall, time.process_time() - own)


def ours(chat: Any, turns: list[Said], pictures: list[Raster]) -> tuple[list[int], Took, Took]:
    """Tokens of our answer, and the time to the first and to the last."""
    wall, own = time.perf_counter(), time.process_time()
    first, ids = None, []
    for token, _ in chat._speak(chat.prompt(turns, pictures)):
        first = first or (time.perf_counter() - wall, time.process_time() - own)
        ids.append(token)
    assert first is not None
    return ids, first, (time.perf_counter() - wall, time.process_time() - own)


class First(BaseStreamer):
    """Marks when the first token of an answer is there; what comes before it is the prompt."""

    def __init__(self) -> None:
        self.wall, self.own = time.perf_counter(), time.process_time()
        self.times: list[Took] = []

    def put(self, value: Any) -> None:
        """Take a time."""
        self.times.append((time.perf_counter() - self.wall, time.process_time() - self.own))

    def end(self) -> None:
        """Nothing is left to do."""


def theirs(chat: Any, turns: list[Said], pictures: list[Raster], tokens: int) -> tuple[list[int], Took, Took]:
    """The same by `generate`. Pixels and token ids are made by us for both."""
    clock = First()
    prompt = chat.prompt(turns, pictures)
    ids = torch.tensor([prompt.ids])
    pixels = torch.stack([chat.pixels(*one) for one in zip(prompt.pictures, prompt.layouts, strict=True)])
    with torch.inference_mode():
        out = chat.model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels, max_new_tokens=tokens,
            min_new_tokens=tokens, do_sample=False, pad_token_id=0, streamer=clock,
        )  # fmt: skip
    return [int(token) for token in out[0, ids.shape[1] :]], clock.times[1], clock.times[-1]


def least(times: list[Took]) -> Took:
    """The least seconds on the wall and of the processor."""
    return min(wall for wall, _ in times), min(own for _, own in times)


def row(name: str, own: Took, other: Took, unit: str, more: float = 1.0) -> None:
    """Print ours, theirs and how many times better ours is, on the wall and by the processor."""
    if unit == "s":
        told = [f"{own[k]:8.3f} s {other[k]:8.3f} s {other[k] / own[k]:6.2f}x" for k in (0, 1)]
    else:
        told = [f"{more / own[k]:6.1f} t/s {more / other[k]:6.1f} t/s {other[k] / own[k]:6.2f}x" for k in (0, 1)]
    print(f"{name:34}{told[0]}   |{told[1]}")


def one_round(chat: Any, turns: list[Said], more: list[Said], batch: list[Any], times: dict[str, list[Took]]) -> None:
    """Ours and theirs in turns; raises SystemExit where their answers differ."""
    pictures, tokens = batch[0][1], chat.answer

    def rest(first: Took, whole: Took) -> Took:
        return whole[0] - first[0], whole[1] - first[1]

    def alone() -> None:
        for one in batch:
            chat.forget()
            chat.reply(*one)

    chat.forget()
    own, first, whole = ours(chat, turns, pictures)
    times["first"].append(first)
    times["rest"].append(rest(first, whole))
    times["again"].append(ours(chat, more, pictures)[1])
    same, first, whole = theirs(chat, turns, pictures, tokens)
    times["their first"].append(first)
    times["their rest"].append(rest(first, whole))
    times["their again"].append(theirs(chat, more, pictures, 2)[1])
    if own != same:
        raise SystemExit(f"the answers differ: {own} and {same}")
    chat.forget()
    times["together"].append(took(lambda: chat.replies(batch))[1])
    times["one by one"].append(took(alone)[1])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        made(Path(folder))
        chat: Any = chats.load(folder, device="cpu", dtype="float32")
    chat.answer, chat.ends = options.tokens, frozenset()
    rng = np.random.default_rng(0)
    pictures = [Raster(rng.random((3, 512, 512), dtype=np.float32), np.ones((512, 512), bool), None, BANDS) for _ in range(4)]
    turns = [Said("user", "How many ships are in the harbour, and where do they lie?", (0,))]
    more = [*turns, Said("assistant", "three of them"), Said("user", "Which is the largest?")]
    batch = [(said, [picture]) for said, picture in zip((turns, more, turns, more), pictures, strict=True)]
    names = ("first", "rest", "again", "their first", "their rest", "their again", "together", "one by one")
    times: dict[str, list[Took]] = {name: [] for name in names}
    for _ in range(options.rounds):
        one_round(chat, turns, more, batch, times)
    count = sum(value.numel() for value in chat.model.parameters())
    found = {name: least(each) for name, each in times.items()}
    print(machine())
    load = os.getloadavg()[0]
    print(f"{count / 1e6:.0f} M parameters, {options.threads} threads, load {load:.1f}, least of {options.rounds} rounds")
    print(f"{'':34}{'on the wall: ours, generate, ratio':38}|{' by the processor':38}")
    row("time to the first token", found["first"], found["their first"], "s")
    row("tokens a second after it", found["rest"], found["their rest"], "t/s", options.tokens - 1)
    row("second question, first token", found["again"], found["their again"], "s")
    row("4 questions together, or alone", found["together"], found["one by one"], "s")


if __name__ == "__main__":
    main()
