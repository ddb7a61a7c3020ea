"""Grounding DINO and SAM through transformers, on small random checkpoints that are made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import nano_kit
from geoglot.core.errors import InputError, ModelError
from geoglot.models.dual import DualModel
from geoglot.models.grounding import Grounding
from geoglot.models.sam import Sam
from geoglot.nn.batch import ImageBatch
from geoglot.tasks import detect as task
from geoglot.tasks.classify import prompts
from geoglot.tasks.detect import text2seg

transformers = pytest.importorskip("transformers", reason="needs the extra [hub]")

WORDS = "[PAD] [UNK] [CLS] [SEP] . ship boat tank large storage".split()


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 8,
            "output_channels": 16, "global_attn_indexes": [1], "mlp_dim": 32, "window_size": 4, "num_pos_feats": 8,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16, "mlp_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("sam")
    transformers.SamModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def grounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = transformers.GroundingDinoConfig(
        backbone_config=transformers.SwinConfig(
            embed_dim=8, depths=[1, 1, 1], num_heads=[1, 2, 2], window_size=4, out_features=["stage1", "stage2", "stage3"]
        ),
        text_config=transformers.BertConfig(
            vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        ),
        d_model=32, encoder_layers=1, encoder_ffn_dim=16, encoder_attention_heads=2, decoder_layers=2, decoder_ffn_dim=16,
        decoder_attention_heads=2, num_queries=12, num_feature_levels=4, max_text_len=32, disable_custom_kernels=True,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("grounding")
    transformers.GroundingDinoForObjectDetection(config).save_pretrained(folder)
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    named = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    return folder


def picture() -> torch.Tensor:
    made = torch.zeros(3, 48, 80)
    made[:, 10:30, 20:50] = 1
    return made


def nano() -> DualModel:
    model = nano_kit.tiny_nano()
    return DualModel(model, model.spec("0" * 32, "none", "tiny", "1"), torch.device("cpu"), torch.float32)


def known(model: DualModel) -> prompts.Prompts:
    return prompts.encode(model, {"boat": ("boat", "ship"), "large tank": ("large tank",)})


def test_masks_of_boxes_and_points_as_the_library_gives_them(sam: Path) -> None:
    """The library's own processor prepares the same picture and puts the masks back to its size."""
    ours = Sam.open(sam, "cpu")
    made = picture()
    boxes = np.array([[20.0, 10.0, 50.0, 30.0], [0.0, 0.0, 40.0, 47.0]])
    masks, scores = ours.boxes(ours.look(made), boxes)
    assert masks.shape == (2, 48, 80)
    scale = 64 / 80
    shown = torch.nn.functional.interpolate(made[None], size=(round(48 * scale), 64), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    padded = torch.nn.functional.pad((shown - mean) / std, (0, 0, 0, 64 - shown.shape[2]))
    x = np.array([scale, shown.shape[2] / 48, scale, shown.shape[2] / 48])
    with torch.inference_mode():
        wanted = ours.model(pixel_values=padded, input_boxes=torch.tensor(boxes * x, dtype=torch.float32)[None])
    assert np.allclose(scores, wanted.iou_scores[0].amax(-1).numpy(), atol=1e-5)
    best = wanted.iou_scores[0].argmax(-1)
    low = torch.stack([wanted.pred_masks[0, i, k] for i, k in enumerate(best)])[:, None]
    full = torch.nn.functional.interpolate(low, size=(64, 64), mode="bilinear")[..., : shown.shape[2], :]
    full = torch.nn.functional.interpolate(full, size=(48, 80), mode="bilinear")[:, 0] > 0
    assert (masks == full.numpy()).all()
    some, _ = ours.points(ours.look(made), np.array([[[30.0, 20.0]]]), np.array([[True]]))
    assert some.shape == (1, 48, 80)


def test_phrases_are_told_apart_by_their_words(grounding: Path) -> None:
    ours = Grounding.open(grounding, "cpu", (64, 96))
    ids, owner = ours._words(["ship", "large storage tank"])
    assert ids.tolist() == [2, 5, 4, 8, 9, 7, 4, 3]
    assert owner.tolist() == [-1, 0, -1, 1, 1, 1, -1, -1]
    again = ours.tokenizer("[CLS] ship . large storage tank . [SEP]", add_special_tokens=False)["input_ids"]
    assert ids.tolist() == again
    with pytest.raises(InputError, match="too many words"):
        ours._words(["ship"] * 20)
    label, score, boxes = ours.find(picture(), ["ship", "tank"])
    assert len(label) == len(score) == len(boxes)
    assert (np.diff(score) <= 0).all()


def test_boxes_of_masks() -> None:
    masks = np.zeros((3, 40, 60), np.bool_)
    masks[0, 5:15, 10:40] = True
    masks[0, 30:32, 2:4] = True  # a smaller part, which does not count
    masks[2, 20:30, 20:30] = True
    made = text2seg.of_masks(masks, np.array([1, 0, 0]), np.array([0.9, 0.8, 0.7]))
    assert made.label.tolist() == [1, 0]
    assert made.upright.tolist() == [[10, 5, 40, 15], [20, 20, 30, 30]]
    assert made.turned[0].tolist() == [25, 10, 30, 10, 0]


def test_three_ways(sam: Path, grounding: Path) -> None:
    model = nano()
    said, cutter = known(model), Sam.open(sam, "cpu")
    ways = [
        text2seg.by_grounding(Grounding.open(grounding, "cpu", (64, 96)), cutter, said),
        text2seg.by_grounding(Grounding.open(grounding, "cpu", (64, 96)), None, said),
        text2seg.by_points(model, cutter, said),
        text2seg.by_crops(model, cutter, said),
    ]
    for way in ways:
        made = way(ImageBatch.of(torch.stack([picture(), 1 - picture()])))
        assert len(made) == 2
        assert all(one.upright.shape == (len(one.label), 4) and set(one.label.tolist()) <= {0, 1} for one in made)


def test_routes_of_the_verb_and_wrong_models(sam: Path, grounding: Path, tmp_path: Path) -> None:
    from PIL import Image

    file = tmp_path / "a.png"
    Image.fromarray((picture().permute(1, 2, 0).numpy() * 255).astype(np.uint8)).save(file)
    how = {"progress": False, "tile": 96, "min_score": 0.0}
    for route, more in (("points", {"sam": sam}), ("crops", {"sam": sam}), ("grounding", {"grounding": grounding, "sam": sam})):
        made = task.detect(nano(), file, ["boat|ship", "water"], route=route, **more, **how)  # type: ignore[arg-type]
        assert made.route == route
        assert made.counts()["boat"].expected is None
    with pytest.raises(ModelError, match="not a sam"):
        Sam.open(grounding)
    for wrong in ({"route": "points"}, {"route": "grounding"}, {"sam": sam}, {"grounding": grounding}):
        with pytest.raises(InputError, match=r"--sam|--grounding"):
            task.detect(nano(), file, "boat", **wrong, **how)  # type: ignore[arg-type]
