"""Conversation models of parts: every connector, several eyes and scales, batches, caches, training, folders."""

import json

import numpy as np
import pytest
import torch
from converse_kit import scene
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    CLIPVisionConfig,
    Dinov2Config,
    Dinov2Model,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from chat_kit import CHATML, asked, picture, tokenizer
from geoglot import models
from geoglot.core import parts
from geoglot.core.errors import ConfigError, InputError, ModelError, ModelMismatchError, NotFoundError
from geoglot.core.protocols import Chat, Said, whole
from geoglot.losses.caption import caption
from geoglot.models import chat as chats
from geoglot.models.chats import load
from geoglot.models.conversant import tune
from geoglot.models.eyes import Eye, EyeConfig, eye_of, vit
from geoglot.models.lora import LoraConfig, merge
from geoglot.models.picture import Shown
from geoglot.tasks.converse import ask
from published_kit import GOLDENS

RESNET = EyeConfig(kind="resnet_v2", config={"stem": 8, "widths": [8, 16], "blocks": [1, 1]}, levels=(0, 1), size=32)
VISION = CLIPVisionConfig(
    hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, image_size=32, patch_size=8
)
VIT = EyeConfig(kind="vit", config=VISION.to_diff_dict() | {"model_type": "clip_vision_model"}, levels=(-2,), size=32)
OPTIONS = {
    "linear": {},
    "mlp": {},
    "pixel_shuffle": {"factor": 3},
    "perceiver": {"queries": [3, 2], "inner": 16, "heads": 2, "blocks": 2},
    "qformer": {"queries": 5, "inner": 16, "heads": 2, "blocks": 3},
}
COUNTS = {"linear": 64, "mlp": 64, "pixel_shuffle": 9, "perceiver": 5, "qformer": 5}
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def language(words, kind="llama", context=1024):
    torch.manual_seed(1)
    if kind == "gpt2":
        made = GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=len(words), n_positions=context))
    elif kind == "bloom":
        made = BloomForCausalLM(BloomConfig(hidden_size=32, n_layer=2, n_head=2, vocab_size=len(words)))
    elif kind == "gemma2":
        made = Gemma2ForCausalLM(
            Gemma2Config(
                hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                vocab_size=len(words), max_position_embeddings=context, sliding_window=16, query_pre_attn_scalar=16, head_dim=16,
            )
        )  # fmt: skip
    else:
        made = LlamaForCausalLM(
            LlamaConfig(
                hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, vocab_size=len(words),
                max_position_embeddings=context, eos_token_id=words.eos_token_id, bos_token_id=None,
            )
        )  # fmt: skip
    with torch.no_grad():
        for value in made.parameters():
            if value.ndim > 1:
                value.mul_(5)
    return made.eval()


def built(connector="mlp", eyes=(RESNET,), template=False, kind="llama", context=1024, **more):
    words = tokenizer(CHATML, "<|im_end|>")
    if template:
        words.chat_template = TEMPLATE
    torch.manual_seed(0)
    made = chats.build(
        [Eye(one).eval() for one in eyes], language(words, kind, context), words, connector, OPTIONS[connector] | more
    )
    made.answer, made.ends = 8, frozenset()
    return made


def test_every_connector_is_tried():
    assert set(parts.names("nn.connectors")) == set(OPTIONS)


@pytest.mark.parametrize("connector", OPTIONS)
@pytest.mark.parametrize("template", [False, True])
def test_batches_answer_as_singles_do(connector, template):
    chat = built(connector, template=template)
    assert isinstance(chat, Chat)
    assert chat.module.count == COUNTS[connector]
    pictures = [picture(seed=1, time="2019-01-02", gsd=10), picture(24, 80, seed=2, time="2020-01-02", gsd=10)]
    asks = [(asked("a?"), pictures[:1]), (asked("what changed here?", (0, 1)), pictures), (asked("who are you?", ()), [])]
    together = chat.replies(asks)
    chat.forget()
    alone = [chat.reply(*one) for one in asks]
    assert [one.text for one in together] == [one.text for one in alone]
    assert [one.confidence for one in together] == pytest.approx([one.confidence for one in alone], rel=1e-4)
    assert len({one.confidence for one in alone}) == 3
    parts: list[str] = []
    assert whole(chat.stream(*asks[1]), parts.append) == alone[1]
    assert "".join(parts) == alone[1].text


