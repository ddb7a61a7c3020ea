"""What denoisers are taught, against diffusers' own schedules."""

from __future__ import annotations

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler

from geoglot.losses import diffusion, flow

torch.manual_seed(0)
CLEAN, NOISE = torch.randn(2, 6, 3, 4, 4)
TIMES = torch.tensor([0, 10, 100, 400, 900, 999])
SCHEDULE = DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
ALPHA = SCHEDULE.alphas_cumprod[TIMES]
PREDICTS = ["epsilon", "v_prediction", "sample"]


def test_noise_and_velocity_are_those_of_diffusers():
    torch.testing.assert_close(diffusion.noised(CLEAN, NOISE, ALPHA), SCHEDULE.add_noise(CLEAN, NOISE, TIMES))
    told = SCHEDULE.get_velocity(CLEAN, NOISE, TIMES)
    torch.testing.assert_close(diffusion.target(CLEAN, NOISE, ALPHA, "v_prediction"), told)


@pytest.mark.parametrize("predicts", PREDICTS)
def test_what_is_meant_is_the_clean_latents(predicts):
    x = diffusion.noised(CLEAN, NOISE, ALPHA)
    said = diffusion.target(CLEAN, NOISE, ALPHA, predicts)
    torch.testing.assert_close(diffusion.clean_of(said, x, ALPHA, predicts), CLEAN, atol=1e-3, rtol=1e-3)
    assert float(diffusion.diffusion(said, said, ALPHA, predicts)) == 0


@pytest.mark.parametrize("predicts", PREDICTS)
def test_min_snr_weights_one_error_alike_whatever_is_said(predicts):
    """The same error of the clean latents counts min(SNR, 5) in each form."""
    x = diffusion.noised(CLEAN, NOISE, ALPHA)
    off = 0.1 * torch.randn(CLEAN.shape, generator=torch.Generator().manual_seed(1))
    said = {
        "sample": CLEAN + off,
        "epsilon": (x - diffusion._like(ALPHA, x).sqrt() * (CLEAN + off)) / (1 - diffusion._like(ALPHA, x)).sqrt(),
        "v_prediction": (diffusion._like(ALPHA, x).sqrt() * x - (CLEAN + off)) / (1 - diffusion._like(ALPHA, x)).sqrt(),
    }[predicts]
    loss = diffusion.diffusion(said, diffusion.target(CLEAN, NOISE, ALPHA, predicts), ALPHA, predicts)
    ratio = (ALPHA / (1 - ALPHA)).clamp(max=5)
    assert float(loss) == pytest.approx(float((ratio * off.square().flatten(1).mean(1)).mean()), rel=1e-3)
    plain = diffusion.diffusion(said, said + 1, ALPHA, predicts, diffusion.DiffusionConfig(gamma=None))
    assert float(plain) == pytest.approx(1, rel=1e-4)


def test_a_flow_is_straight():
    schedule = FlowMatchEulerDiscreteScheduler()
    schedule.set_timesteps(4)
    sigma = schedule.sigmas[:4]
    made = flow.between(CLEAN[:4], NOISE[:4], sigma)
    torch.testing.assert_close(made, schedule.scale_noise(CLEAN[:4], schedule.timesteps, NOISE[:4]))
    assert float(flow.flow(NOISE - CLEAN, CLEAN, NOISE)) == 0
    after = schedule.step(NOISE[:1] - CLEAN[:1], schedule.timesteps[0], NOISE[:1]).prev_sample
    torch.testing.assert_close(after, flow.between(CLEAN[:1], NOISE[:1], sigma[1:2]))
    drawn = flow.times(torch.rand(1000, generator=torch.Generator().manual_seed(0)), flow.FlowConfig())
    assert 0 < float(drawn.min()) < float(drawn.max()) < 1
    assert float(torch.logit(drawn).std()) == pytest.approx(1, abs=0.1)
