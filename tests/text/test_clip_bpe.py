import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from geoglot.core.errors import ModelError
from geoglot.text import clip_bpe
from published_kit import GOLDENS, TEXTS, golden


@pytest.mark.parametrize("name", ["vit_gelu", "vit_quickgelu", "resnet"])
def test_ids_are_open_clips(name):
    assert (clip_bpe.encode(clip_bpe.shipped(), TEXTS, 77) == golden(name)["text_ids"]).all()


def test_vocabulary_and_ends():
    tokenizer = clip_bpe.shipped()
    assert tokenizer.get_vocab_size() == clip_bpe.SIZE == 49408
    assert tokenizer.token_to_id(clip_bpe.END) == 49407
    ids = clip_bpe.encode(tokenizer, ["", "ship " * 200], 77)
    assert ids[0, :3].tolist() == [49406, 49407, 0]
    assert ids[1, -1] == 49407
    assert (ids[1, 1:-1] == ids[1, 1]).all()


def test_cleaning():
    assert clip_bpe.clean("  Ships\n&amp;amp;\t HARBOUR ") == "ships & harbour"


def test_contractions_digits_and_other_scripts():
    # ids from the reference tokenizer of open_clip 3.3.0
    ids = clip_bpe.encode(clip_bpe.shipped(), ["It's 3m", "北京 école!!"], 12)
    back = {number: token for token, number in clip_bpe.shipped().get_vocab().items()}
    assert [back[i] for i in ids[0] if i][1:-1] == ["it</w>", "'s</w>", "3</w>", "m</w>"]
    assert 49407 in ids[1]


def test_tokenizer_of_a_folder(tmp_path):
    assert clip_bpe.of_folder(tmp_path) is None
    (tmp_path / "merges.txt").write_text("#version: 0.2\ni n\nt h\na n</w>\n", encoding="utf-8")
    small = clip_bpe.of_folder(tmp_path)
    assert small is not None
    assert small.get_vocab_size() == 512 + 3 + 2
    small.save(str(tmp_path / "tokenizer.json"))
    again = clip_bpe.of_folder(tmp_path)
    assert again is not None
    assert (clip_bpe.encode(again, TEXTS, 20) == clip_bpe.encode(small, TEXTS, 20)).all()
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        clip_bpe.of_folder(tmp_path)


def test_shipped_is_the_same_each_time():
    assert clip_bpe.shipped() is clip_bpe.shipped()
    assert isinstance(clip_bpe.shipped(), Tokenizer)
    assert json.loads((GOLDENS / "texts.json").read_text()) == TEXTS
    assert clip_bpe.encode(clip_bpe.shipped(), ["a"], 5).dtype == np.int64
