"""Distillation on a problem whose answer is known: two points, and the exact denoiser between them as the teacher."""

from __future__ import annotations

import torch
from torch import nn

from geoglot.losses.distil import between, distil, goal, step, walk

STEPS, EACH = 2, 16


def levels(time):
    return 1 - time, time


def exact(x, time):
    """The mean of the points -1 and 1 given a noisy value: a flow's best denoiser."""
    signal, noise = (one.reshape(-1, 1) for one in levels(time))
    return torch.tanh(signal * x / noise.square().clamp(min=1e-6))


def test_a_goal_leads_where_the_teacher_went():
    torch.manual_seed(0)
    x, now, then = torch.randn(64, 1), torch.full((64,), 0.9), torch.full((64,), 0.3)
    after = walk(exact, x, between(now, then, EACH), levels)
    wanted = goal(x, after, levels(now), levels(then))
    torch.testing.assert_close(step(x, wanted, levels(now), levels(then)), after, atol=1e-5, rtol=1e-4)
    end = torch.zeros(64)
    last = walk(exact, x, between(now, end, EACH), levels)
    torch.testing.assert_close(goal(x, last, levels(now), levels(end)), last)


def test_a_student_draws_in_two_steps_what_its_teacher_cannot():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
    times = torch.tensor([1.0, 0.5, 0.0])

    def student(x, time):
        return net(torch.cat([x, time[:, None]], 1))

    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(300):
        number = torch.randint(STEPS, (256,))
        now, then = times[number], times[number + 1]
        clean, noise = torch.randint(2, (256, 1)) * 2.0 - 1, torch.randn(256, 1)
        x = (1 - now[:, None]) * clean + now[:, None] * noise
        with torch.no_grad():
            after = walk(exact, x, between(now, then, EACH), levels)
            wanted = goal(x, after, levels(now), levels(then))
        loss = distil(student(x, now), wanted, levels(now))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    start = torch.randn(2000, 1)
    with torch.no_grad():
        path = times.expand(2000, -1)
        by_student, by_teacher, slowly = (
            walk(student, start, path, levels),
            walk(exact, start, path, levels),
            walk(exact, start, torch.linspace(1, 0, 33).expand(2000, -1), levels),
        )

    def off(x):  # how far from the two points
        return float((x.abs() - 1).abs().mean())

    assert off(slowly) < 0.01
    assert off(by_student) < 0.2 < 0.35 < off(by_teacher)
    assert float((by_student - slowly).abs().mean()) < 0.2
