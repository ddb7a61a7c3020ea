"""Published conversation models: small random checkpoints of each family against transformers' own pixels, places and answers."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import geoglot as gg
from chat_kit import asked, picture, saved, small, words_of
from geoglot.core.errors import InputError, ModelError, NetworkError, NotFoundError
from geoglot.core.protocols import Chat, Said
from geoglot.models import chats
from geoglot.models.answering import Spoken
from geoglot.models.chats import _catalogue, _original
from geoglot.models.picture import to_bytes
from published_kit import COMMIT, hub

KINDS = ["llava", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("chats")
    return {kind: (root / kind, saved(root / kind, kind)) for kind in KINDS}


def opened(folders, kind):
    chat = chats.load(folders[kind][0], device="cpu", dtype="float32")
    chat.answer, ends = 12, chat.ends
    assert ends == {chat.tokenizer.eos_token_id}
    chat.ends = frozenset()  # a random model would rather end than talk
    return chat


def shown(raster):
    return Image.fromarray(to_bytes(raster, (0, 0, 0)))


def reference(folders, kind, chat, turns, pictures, count=12):
    """What transformers' own generate answers to the same ids and pixels."""
    model, prompt = folders[kind][1], chat.prompt(turns, pictures)
    ids = torch.tensor([prompt.ids])
    pixels = [chat.pixels(*one) for one in zip(prompt.pictures, prompt.layouts, strict=True)]
    more = {}
    if kind == "llava":
        more["pixel_values"] = torch.stack(pixels)
    else:
        more["pixel_values"] = torch.cat(pixels)
    if kind.startswith("qwen"):
        more["image_grid_thw"] = torch.tensor([[1, one.hw[0] * 2, one.hw[1] * 2] for one in prompt.layouts])
        more["mm_token_type_ids"] = (ids == chat.hole).int()
    made = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, pad_token_id=0, **more
    )
    return chat._decoded(made[0, ids.shape[1] :].tolist()).strip()


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_generate(folders, kind):
    chat = opened(folders, kind)
    assert isinstance(chat, Chat)
    turns = asked("what changed?", (0, 1))
    pictures = [picture(seed=1, time="2019-01-02", gsd=10.0), picture(56, 40, seed=2, time="2020-01-02", gsd=10.0)]
    expected = reference(folders, kind, chat, turns, pictures)
    answer = chat.reply(turns, pictures)
    assert answer.text == expected != ""
    assert 0 < answer.confidence <= 1
    assert "".join(chat.stream(turns, pictures)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_batches_answer_as_singles_do(folders, kind):
    chat = opened(folders, kind)
    pictures = [picture(seed=1), picture(24, 80, seed=2)]
    asks = [
        (asked("how many ships lie in the harbour?"), pictures[:1]),
        (asked("what?", (0, 1)), pictures),
        (asked("and without a picture?", ()), []),
    ]
    together = chat.replies(asks)
    chat.forget()
    alone = [chat.reply(*one) for one in asks]
    assert [one.text for one in together] == [one.text for one in alone]
    assert [one.confidence for one in together] == pytest.approx([one.confidence for one in alone], rel=1e-4)
    assert len({one.confidence for one in alone}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_question_runs_only_what_is_new(folders, kind):
    chat = opened(folders, kind)
    turns, pictures = asked("what is here?"), [picture(seed=3)]
    first = chat.reply(turns, pictures)
    looks, ran = [], []
    look, run = chat.look, chat.run
    chat.look = lambda *given: looks.append(1) or look(*given)
    chat.run = lambda x, *rest: ran.append(x.shape[1]) or run(x, *rest)
    more = [*turns, Said("assistant", first.text), Said("user", "how many?")]
    second = chat.reply(more, pictures)
    prompt = len(chat.prompt(more, pictures).ids)
    before = len(chat.prompt(turns, pictures).ids)
    assert not looks
    assert ran[0] <= prompt - before
    chat.forget()
    assert chat.reply(more, pictures).text == second.text
    assert looks == [1]
    assert ran[len(ran) // 2 :]


def test_pixels_of_llava_are_the_processors(folders):
    chat = opened(folders, "llava")
    square, wide = picture(48, 48), picture(40, 56)
    own = chat.pixels(square, chat.layout(square))
    size = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
    theirs = CLIPImageProcessorPil(**size)(shown(square), return_tensors="np")["pixel_values"][0]
    assert np.abs(own.numpy() - theirs).max() < 1e-5
    theirs = LlavaImageProcessorPil(**size, do_pad=True)(shown(wide), return_tensors="np")["pixel_values"][0]
    assert np.abs(chat.pixels(wide, chat.layout(wide)).numpy() - theirs).max() < 1e-5


@pytest.mark.parametrize("shape", [(40, 56), (200, 40), (8, 16), (320, 480)])
def test_pixels_of_qwen_are_the_processors(folders, shape):
    chat = opened(folders, "qwen2_vl")
    chat.least, chat.most = 28 * 28, 28 * 28 * 16
    raster = picture(*shape)
    layout = chat.layout(raster)
    processor = Qwen2VLImageProcessorPil(patch_size=7, min_pixels=chat.least, max_pixels=chat.most)
    theirs = processor(shown(raster), return_tensors="np")
    assert theirs["image_grid_thw"].tolist() == [[1, layout.hw[0] * 2, layout.hw[1] * 2]]
    assert np.abs(chat.pixels(raster, layout).numpy() - theirs["pixel_values"]).max() < 1e-5


@pytest.mark.parametrize("shape", [(40, 56), (200, 40), (8, 16), (64, 64), (320, 480)])
def test_pixels_of_internvl_are_the_processors(folders, shape):
    chat = opened(folders, "internvl")
    raster = picture(*shape)
    layout = chat.layout(raster)
    theirs = GotOcr2ImageProcessorPil(size={"height": 28, "width": 28}, crop_to_patches=True)(shown(raster), return_tensors="np")
    pixels = np.stack(list(theirs["pixel_values"]))
    own = chat.pixels(raster, layout).numpy()
    assert own.shape == pixels.shape
    assert np.abs(own - pixels).max() < 1e-5
    assert layout.count == len(own) * 4


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_places_of_qwen_are_transformers(folders, kind):
    chat, model = opened(folders, kind), folders[kind][1]
    prompt = chat.prompt(asked("a", (0, 1)), [picture(40, 56), picture(80, 24, seed=1)])
    ids = torch.tensor([prompt.ids])
    grid = torch.tensor([[1, one.hw[0] * 2, one.hw[1] * 2] for one in prompt.layouts])
    theirs, _ = model.model.get_rope_index(ids, image_grid_thw=grid, mm_token_type_ids=(ids == chat.hole).int())
    assert torch.equal(theirs[:, 0], chat.positions(prompt))


def test_too_long_is_told_before_work(tmp_path):
    saved(tmp_path, "llava", context=64)
    chat = chats.load(tmp_path, device="cpu", dtype="float32")
    chat.look = None
    with pytest.raises(InputError, match=r"has \d+ tokens .* reads 64 with its answer"):
        chat.reply(asked("x" * 80), [picture()])


@pytest.mark.parametrize(
    ("turns", "pictures", "match"),
    [
        ([], [], "ends with a question"),
        ([Said("user", "a"), Said("assistant", "b")], [], "ends with a question"),
        ([Said("user", "a"), Said("user", "b")], [], "take turns"),
        ([Said("user", "a", (1,))], [picture()], "names picture 1"),
        ([Said("user", "<image> a")], [], "a mark of the model's own"),
        ([Said("user", "a", (0,))], ["a.png"], "not a Raster"),
        ([Said("system", "a", (0,)), Said("user", "b")], [picture()], "before the user's text"),
    ],
)
def test_wrong_conversations(folders, turns, pictures, match):
    with pytest.raises(InputError, match=match):
        opened(folders, "llava").reply(turns, pictures)


def original(folder, kind, inside):
    """A small LLaVA in its authors' layout, with its encoder in the checkpoint or in a folder of its own; the model, too."""
    words = words_of("llava")
    model = small("llava", words)
    (folder / "clip").mkdir(parents=True)
    tower = model.model.vision_tower
    CLIPVisionModel.from_pretrained(None, config=tower.config, state_dict=tower.state_dict()).save_pretrained(folder / "clip")
    state = {}
    for name, value in model.state_dict().items():
        if name.startswith("model.vision_tower."):
            if inside:
                state[name.replace("model.vision_tower.", "model.vision_tower.vision_tower.vision_model.")] = value
        elif "linear_" in name:
            layer = {"1": "0", "2": "2"}[name.split("linear_")[1][0]]
            state[f"model.mm_projector.{layer}.{name.rpartition('.')[2]}"] = value
        else:
            state[name.replace("model.language_model.", "model.")] = value
    names = sorted(state)
    for number, part in enumerate((names[:5], names[5:])):
        torch.save({name: state[name] for name in part}, folder / f"pytorch_model-{number}.bin")
    text = model.config.text_config.to_dict()
    more = {"mm_vision_tower": str(folder / "clip"), "mm_projector_type": "mlp2x_gelu", "mm_vision_select_layer": -2}
    (folder / "config.json").write_text(json.dumps({**text, **more, "model_type": kind}))
    words.save_pretrained(folder)
    return model


@pytest.mark.parametrize("inside", [True, False])
def test_llava_in_its_authors_layout(tmp_path, folders, inside):
    original(tmp_path / "made", "llava", inside)
    chat, same = chats.load(tmp_path / "made", device="cpu", dtype="float32"), opened(folders, "llava")
    chat.answer, chat.ends = 12, frozenset()
    assert chat.reply(asked(), [picture()]) == same.reply(asked(), [picture()])


def test_geochat_sees_more(tmp_path, monkeypatch):
    monkeypatch.setattr(_original, "SIDES", {"geochat": 42})
    model = original(tmp_path / "made", "geochat", False)
    chat = gg.load(tmp_path / "made", device="cpu", dtype="float32")
    assert chat.layout(picture()).count == 36
    assert (chat.codec, chat.means) == ("geochat", {"space": "square"})
    chat.answer = 4
    assert chat.reply(asked(), [picture()]).confidence > 0
    own = model.model.vision_tower.embeddings.position_embedding.weight
    large = chat.model.model.vision_tower.embeddings.position_embedding.weight
    assert (len(own), len(large)) == (17, 37)
    torch.testing.assert_close(large[[0, 1, 6, 31, 36]], own[[0, 1, 4, 13, 16]])  # corners stay where they are


def test_boxes_are_read_in_the_syntax_of_the_family(folders):
    pytest.importorskip("geoglot.text.codec")
    raster = picture(40, 80)
    told = {
        "llava": ("", None),
        "qwen2_vl": ("a <|box_start|>(250,500),(500,1000)<|box_end|>", (0.25, 0.5, 0.5, 1.0)),
        "qwen2_5_vl": ('[{"bbox_2d": [21, 21, 42, 42], "label": "ship"}]', (0.25, 0.5, 0.5, 1.0)),
        "qwen3_vl": ('[{"bbox_2d": [250, 500, 500, 1000], "label": "ship"}]', (0.25, 0.5, 0.5, 1.0)),
        "internvl": ("<ref>ship</ref><box>[[250, 500, 500, 1000]]</box>", (0.25, 0.5, 0.5, 1.0)),
    }
    for kind, (text, expected) in told.items():
        chat = opened(folders, kind)
        chat.least = 14 * 14
        if kind == "qwen2_5_vl":
            chat.means = {"resize": (14, chat.least, chat.most)}
        prompt = chat.prompt(asked("where?", (1,)), [picture(), raster])
        if kind == "qwen2_5_vl":
            assert prompt.layouts[0].size == (42, 84)
        spoken = Spoken(ids=chat.tokenizer(text, add_special_tokens=False)["input_ids"])
        reply = chat._reply(spoken, prompt)
        assert reply.text == text
        if expected is None:
            assert reply.boxes == ()
            continue
        (box,) = reply.boxes
        assert (box.frame, reply.of) == ("unit", (1,))
        assert box.bounds() == pytest.approx(expected, abs=0.01)


def test_what_is_no_conversation_model(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("GEOGLOT_MODELS", str(tmp_path / "hand"))
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ModelError, match="does not converse"):
        chats.load(tmp_path / "clip")
    (tmp_path / "clip" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="'bert' model; conversation models of these kinds are read: geochat, internvl"):
        chats.load(tmp_path / "clip")
    with pytest.raises(ModelError, match=r"no config\.json"):
        chats.load(tmp_path)
    with pytest.raises(NotFoundError, match=r"Did you mean qwen2\.5-vl-3b"):
        chats.load("qwen2.5-vl-3")
    with pytest.raises(NetworkError, match="geochat-7B could not be fetched"):
        gg.load("geochat-7b")
    (tmp_path / "a.bin").write_bytes(b"1")
    with pytest.raises(ModelError, match="is a file: give the folder"):
        chats.load(tmp_path / "a.bin")
    assert not chats.is_chat("nano")
    assert not chats.is_chat("owner/name")


def test_a_name_is_looked_for_where_it_was_put_by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOGLOT_MODELS", str(tmp_path))
    saved(tmp_path / "internvl3-1b", "internvl")
    chat = gg.load("internvl3-1b", device="cpu", dtype="float32")
    assert (chat.spec.id, chat.spec.licence) == ("internvl3-1b", "Apache-2.0")


def test_damaged_folders(tmp_path):
    saved(tmp_path, "internvl")
    told = json.loads((tmp_path / "config.json").read_text())
    told["text_config"]["intermediate_size"] = 65
    (tmp_path / "config.json").write_text(json.dumps(told))
    with pytest.raises(ModelError, match="fetch the folder again"):
        chats.load(tmp_path, device="cpu", dtype="float32")
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        chats.load(tmp_path, device="cpu", dtype="float32")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        chats.load(tmp_path)


def test_every_entry_names_a_family():
    for name, entry in _catalogue.CATALOGUE.items():
        assert name == name.lower()
        assert set(chats.families().values()) >= {entry.family}
        assert chats.is_chat(name)


def test_hub_ids(tmp_path, monkeypatch):
    saved(tmp_path / "hub" / "owner" / "talks", "internvl")
    (tmp_path / "hub" / "owner" / "other").mkdir()
    (tmp_path / "hub" / "owner" / "other" / "config.json").write_text('{"model_type": "bert"}')
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with hub(tmp_path / "hub") as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        chat = gg.load("owner/talks", device="cpu", dtype="float32")
        assert (chat.spec.id, chat.spec.version) == ("owner/talks", COMMIT[:12])
        with pytest.raises(ModelError, match="owner/other holds a 'bert' model"):
            chats.load("owner/other")
    assert gg.load("owner/talks", device="cpu", dtype="float32").spec == chat.spec  # from the cache, with no hub
