"""Scenes larger than a window: shared noise, no seams, what is known stays, a broken run goes on to the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from geoglot.core.errors import InputError, LockedError, ResourceError
from geoglot.core.protocols import ModelSpec
from geoglot.geo.grid import Grid
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import canvas, guides, planes, schedules
from geoglot.models.cascade import stages
from geoglot.models.condition import Condition, Control, Drawing
from geoglot.models.generator import Generator
from geoglot.models.windows import Layout
from geoglot.nn.noise import noise

torch.set_num_threads(1)
SPEC = ModelSpec("toy", "1", "0", 0, ("red", "green", "blue"), 16, (0.1, 40.0), (0.5,) * 3, (0.5,) * 3, "", "none")
DDIM = {"_class_name": "DDIMScheduler", "clip_sample": False, "prediction_type": "sample"}
NOISE = {**DDIM, "prediction_type": "epsilon"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler"}
BANDS = tuple(Band(name) for name in SPEC.bands)


class Toy(Generator):
    """Says that the clean picture is the noisy one blurred; a flow's network says the difference."""

    kinds = ("coarse", "mask")

    def prepare(self, condition, where, drawing):
        return {control.kind: control.raster for control in condition.controls}, where

    def predict(self, latents, time, windows, prepared):
        clean = F.avg_pool2d(F.pad(latents, (1, 1, 1, 1), mode="reflect"), 3, 1)
        rasters, where = prepared
        if "coarse" in rasters:
            shape = where.shape if isinstance(where, Grid) else where
            parts = [guides.enlarged(rasters["coarse"], shape, window, 3) for window in windows]
            clean = 0.2 * clean + 0.8 * (guides.stacked(parts, latents.device) * 2 - 1)
        flow = self.schedule["_class_name"].startswith("Flow")
        return (latents - clean) / (time / 1000).clamp(min=0.01) if flow else clean


def toy(schedule=DDIM, sampler="ddim", spec=SPEC):
    made = Toy(spec, 16, len(spec.bands), schedule, Drawing(4, 1.0, sampler), torch.device("cpu"), torch.float32)
    made.overlap = 0.5
    return made


def test_noise_is_a_function_of_the_place():
    whole = noise(5, 3, -70, -10, 200, 150)
    assert np.array_equal(noise(5, 3, -3, 60, 20, 30), whole[:, 67:87, 70:100])
    assert abs(whole.mean()) < 0.02
    assert abs(whole.std() - 1) < 0.02
    assert not np.array_equal(noise(6, 3, 0, 0, 8, 8), noise(5, 3, 0, 0, 8, 8))
    assert not np.array_equal(noise(5, 3, 0, 0, 8, 8, stage=1), noise(5, 3, 0, 0, 8, 8))


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("shape", [(16, 16), (40, 23), (16, 31)])
def test_windows_cover_a_scene_and_their_weights_sum_to_one(shape, step):
    layout = Layout(shape, 16, 0.25, step)
    total = np.zeros(shape)
    for (row, col, height, width), weight in layout:
        assert row >= 0
        assert row + height <= max(16, shape[0])
        total[row : row + height, col : col + width] += weight
    assert np.allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "sampler"),
    [*((NOISE, name) for name in schedules.names(False)), *((FLOW, name) for name in schedules.names(True))],
)
def test_a_broken_run_goes_on_to_the_same_pixels(schedule, sampler, tmp_path, monkeypatch):
    model = toy(schedule, sampler)
    whole = model.sample(Condition(), (20, 37), 3)
    monkeypatch.setattr(canvas, "PART", 3 * 37 * 8)
    begun = canvas.Canvas(model, Condition(), (20, 37), 3, model.defaults, tmp_path / "work")
    begun.advance()
    begun.advance()
    begun.close()
    again = canvas.Canvas(model, Condition(), (20, 37), 3, model.defaults, tmp_path / "work")
    assert again.done == 2
    again.run()
    assert np.array_equal(again.raster().data, whole.data)
    again.close()
    other = canvas.Canvas(model, Condition("other"), (20, 37), 3, model.defaults, tmp_path / "work")
    assert other.done == 0
    with pytest.raises(LockedError, match="Another process draws"):
        canvas.Canvas(model, Condition("other"), (20, 37), 3, model.defaults, tmp_path / "work")
    other.remove()
    assert not (tmp_path / "work").exists()


def test_there_is_no_seam(monkeypatch):
    monkeypatch.setattr(Toy, "factor", None)
    data = toy().sample(Condition(), (80, 80), 1, Drawing(8)).data.astype(float)
    across = np.abs(np.diff(data, axis=2)).mean((0, 1))
    borders = [k - 1 for k in range(8, 80, 8)]  # where windows of the last step end
    inside = [k for k in range(79) if k not in borders]
    assert across[borders].mean() < 1.1 * across[inside].mean()