@pytest.mark.parametrize("connector", OPTIONS)
def test_a_second_question_runs_only_what_is_new(connector):
    chat = built(connector)
    turns, pictures = asked("what is here?"), [picture(seed=3)]
    first = chat.reply(turns, pictures)
    looks, ran = [], []
    look, run = chat.module.look, chat.run
    chat.module.look = lambda *given: looks.append(1) or look(*given)
    chat.run = lambda x, *rest: ran.append(x.shape[1]) or run(x, *rest)
    more = [*turns, Said("assistant", first.text), Said("user", "how many?")]
    second = chat.reply(more, pictures)
    assert not looks
    assert ran[0] <= len(chat.prompt(more, pictures).ids) - len(chat.prompt(turns, pictures).ids)
    assert set(ran[1:]) == {1}
    chat.forget()
    assert chat.reply(more, pictures).text == second.text
    assert looks == [1]
    other = chat.reply(more, [picture(seed=4)])
    assert looks == [1, 1]
    chat.forget()
    assert chat.reply(more, [picture(seed=4)]).text == other.text


def test_an_answer_that_is_left_off_harms_nothing():
    chat = built()
    turns, pictures = asked("what is here?"), [picture(seed=3)]
    whole = chat.reply(turns, pictures).text
    chat.forget()
    stream = chat.stream(turns, pictures)
    next(stream)
    stream.close()
    assert chat.reply(turns, pictures).text == whole


def test_several_eyes_and_scales():
    twice = RESNET.model_copy(update={"scales": (1, 2), "levels": (-1,)})
    chat = built("mlp", (twice, VIT))
    assert chat.module.side == 64
    assert chat.module.channels == (16, 16, 16)
    assert chat.module.count == 16
    answers = {chat.reply(asked(), [picture(seed=seed)]).confidence for seed in range(3)}
    assert len(answers) == 3


@pytest.mark.parametrize("kind", ["gpt2", "bloom", "gemma2"])
def test_language_models_of_other_kinds(kind):
    chat = built(kind=kind)
    more = [*asked("a?"), Said("assistant", "b"), Said("user", "c?")]
    asks = [(asked("a?"), [picture()]), (asked("what is there?", ()), []), (more, [picture()])]
    together = chat.replies(asks)
    chat.forget()
    alone = [chat.reply(*one) for one in (asks[0], asks[2], asks[1])]
    assert [one.text for one in alone] == [together[k].text for k in (0, 2, 1)]
    assert [one.confidence for one in alone] == pytest.approx([together[k].confidence for k in (0, 2, 1)], rel=1e-4)
    talk = chat.batch(conversations())
    loss = caption(chat.module(talk), talk.ids, talk.answers)
    assert torch.isfinite(loss)


def test_bfloat16_is_near(tmp_path):
    chat = built("perceiver")
    chats.save(chat, tmp_path)
    half = load(tmp_path, device="cpu", dtype="bfloat16")
    half.answer, half.ends = 1, frozenset()
    chat.answer = 1
    assert half.reply(asked(), [picture()]).confidence == pytest.approx(chat.reply(asked(), [picture()]).confidence, rel=0.3)
    assert len(half.replies([(asked(), [picture()]), (asked("a", ()), [])])) == 2


def test_invalid_pixels_change_nothing():
    chat = built()
    raster, other = picture(32, 32, seed=1), picture(32, 32, seed=1)
    for one, value in ((raster, 0.0), (other, 1.0)):
        one.valid[:, 16:] = False
        one.data[:, :, 16:] = value
    turns = asked()
    assert chat.reply(turns, [raster]) == chat.reply(turns, [other])


def test_what_is_known_of_a_picture_is_told():
    chat = built(template=True)
    raster = picture(40, 56, time="2019-01-02", gsd=0.5)
    shown = Shown(raster.data, raster.valid, raster.grid, raster.bands[::-1], raster.time, sensor="WorldView-3")
    prompt = chat.prompt(asked("how long is it?", (0, 1)), [shown, picture()])
    text = chat.tokenizer.decode([token for token in prompt.ids if token >= 0])
    assert "Image 1: WorldView-3; 0.5 m per pixel, 28 m wide and 20 m high; " in text
    assert "shown as red, green and blue: blue, green, red; 2019-01-02\n\nImage 2:\n\nhow long is it?" in text
    plain = chat.prompt(asked("how long is it?"), [picture()])
    assert "user\n\nhow long is it?<|im_end|>" in chat.tokenizer.decode([token for token in plain.ids if token >= 0])


