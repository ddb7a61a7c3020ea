"""The classic baseline learns what colours say, and its parts have the shapes that they should."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from geoglot.data.sample import Picture, Sample, Turn
from geoglot.evals import classic
from geoglot.nn.cnn_lstm import Answerer, Captioner

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 200)}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classic, "BATCH", 6)
    monkeypatch.setattr(classic, "RATE", 3e-3)


def part(many: int) -> classic.Part:
    """Pictures of one colour each, what is said of them, and a question."""
    generator = torch.Generator().manual_seed(many)
    pixels, samples = [], []
    for k in range(many):
        name = list(COLOURS)[k % 3]
        colour = torch.tensor(COLOURS[name])[:, None, None] + torch.randint(-20, 20, (3, 32, 32), generator=generator)
        pixels.append(colour.clamp(0, 255).to(torch.uint8))
        turns = (
            Turn("What is the theme of this picture?", "none"),
            Turn("Which colour is it?", name),
            Turn("Is it red?", "yes" if name == "red" else "no"),
        )
        samples.append(
            Sample(str(k), "x", (Picture(Path(f"{k}.png")),), (f"a {name} field .", f"this is a {name} field ."), turns=turns)
        )
    return classic.Part(torch.stack(pixels), tuple(samples))


def test_captions_of_colours() -> None:
    report, given = classic.captions(part(24), part(3), part(6), 24)
    assert report["validation cider"] > 0
    assert [next(name for name in COLOURS if name in text) for text in given] == [list(COLOURS)[k % 3] for k in range(6)]


def test_answers_with_and_without_the_picture() -> None:
    _, seeing = classic.answers(part(12), part(3), part(6), 12)
    _, blind = classic.answers(part(12), part(3), part(6), 12, blind=True)
    assert seeing.result()["accuracy"] > 95
    assert blind.result()["accuracy"] < 60
    assert set(seeing.per_type()) == {"which", "is"}


def test_shapes_and_ends() -> None:
    model = Captioner(7).eval()
    assert model(torch.rand(2, 3, 32, 32), torch.tensor([[1, 4, 5], [1, 6, 0]])).shape == (2, 3, 7)
    said = model.caption(torch.rand(3, 3, 32, 32), 5)
    assert len(said) == 3
    assert all(len(row) <= 5 and Captioner.END not in row for row in said)
    asks = Answerer(9, 4).eval()
    short, long = torch.tensor([[5, 6]]), torch.tensor([[5, 6, 0, 0]])
    pixels = torch.rand(1, 3, 32, 32)
    assert torch.allclose(asks(pixels, short), asks(pixels, long)), "what fills up says nothing"
