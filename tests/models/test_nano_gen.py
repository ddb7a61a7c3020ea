"""`nano-gen`, tiny: what is asked for changes what is drawn, unknown is not zero, seeds repeat, known pixels stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from geoglot.core.errors import InputError, ModelError, ModelMismatchError
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import generators, nano_gen, weights
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.generators import nano_gen as family
from geoglot.models.generators.nano_gen import NanoGen
from geoglot.nn.draw import Asked, Denoiser, DrawConfig, Latents
from nano_gen_kit import tiny_file

torch.set_num_threads(1)
SIDE = (64, 64)
SEED = 4


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with pytest.MonkeyPatch.context() as patch:
        path = tiny_file(tmp_path_factory.mktemp("gen"), patch)
        found = generators.load(path, "cpu", "float32")
        assert isinstance(found, NanoGen)
        found.words  # noqa: B018 - opened while the tower is known
        yield found


def raster(data: np.ndarray, valid: np.ndarray | None = None) -> Raster:
    names = ("red", "green", "blue") if len(data) == 3 else ("classes",)
    bands = tuple(Band(name, name if len(data) == 3 else None) for name in names)
    return Raster(data, np.ones(data.shape[1:], bool) if valid is None else valid, None, bands)


def mask(number: int) -> Control:
    return Control("mask", raster(np.full((1, *SIDE), number, np.uint8)))


def coarse(value: int) -> Control:
    return Control("coarse", raster(np.full((3, 16, 16), value, np.uint8)))


ASKED = {
    "text": Condition("a farm by a river"),
    "other text": Condition("a harbour with many boats"),
    "avoid": Condition("a farm by a river", avoid="boats"),
    "label": Condition(label="harbor"),
    "label of another source": Condition(label="aid_rsicd/Beach"),
    "gsd": Condition(gsd=1.0),  # the logarithm is 0
    "gsd 4": Condition(gsd=4.0),
    "sensor": Condition(sensor="rendered"),
    "no sensor": Condition(sensor="unknown"),
    "mask 0": Condition(controls=(mask(0),)),
    "mask 1": Condition(controls=(mask(1),)),
    "roads": Condition(controls=(Control("roads", raster(np.zeros((1, *SIDE), np.uint8))),)),
    "coarse black": Condition(controls=(coarse(0),)),
    "coarse grey": Condition(controls=(coarse(128),)),
    "keep": Condition(keep=raster(np.zeros((3, *SIDE), np.uint8), np.arange(64)[:, None] < np.full((1, 64), 40))),
}


def test_each_condition_changes_what_is_drawn_and_unknown_is_not_zero(drawing: NanoGen) -> None:
    made = {"nothing": drawing.sample(Condition(), SIDE, SEED).data}
    made |= {name: drawing.sample(condition, SIDE, SEED).data for name, condition in ASKED.items()}
    assert len({data.tobytes() for data in made.values()}) == len(made)
    assert all(data.shape == (3, *SIDE) and data.dtype == np.uint8 for data in made.values())


def test_a_weight_of_zero_is_as_if_a_control_were_not_there(drawing: NanoGen) -> None:
    nothing = drawing.sample(Condition(), SIDE, SEED).data
    for control in (mask(1), coarse(128)):
        none = Control(control.kind, control.raster, 0.0)
        assert np.array_equal(drawing.sample(Condition(controls=(none,)), SIDE, SEED).data, nothing)


def test_a_seed_repeats_and_another_differs(drawing: NanoGen) -> None:
    asked = Condition("a farm by a river", gsd=0.5)
    first, again, other = (drawing.sample(asked, SIDE, seed).data for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_scenes_of_other_sizes_and_known_pixels(drawing: NanoGen) -> None:
    valid = np.arange(90)[None] < np.full((70, 1), 30)
    keep = raster(np.full((3, 70, 90), 77, np.uint8), valid)
    made = drawing.sample(Condition("forest", keep=keep), (70, 90), 1, Drawing(steps=2)).data
    assert made.shape == (3, 70, 90)
    assert (made[:, valid] == 77).all()
    assert made[:, ~valid].std() > 0


def test_guidance_of_one_is_the_denoiser_itself(drawing: NanoGen) -> None:
    prepared = drawing.prepare(Condition("a farm"), SIDE, Drawing(guidance=1.0))
    x, time = torch.randn(1, 8, 16, 16), torch.tensor(400.0)
    said = drawing.predict(x, time, [(0, 0, 64, 64)], prepared)
    with torch.inference_mode():
        assert torch.allclose(said, drawing.denoiser(x, torch.tensor([0.4]), prepared.asked), atol=1e-6)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition(label="harbour town"), "did you mean harbour, harbor"),
        (Condition(sensor="sonar"), "use one of unknown, aerial, rendered"),
        (Condition(controls=(Control("edges", raster(np.zeros((1, *SIDE), np.uint8))),)), "takes mask, roads, coarse"),
        (Condition(controls=(Control("mask", raster(np.zeros((3, *SIDE), np.uint8))),)), "give 7 bands, or one of classes"),
    ],
)
def test_wrong_requests_say_what_to_do(drawing: NanoGen, condition: Condition, says: str) -> None:
    with pytest.raises(InputError, match=says):
        drawing.sample(condition, SIDE, 0)


def test_files_of_others_and_another_tower_are_refused(drawing: NanoGen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_file(tmp_path, monkeypatch)
    with pytest.raises(ModelError, match="recipe nano_gen"):
        nano_gen.restore(tmp_path / "tower.safetensors")
    monkeypatch.setattr(family, "TOWER", "nano")
    with pytest.raises(ModelMismatchError, match="reads with a nano of hash"):
        generators.load(path, "cpu", "float32").sample(Condition("a farm"), SIDE, 0)


def test_the_file_gives_back_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny_file(tmp_path, monkeypatch)
    parts, spec = nano_gen.restore(path)
    assert spec.id == "nano-gen"
    assert spec.hash == weights.hash_of(weights.stored(path))
    assert parts.card.classes == nano_gen.classes()
    assert parts.card.steps == 3


def test_latents_are_of_their_own_pixels_and_turn_back() -> None:
    torch.manual_seed(0)
    config = DrawConfig(channels=48, detail=(8, 8))
    latents = Latents(config)
    x = torch.rand(6, 3, 16, 16)
    latents.measure(x)
    made = latents.encode(x)
    assert made.shape == (6, 48, 4, 4)
    assert torch.allclose(latents.turned(made), x, atol=1e-4)
    with torch.inference_mode():
        assert torch.allclose(latents(made), x, atol=1e-4)  # an untrained decoder adds nothing
    deviation = made.movedim(1, -1).reshape(-1, 48).std(0)
    assert deviation[0] == pytest.approx(1.5, rel=0.1)
    other = x.clone()
    other[:, :, :4, :4] = 0
    assert torch.equal(latents.encode(other)[:, :, 1:], made[:, :, 1:])


def test_windows_of_any_size_and_rows_apart() -> None:
    config = DrawConfig(widths=(16, 24, 32), blocks=(1, 1, 1), wide=48)
    torch.manual_seed(1)
    net = Denoiser(config).eval()
    torch.nn.init.normal_(net.outputs.weight)
    x, time = torch.randn(3, 8, 12, 20), torch.tensor([0.1, 0.5, 0.9])
    with torch.inference_mode():
        both = net(x, time, Asked.nothing(config, 3, 12, 20))
        one = net(x[1:2], time[1:2], Asked.nothing(config, 1, 12, 20))
    assert both.shape == x.shape
    assert torch.allclose(both[1:2], one, atol=1e-5)


def test_words_name_a_class_and_a_class_has_words(drawing: NanoGen) -> None:
    known = drawing.parts.card.classes
    by_words = drawing.prepare(Condition("a field by the water"), SIDE, Drawing()).asked
    rendered = drawing.prepare(Condition("a field by the water", sensor="rendered"), SIDE, Drawing()).asked
    by_label = drawing.prepare(Condition(label="harbor"), SIDE, Drawing()).asked
    assert not known[int(by_words.label)].startswith("rendered/")
    assert known[int(rendered.label)].startswith("rendered/")
    assert known[int(by_label.label)] == "ucm/harbor"
    assert torch.allclose(by_label.words[0], drawing.prompted[by_label.label[0]], atol=1e-5)
    assert not drawing.prepare(Condition(), SIDE, Drawing()).asked.has.any()


def test_a_class_is_named_in_several_ways() -> None:
    known = nano_gen.classes()
    harbor = known.index("ucm/harbor")
    assert {nano_gen.label_of(name, known) for name in ("harbor", "ucm/harbor", "Harbor")} == {harbor}
    assert known[nano_gen.label_of("Port", known)] == "aid_rsicd/Port"