def test_a_question_about_a_scene_tells_sensor_size_bands_and_date(tmp_path, monkeypatch):
    chat, asks = built(), []
    chat.codec = "qwen2_vl"
    found = type(chat).prompt

    def prompt(self, turns, pictures):
        made = found(self, turns, pictures)
        asks.append(self.tokenizer.decode([token for token in made.ids if token >= 0]))
        return made

    monkeypatch.setattr(type(chat), "prompt", prompt)
    path = scene(tmp_path / "a.tif", 128, [(10, 12, 8, 8)])
    how = {"sensor": "sentinel-2", "time": "2021-06-10", "bands": ["B8", "B4", "B3"], "progress": False, "guide": None}
    ask(chat, path, "What colour is it?", **how)
    assert "Sentinel-2 MSI, level 1C or 2A; 0.5 m per pixel, 64 m wide and 64 m high; " in asks[0]
    assert "shown as red, green and blue: nir, red, green; 2021-06-10" in asks[0]
    ask(chat, path, "What is this?", box=(12, 10, 20, 18), **how)
    assert "What is this in the region <|box_start|>(94,78),(156,141)<|box_end|>?" in asks[1]


def test_too_long_is_told_before_work():
    chat = built(context=40)
    chat.module.look = None
    with pytest.raises(InputError, match=r"64 of them of 1 pictures\), and chat@local reads 40"):
        chat.reply(asked(), [picture()])


def conversations():
    said = [
        [Said("user", "what is it?", (0,)), Said("assistant", "a port"), Said("user", "sure?"), Said("assistant", "yes")],
        [Said("user", "how many?", (0, 1)), Said("assistant", "2")],
        [Said("user", "hello"), Said("assistant", "good day to you")],
    ]
    pictures = [picture(seed=1), picture(seed=2)]
    return [(said[0], pictures[:1]), (said[1], pictures), (said[2], [])]


@pytest.mark.parametrize("template", [False, True])
@pytest.mark.parametrize("connector", ["pixel_shuffle", "qformer"])
def test_packed_rows_learn_as_single_rows_do(connector, template):
    chat = built(connector, template=template)
    one, packed = chat.batch(conversations()), chat.batch(conversations(), limit=200, packed=True)
    assert len(packed.ids) < len(one.ids) == 3
    assert one.answers.sum() == packed.answers.sum()
    told = chat.tokenizer.decode(one.ids[0][one.answers[0]])
    end = "<|im_end|>\n" if template else "<|im_end|>"
    gap = "" if template else " "
    assert told == f"{gap}a port{end}{gap}yes{end}"
    with torch.no_grad():
        losses = [float(caption(chat.module(talk), talk.ids, talk.answers)) for talk in (one, packed)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_training_lowers_the_loss_on_answers_alone(tmp_path):
    chat = built("perceiver")
    talk = chat.batch(conversations())
    tune(chat.module, "connector")
    names = {name.split(".")[0] for name, value in chat.module.named_parameters() if value.requires_grad}
    assert names == {"connector"}
    handle = tune(chat.module, "lora", LoraConfig(rank=2, targets=("q_proj", "v_proj")))
    optimiser = torch.optim.Adam([value for value in chat.module.parameters() if value.requires_grad], 1e-2)
    losses = []
    for _ in range(6):
        loss = caption(chat.module(talk), talk.ids, talk.answers)
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0]
    before = chat.reply(asked(), [picture()]).text
    with pytest.raises(InputError, match="merge them first"):
        chats.save(chat, tmp_path)
    merge(handle)
    chat.forget()
    assert chat.reply(asked(), [picture()]).text == before
    with pytest.raises(ConfigError, match="choose connector"):
        tune(chat.module, "head")


def test_wrong_examples():
    chat = built("perceiver")
    with pytest.raises(InputError, match="ends with an answer"):
        chat.batch([(asked(), [picture()])])
    with pytest.raises(InputError, match="holds 10"):
        chat.batch(conversations(), limit=10)


