"""Published generators: small random pipelines of each family, drawn as diffusers itself draws them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
from PIL import Image
from safetensors.torch import load_file, save_file

import generator_kit as kit
from geoglot.core.errors import InputError, ModelError, ModelMismatchError, NetworkError, NotFoundError
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import generators
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.nn.conditions import sinusoid
from geoglot.nn.noise import noise
from published_kit import hub

torch.set_num_threads(1)
SIDE = (16, 16)


def opened(folder):
    return generators.load(folder, "cpu", "float32")


def latents(seed=7):
    return torch.from_numpy(noise(seed, 4, 0, 0, 8, 8))[None]


def picture(raster):
    return np.moveaxis(raster.data, 0, -1)


def drawn(pipe, prompt, drawing, **more):
    image = pipe(
        prompt, num_inference_steps=drawing.steps, guidance_scale=drawing.guidance, latents=latents(), output_type="np",
        height=16, width=16, **more,
    ).images[0]  # fmt: skip
    return (image * 255).round().astype(np.uint8)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sd")
    pipe = kit.saved(folder)
    return folder, pipe, opened(folder)


@pytest.mark.parametrize("sampler", ["ddim", "pndm", "dpm++", "euler", "unipc"])
def test_a_pipeline_of_diffusers_draws_the_same(plain, sampler):
    _, pipe, ours = plain
    drawing = Drawing(5, 3.0, sampler)
    pipe.scheduler = type(ours.scheduler(drawing)).from_config(ours.scheduler(drawing).config)
    made = ours.sample(Condition("a farm by a river", avoid="cloud"), SIDE, 7, drawing)
    assert np.array_equal(picture(made), drawn(pipe, "a farm by a river", drawing, negative_prompt="cloud"))
    assert made.data.dtype == np.uint8
    assert made.data.std() > 1


def test_without_guidance_too(plain):
    _, pipe, ours = plain
    pipe.scheduler = kit.schedule()
    drawing = Drawing(4, 1.0, "ddim")
    made = ours.sample(Condition("water"), SIDE, 7, drawing)
    assert np.array_equal(picture(made), drawn(pipe, "water", drawing))


def test_velocity_is_told_by_the_schedule(tmp_path):
    pipe = kit.saved(tmp_path, scheduler=kit.schedule(prediction_type="v_prediction"))
    drawing = Drawing(4, 2.0, "ddim")
    made = opened(tmp_path).sample(Condition("water"), SIDE, 7, drawing)
    assert np.array_equal(picture(made), drawn(pipe, "water", drawing))


def test_several_control_nets_add_up(tmp_path):
    pipe = kit.saved(tmp_path)
    nets = [kit.control_net(pipe.unet, kind, tmp_path) for kind in ("edges", "roads")]
    both = StableDiffusionControlNetPipeline(**pipe.components, controlnet=nets, requires_safety_checker=False)
    both.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 256, (16, 16, 3), np.uint8) for _ in nets]
    images = [Image.fromarray(one) for one in maps]
    drawing = Drawing(4, 3.0, "ddim")
    told = both(
        "roads", image=images, num_inference_steps=4, guidance_scale=3.0, latents=latents(), output_type="np", height=16,
        width=16, controlnet_conditioning_scale=[1.0, 0.5],
    ).images[0]  # fmt: skip
    controls = tuple(
        Control(kind, raster(one), weight) for kind, one, weight in zip(("edges", "roads"), maps, (1.0, 0.5), strict=True)
    )
    ours = opened(tmp_path)
    assert set(ours.kinds) == {"edges", "roads"}
    made = ours.sample(Condition("roads", controls=controls), SIDE, 7, drawing)
    assert np.array_equal(picture(made), (told * 255).round().astype(np.uint8))
    none = tuple(Control(control.kind, control.raster, 0.0) for control in controls)
    without = ours.sample(Condition("roads"), SIDE, 7, drawing)
    assert np.array_equal(ours.sample(Condition("roads", controls=none), SIDE, 7, drawing).data, without.data)
    assert not np.array_equal(without.data, made.data)


def raster(pixels, grid=None):
    bands = tuple(Band(str(k)) for k in range(pixels.shape[-1]))
    return Raster(np.moveaxis(pixels, -1, 0), np.ones(pixels.shape[:2], bool), grid, bands)


def test_metadata_of_diffusion_sat_goes_into_the_time(tmp_path):
    pipe, state = kit.diffusion_sat(tmp_path)
    ours = opened(tmp_path)
    grid = Grid.at(6.1, 52.3, 1.5, 16)
    drawing = Drawing(3, 1.0, "ddim")
    made = ours.sample(Condition("a town", cloud=0.0), grid, 7, drawing)

    lon, lat = grid.lonlat()
    # a date that is not known is the number 0, as the authors trained it
    numbers = torch.tensor([(lon + 180) / 360, (lat + 90) / 180, grid.gsd, 0, 0, 0, 0]) * 1000
    vector = torch.zeros(1, 128)
    for k, number in enumerate(numbers):
        x = sinusoid(number[None], 32)
        for layer, last in (("linear_1", False), ("linear_2", True)):
            at = f"metadata_embedding.{k}.{layer}"
            x = torch.nn.functional.linear(x, state[f"{at}.weight"], state[f"{at}.bias"])
            x = x if last else torch.nn.functional.silu(x)
        vector += x
    pipe.unet.time_embedding.register_forward_hook(lambda module, given, out: out + vector)
    assert np.array_equal(picture(made), drawn(pipe, "a town", drawing))
    assert made.grid == grid
    fast = generators.load(tmp_path, "cpu", "bfloat16").sample(Condition("a town", cloud=0.0), grid, 7, drawing)
    assert np.abs(fast.data.astype(int) - made.data).mean() < 8
    elsewhere = ours.sample(Condition("a town", cloud=0.0, at=(100.0, -20.0)), grid, 7, drawing)
    assert not np.array_equal(elsewhere.data, made.data)


def test_pixel_size_is_a_class_of_text2earth(tmp_path):
    kit.saved(tmp_path, kit.unet(num_class_embeds=19))
    ours = opened(tmp_path)
    assert ours.defaults.guidance == 4.0
    drawing = Drawing(3, 2.0, "ddim")
    by_gsd = {gsd: ours.sample(Condition("a town", gsd=gsd), SIDE, 7, drawing).data for gsd in (None, 1.0, 1.2, 8.0)}
    assert np.array_equal(by_gsd[1.0], by_gsd[1.2])
    assert not np.array_equal(by_gsd[1.0], by_gsd[8.0])
    assert not np.array_equal(by_gsd[1.0], by_gsd[None])


def test_a_transformer_with_a_flow_draws(tmp_path):
    kit.flow(tmp_path)
    ours = opened(tmp_path)
    assert ours.defaults == Drawing(50, 1.0, "flow")
    assert ours.scheduler(Drawing(4)).sigmas.tolist() == [1.0, 0.75, 0.5, 0.25, 0.0]
    made = ours.sample(Condition("water"), SIDE, 7, Drawing(4, 2.0))
    assert made.data.shape == (3, 16, 16)
    assert np.array_equal(made.data, ours.sample(Condition("water"), SIDE, 7, Drawing(4, 2.0)).data)
    assert not np.array_equal(made.data, ours.sample(Condition("forest and water"), SIDE, 7, Drawing(4, 2.0)).data)
    with pytest.raises(InputError, match="no sampler 'ddim': use one of flow, flow-heun"):
        ours.sample(Condition(), SIDE, 7, Drawing(4, 1.0, "ddim"))


def test_an_inpainting_unet_sees_what_stays(tmp_path):
    kit.saved(tmp_path, kit.unet(channels=9))
    ours = opened(tmp_path)
    keep = raster(np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8))
    keep.valid[:, 8:] = False
    made = ours.sample(Condition("water", keep=keep), SIDE, 7, Drawing(3, 2.0, "ddim"))
    assert np.array_equal(made.data[:, :, :8], keep.data[:, :, :8])
    assert not np.array_equal(
        made.data[:, :, 8:], ours.sample(Condition("water"), SIDE, 7, Drawing(3, 2.0, "ddim")).data[:, :, 8:]
    )


def test_an_autoencoder_may_have_any_number_of_bands(tmp_path):
    kit.saved(tmp_path)
    kit.vae(5).save_pretrained(tmp_path / "vae")
    made = opened(tmp_path).sample(Condition("water"), SIDE, 7, Drawing(2, 1.0, "ddim"))
    assert made.data.shape == (5, 16, 16)
    assert made.data.dtype == np.float32


def test_what_is_no_generator_is_told_from_one(plain, tmp_path, monkeypatch):
    folder, *_ = plain
    assert generators.is_generator(folder)
    assert generators.is_generator("Text2Earth")
    assert not generators.is_generator("nano")
    assert not generators.is_generator(tmp_path)
    with pytest.raises(NotFoundError, match="Did you mean text2earth"):
        generators.load("text2eart")
    with pytest.raises(ModelError, match=r"has no model_index.json"):
        generators.load(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"does not draw: load it with geoglot.load"):
        generators.load(tmp_path)
    monkeypatch.setenv("GEOGLOT_MODELS", str(tmp_path))
    with pytest.raises(NetworkError, match=r"fetch last.ckpt as https://github.com/Sonettoo/CRS-Diff says"):
        generators.load("crs-diff")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NetworkError, match=r"rs-sd|GeoRSSD"):
        generators.load("rs-sd")


def test_a_bad_checkpoint_is_told_before_anything_is_drawn(tmp_path):
    kit.saved(tmp_path)
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    with pytest.raises(ModelError, match="unet cannot be loaded"):
        opened(tmp_path)
    weights.write_bytes(whole)
    state = load_file(weights)
    save_file({name: value for name, value in state.items() if name != "conv_in.bias"}, weights)
    with pytest.raises(ModelMismatchError, match=r"do not fit config.json"):
        opened(tmp_path)
    weights.write_bytes(whole)
    scheduler = tmp_path / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace('"epsilon"', '"score"'))
    with pytest.raises(ModelError, match="only epsilon, v_prediction and sample"):
        opened(tmp_path)


def test_a_unet_of_another_autoencoder_is_refused(tmp_path):
    kit.saved(tmp_path, kit.unet(channels=6))
    with pytest.raises(ModelMismatchError, match="takes 6 channels, and there are 4 of latents"):
        opened(tmp_path)


def test_controls_that_cannot_be_are_refused(tmp_path):
    pipe = kit.saved(tmp_path)
    kit.control_net(pipe.unet, "", tmp_path)
    ours, grid = opened(tmp_path), Grid.at(6, 52, 10, 16)
    assert ours.kinds == ("mask",)
    small = raster(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="8 x 8 pixels, and the scene 16 x 16"):
        ours.sample(Condition(controls=(Control("mask", small),)), grid, 0)
    elsewhere = raster(np.zeros((16, 16, 3), np.uint8), Grid.at(7, 52, 10, 16))
    with pytest.raises(InputError, match="another grid"):
        ours.sample(Condition(controls=(Control("mask", elsewhere),)), grid, 0)
    with pytest.raises(InputError, match="takes no control of the kind 'roads': it takes mask"):
        ours.sample(Condition(controls=(Control("roads", small),)), grid, 0)
    with pytest.raises(InputError, match="has 5 bands: give 3 bands, or one"):
        ours.sample(Condition(controls=(Control("mask", raster(np.zeros((16, 16, 5), np.uint8))),)), grid, 0)
    assert isinstance(ours.parts.network.nets["mask"], ControlNetModel)


def test_a_hubs_pipeline_is_fetched_without_what_is_not_needed(plain, tmp_path, monkeypatch):
    folder, *_ = plain
    place = tmp_path / "hub" / "Zilun" / "GeoRSSD" / "checkpoint" / "20p" / "22000"
    shutil.copytree(folder, place)
    (place / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"half")
    (place / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (place / "pipeline.py").write_text("raise SystemExit")
    monkeypatch.setenv("GEOGLOT_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with hub(tmp_path / "hub") as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        ours = generators.load("rs-sd", "cpu", "float32")
    assert ours.spec.id == "rs-sd"
    assert ours.spec.licence.startswith("Apache-2.0")
    held = {file.name for file in (tmp_path / "cache").rglob("*") if file.is_file() or file.is_symlink()}
    assert "diffusion_pytorch_model.safetensors" in held
    assert not held & {"diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.safetensors", "pipeline.py"}
