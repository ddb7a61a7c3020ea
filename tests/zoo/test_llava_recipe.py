"""The recipe of LLaVA and LHRS-Bot, tiny: what each stage changes, what it writes, going on, mixing, and wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import LlamaConfig, LlamaForCausalLM

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from chat_kit import CHATML, tokenizer
from geoglot.core.errors import ConfigError, DataError, NotFoundError
from geoglot.core.protocols import Said
from geoglot.models import chat as chats
from geoglot.models.chats import load
from geoglot.models.eyes import Eye, EyeConfig
from geoglot.models.lora import LoraConfig
from geoglot.train.config import TrainConfig
from geoglot.train.folder import rows
from geoglot.zoo import llava
from geoglot.zoo._conversations import Stream, read

RESNET = EyeConfig(kind="resnet_v2", config={"stem": 8, "widths": [8, 16], "blocks": [1, 1]}, levels=(0, 1), size=32)
ASKED = (("What is here?", "a port", "caption"), ("How many ships?", "two", "count"), ("Where is it?", "at <box>", "refer"))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random model of parts."""
    words = tokenizer(CHATML, "<|im_end|>")
    torch.manual_seed(1)
    config = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2, vocab_size=len(words),
        max_position_embeddings=512, eos_token_id=words.eos_token_id, bos_token_id=None,
    )  # fmt: skip
    chat = chats.build([Eye(RESNET).eval()], LlamaForCausalLM(config), words, "pixel_shuffle", {"factor": 4})
    folder = tmp_path_factory.mktemp("parts") / "start"
    chats.save(chat, folder)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Conversations of small pictures in LLaVA's form."""
    folder = tmp_path_factory.mktemp("told")
    told: list[dict[str, Any]] = []
    for k in range(6):
        name = f"{k}.png"
        Image.fromarray(np.random.default_rng(k).integers(0, 255, (24, 40, 3), np.uint8)).save(folder / name)
        question, answer, task = ASKED[k % 3]
        answer = answer.replace("<box>", '[{"bbox_2d": [100, 200, 300, 400], "label": "ship"}]')
        said = [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": answer}]
        told.append({"id": name, "image": name, "conversations": said, "task": task, "gsd": 0.5})
    told.append({"id": "long", "conversations": [{"from": "human", "value": "a" * 900}, {"from": "gpt", "value": "b"}]})
    (folder / "all.json").write_text(json.dumps(told))
    return folder / "all.json"


def stage(data: Path, steps: int = 2, **more: Any) -> llava.Stage:
    train = TrainConfig(
        steps=steps, warmup=0, ema=0.0, precision="no", norms="frozen", save_every=1, log_every=1, schedule="constant"
    )
    return llava.Stage.build({"data": (str(data),), "batch": 4, "longest": 256, "lr": 1e-2, "train": train, **more})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load(folder, "cpu", "float32").module.state_dict())  # type: ignore[attr-defined]


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_each_stage_changes_its_own_part_and_writes_a_model(start: Path, data: Path, tmp_path: Path) -> None:
    parts = llava.Parts(start=str(start))
    recipe = llava.Recipe(
        parts=parts,
        align=stage(data, held=(str(data),)),
        tasks=stage(data, learn="lora", lora=LoraConfig(rank=2)),
        tune=stage(data, 8, learn="language alone", packed=False, mix={"caption": 5.0, "refer": 0.0}),
    )
    made = llava.run(recipe, tmp_path)
    places = [start, *(tmp_path / name / "model" for name in llava.STAGES)]
    held = [weights(place) for place in places]
    assert changed(held[0], held[1]) == {"connector"}
    assert changed(held[1], held[2]) == {"connector", "language"}
    assert changed(held[2], held[3]) == {"language"}
    assert not any("lora" in name for name in held[2])
    aligned, tuned = (rows(tmp_path / name / "metrics.jsonl") for name in ("align", "tune"))
    losses = [row["loss"] for row in tuned if "loss" in row]
    assert losses[-1] < 0.9 * losses[0], "it learns"
    assert [row["held_loss"] > 0 for row in aligned if "held_loss" in row] == [True]
    assert isinstance(made.reply([Said("user", "Who are you?")], []).text, str)
    assert made.codec == "qwen3_vl"
    # what is done is not done again; what was stopped goes on to the same weights
    before = (tmp_path / "align" / "model" / "model.safetensors").stat().st_mtime_ns
    (tmp_path / "tune" / "model" / "chat.json").unlink()
    (tmp_path / "tune" / "last.pt").unlink()
    llava.run(recipe, tmp_path)
    assert (tmp_path / "align" / "model" / "model.safetensors").stat().st_mtime_ns == before
    assert not changed(held[3], weights(places[3]))
    other = recipe.model_copy(update={"tune": stage(data, learn="language alone", packed=False, lr=1.0)})
    (tmp_path / "tune" / "model" / "chat.json").unlink()
    with pytest.raises(ConfigError, match="another configuration"):
        llava.run(other, tmp_path)


def test_what_is_drawn(start: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chat = chats.load(start, "cpu", "float32")
    held = read([str(data)], "llava", None, "qwen3_vl")
    stream = Stream.of(chat, held, {"caption": 1.0, "count": 0.0, "refer": 0.0}, 8, 256, False, 0)
    assert "left out: long" in capsys.readouterr().err
    assert len(stream.rows) == 6
    assert {name[0] for name in stream.names(3)} <= {"0", "3"}
    whole = stream(3)
    halves = [stream.part(3, rank, 2) for rank in range(2)]
    assert sum(len(half.ids) for half in halves) == len(whole.ids) == 8
    told = chat.tokenizer.decode(whole.ids[0][whole.answers[0]])
    assert "a port" in told
    asked = chat.tokenizer.decode(whole.ids[0][~whole.answers[0]])
    assert "0.5 m per pixel, 20 m wide and 12 m high" in asked, "the model is told what is known of the picture"
    refer = Stream.of(chat, held, {"caption": 0.0, "count": 0.0}, 1, 256, False, 0)(0)
    assert '"bbox_2d": [100, 200, 300, 400]' in chat.tokenizer.decode(refer.ids[0][refer.answers[0]])
    packed = Stream.of(chat, held, {}, 8, 256, True, 0)(0)
    assert len(packed.ids) < 8
    with pytest.raises(DataError, match="no conversation is left"):
        Stream.of(chat, held, {}, 8, 16, False, 0)
    with pytest.raises(NotFoundError, match="geoglot data conversations"):
        read(["none.json"], "llava", None, "")


def test_wrong_input(start: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No stage has data"):
        llava.run(llava.Recipe(), tmp_path)
    recipe = llava.Recipe(parts=llava.Parts(start=str(start)), align=stage(data, longest=4096))
    with pytest.raises(ConfigError, match="lower it"):
        llava.run(recipe, tmp_path)