def test_one_folder_holds_the_whole(tmp_path):
    chat = built("qformer", (RESNET, VIT), template=True)
    expected = chat.reply(asked(), [picture()]).text
    digest = chats.save(chat, tmp_path / "made")
    again = load(tmp_path / "made", device="cpu", dtype="float32")
    assert (again.spec.id, again.spec.hash) == ("chat", digest)
    again.answer, again.ends = 8, frozenset()
    assert again.reply(asked(), [picture()]).text == expected
    told = json.loads((tmp_path / "made" / "chat.json").read_text())
    told["parts"]["connector"] = "mlp"
    told["parts"]["options"] = {}
    (tmp_path / "made" / "chat.json").write_text(json.dumps(told))
    with pytest.raises(ModelMismatchError, match=r"do not fit chat\.json"):
        load(tmp_path / "made", device="cpu", dtype="float32")
    (tmp_path / "made" / "chat.json").write_text('{"format": "geoglot-chat-9"}')
    with pytest.raises(ModelError, match="reads 'geoglot-chat-1'"):
        load(tmp_path / "made")
    with pytest.raises(NotFoundError, match="There is no"):
        chats.load(tmp_path)


def test_eyes_of_our_models():
    nano = models.load("nano", device="cpu", dtype="float32")
    eye = eye_of(nano, levels=(1, -1), size=64)
    pixels, valid = torch.rand(1, 3, 64, 64), torch.ones(1, 64, 64, dtype=torch.bool)
    with torch.no_grad():
        found = eye(pixels, valid)
    assert [one.shape[1:3] for one in found] == [(8, 8), (4, 4)]
    assert eye.channels == tuple(one.shape[-1] for one in found)
    assert np.isfinite(found[0].numpy()).all()
    with pytest.raises(ConfigError, match="depths"):
        eye_of(nano, levels=(9,))
    with pytest.raises(ModelError, match="no image tower"):
        eye_of(type("Other", (), {"spec": nano.spec})())


def test_eyes_of_published_models(tmp_path):
    pixels, valid = torch.rand(2, 3, 64, 64), torch.ones(2, 64, 64, dtype=torch.bool)
    for name, cells, levels in (("vit", 4, (-2, -1)), ("resnet", 4, (2,))):
        model = models.load(GOLDENS / f"open_clip_{name}.pt", device="cpu", dtype="float32", activation="quick_gelu")
        eye = eye_of(model, levels=levels)
        with torch.no_grad():
            found = eye(pixels, valid)
        assert [one.shape for one in found] == [(2, cells, cells, count) for count in eye.channels]
        again = Eye(eye.settings).eval()
        again.load_state_dict(eye.state_dict())
        with torch.no_grad():
            torch.testing.assert_close(again(pixels, valid), found)
    config = Dinov2Config(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7)
    inner = Dinov2Model(config).eval()
    inner.save_pretrained(tmp_path)
    tower = vit.open_folder(tmp_path)
    eye = Eye(EyeConfig(kind="vit", config=tower.config, levels=(-1,), size=28, mean=(0.5,) * 3, std=(0.5,) * 3), tower)
    with torch.no_grad():
        (found,) = eye.eval()(pixels[..., :28, :28], valid[..., :28, :28])
        theirs = inner((pixels[..., :28, :28] - 0.5) / 0.5, output_hidden_states=True).hidden_states[-1][:, 1:]
    torch.testing.assert_close(found.flatten(1, 2), theirs)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(ModelError):
        vit.open_folder(tmp_path)


@pytest.mark.parametrize("connector", ["mlp", "pixel_shuffle"])
def test_what_was_learned_is_answered(connector):
    """From pictures to answers and their end: two pictures and one question, told apart after some steps."""
    words = tokenizer(CHATML, "<|im_end|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, vocab_size=len(words),
        eos_token_id=words.eos_token_id, bos_token_id=None,
    )  # fmt: skip
    chat = chats.build([Eye(RESNET)], LlamaForCausalLM(config), words, connector, OPTIONS[connector])
    pictures = [picture(seed=1), picture(seed=2)]
    talk = chat.batch(
        [([*asked(), Said("assistant", answer)], [one]) for one, answer in zip(pictures, ("a port", "fields"), strict=True)]
    )
    tune(chat.module, "all")
    chat.module.train()
    optimiser = torch.optim.AdamW(chat.module.parameters(), 4e-3)
    for _ in range(60):
        loss = caption(chat.module(talk), talk.ids, talk.answers)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    chat.module.eval()
    assert [chat.reply(asked(), [one]).text for one in pictures] == ["a port", "fields"]
    assert [one.text for one in chat.replies([(asked(), [one]) for one in pictures])] == ["a port", "fields"]
