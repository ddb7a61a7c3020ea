"""Published conversation models: small random checkpoints of each family against transformers' own pixels, places and answers."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from chat_kit import asked, picture, saved
from geoglot.core.errors import InputError
from geoglot.core.protocols import Chat, Said
from geoglot.models import chats
from geoglot.models.picture import to_bytes

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
