import json

import numpy as np

from geoglot.text import wordpiece
from nano_kit import WORDS, tiny_tokenizer


def test_prune_keeps_specials_wanted_and_letters() -> None:
    text, rows = wordpiece.prune(tiny_tokenizer(), ["Forest by the water"], 17)
    kept = [WORDS[i] for i in rows]
    assert {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "forest", "by", "the", "water", "a", "##s"} <= set(kept)
    assert "harbour" not in kept
    assert list(json.loads(text)["model"]["vocab"]) == kept


def test_encode_pads_cuts_and_spells_out() -> None:
    text, _ = wordpiece.prune(tiny_tokenizer(), ["forest"], 14)
    tokenizer = wordpiece.load(text, 6)
    ids, mask = wordpiece.encode(tokenizer, ["forest", "forest " * 20, "zebra"])
    assert ids.shape == (3, 6)
    assert mask.sum(1).tolist() == [3, 6, 3]
    assert ids.dtype == np.int64
    assert ids[0, 0] == tokenizer.token_to_id("[CLS]")