def test_what_is_known_stays_and_is_seen():
    model = toy()
    data = np.full((3, 30, 40), 200, np.uint8)
    keep = Raster(data, np.zeros((30, 40), bool), None, BANDS)
    keep.valid[:, :25] = True
    made = model.sample(Condition(keep=keep), (30, 40), 2)
    assert np.array_equal(made.data[:, :, :25], data[:, :, :25])
    plain = model.sample(Condition(), (30, 40), 2)
    near, far = made.data[:, :, 25:27].mean(), plain.data[:, :, 25:27].mean()
    assert near > far + 5  # the blur takes in what is known beside it
    assert made.valid.all()


def test_a_cascade_draws_the_coarse_scene_first(tmp_path):
    model = toy()
    model.factor = 4
    grid = Grid.at(6, 52, 2.0, (64, 50))
    drawing = model.defaults
    scene = model.canvas(Condition("town"), grid, 4, None, tmp_path / "work")
    assert [one.shape for one in scene.stages] == [(16, 13), (64, 50)]
    assert scene.stages[0].gsd == pytest.approx(8, rel=0.1)
    assert scene.steps == 2 * drawing.steps
    for _ in range(6):
        scene.advance()
    scene.close()
    again = model.canvas(Condition("town"), grid, 4, None, tmp_path / "work")
    assert again.done == 6
    again.run()
    made = again.raster()
    assert made.grid == grid
    assert np.array_equal(made.data, model.sample(Condition("town"), grid, 4).data)
    coarse = model.sample(Condition("town"), scene.stages[0], 4)
    fine = F.adaptive_avg_pool2d(torch.from_numpy(made.data).float(), (16, 13)).numpy()
    assert np.corrcoef(fine.ravel(), coarse.data.ravel())[0, 1] > 0.9
    # pixels of more than 40 m are none of this model's
    assert len(stages(model, Condition(gsd=11.0), (64, 50))) == 1
    assert len(stages(model, Condition(), (300, 50))) == 4
    again.remove()
    assert not (tmp_path / "work").exists()


def test_any_number_of_bands():
    spec = ModelSpec("many", "1", "0", 0, ("blue", "nir", "swir16", "vv", "vh"), 16, (1, 99), (0.5,) * 5, (0.5,) * 5, "", "")
    made = toy(spec=spec).sample(Condition(), (16, 20), 0)
    assert made.data.shape == (5, 16, 20)
    assert made.data.dtype == np.float32
    assert 0 <= made.data.min() < made.data.max() <= 1
    assert [band.name for band in made.bands] == list(spec.bands)


def test_what_cannot_be_is_refused_before_anything_is_drawn(monkeypatch, tmp_path):
    model = toy()
    monkeypatch.setattr(model, "predict", None)
    mask = Raster(np.zeros((1, 9, 9), np.uint8), np.ones((9, 9), bool), None, (Band("class"),))
    with pytest.raises(InputError, match="read it on the scene's grid first"):
        model.sample(Condition(controls=(Control("mask", mask),)), (16, 16), 0)
    with pytest.raises(InputError, match="has 1 bands, and toy draws 3"):
        model.sample(Condition(keep=Raster(mask.data, mask.valid, None, mask.bands)), (9, 9), 0)
    with pytest.raises(InputError, match="takes no control of the kind 'roads'"):
        model.sample(Condition(controls=(Control("roads", mask),)), (9, 9), 0)
    with pytest.raises(InputError, match="no sampler 'best'"):
        model.sample(Condition(), (16, 16), 0, Drawing(sampler="best"))
    with pytest.raises(InputError, match="which 'pndm' does not take: use one of ddim"):
        model.sample(Condition(), (16, 16), 0, Drawing(sampler="pndm"))
    with pytest.raises(ResourceError, match=r"canvas\(..., folder=...\)"):
        model.sample(Condition(), (10**6, 10**6), 0)
    monkeypatch.setattr(planes.shutil, "disk_usage", lambda folder: type("Free", (), {"free": 1000})())
    with pytest.raises(ResourceError, match="give a folder on another disk"):
        model.canvas(Condition(), (160, 160), 0, None, tmp_path / "work")


def test_coarser_pixels_are_the_same_in_any_window():
    rng = np.random.default_rng(0)
    coarse = Raster(rng.random((3, 5, 7), np.float32), np.ones((5, 7), bool), None, BANDS)
    whole = guides.enlarged(coarse, (20, 28), (0, 0, 20, 28), 3)
    assert np.allclose(guides.enlarged(coarse, (20, 28), (3, 6, 9, 11), 3), whole[:, 3:12, 6:17], atol=1e-6)
    told = F.interpolate(torch.from_numpy(coarse.data)[None], (20, 28), mode="bilinear")[0].numpy()
    assert np.allclose(whole, told, atol=1e-5)
    assert guides.smaller(coarse, (5, 7), None).data == pytest.approx(coarse.data, abs=1e-6)
