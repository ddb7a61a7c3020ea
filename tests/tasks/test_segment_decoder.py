"""Segment by a decoder: masks in the same windows, threshold, one label, resume, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import nano_kit
from geoglot import models
from geoglot.core.errors import InputError, ModelError, NotFoundError
from geoglot.geo.raster import Raster
from geoglot.geo.sensors import Band
from geoglot.models import decoder, nano
from geoglot.models.decoder import DecoderCard, Segmenter
from geoglot.nn.batch import ImageBatch
from geoglot.nn.decoder import Decoder, DecoderConfig
from geoglot.tasks.segment import Settings, segment
from geoglot.tasks.segment.asked import Request
from geoglot.tasks.segment.raster import RasterSegmenter
from geoglot.tasks.segment.ready import ready
from geoglot.tasks.work import folder_of
from segment_kit import Painter, fields, write

SHAPE = (203, 317)
HOW: dict[str, Any] = {"templates": ("{}",), "progress": False, "tile": 192, "batch": 16}


class Files:
    """A tiny model, a decoder of it, and a scene."""

    def __init__(self, folder: Path) -> None:
        self.model, self.decoder = folder / "tiny.safetensors", folder / "masks.safetensors"
        nano.save(nano_kit.tiny_nano(), self.model, "none")
        self.spec = nano.restore(self.model)[1]
        torch.manual_seed(1)
        made = Decoder(DecoderConfig(channels=(16, 32, 32), inner=(4, 4, 8), blocks=(1, 1, 1), dim=16))
        for parameter in made.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
        self.card = DecoderCard(self.spec.hash, (0, 1, 2), 4, ("water",), {"dubai/mIoU": 12.5})
        decoder.save(made, self.card, self.decoder, self.spec)
        self.scene = write(folder / "fields.tif", fields(*SHAPE))

    def load(self) -> models.Ready:
        return models.load(str(self.model), dtype="float32")

    def made(self, labels: str | None = "water,forest,ships", model: Any = None, **more: Any) -> Any:
        how = {"decoder": self.decoder} | HOW | more
        return segment(model or self.load(), self.scene, labels, **how)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_file_keeps_all(files: Files) -> None:
    _, card, digest = decoder.restore(files.decoder)
    assert card == files.card
    assert len(digest) == 32
    one = Segmenter(files.load(), *decoder.restore(files.decoder))
    batch = ImageBatch.of(torch.rand(2, 3, 48, 64))
    asked = one.texts(files.load().text(["water", "forest"]))
    whole = one.logits(batch, asked)
    assert whole.shape == (2, 12, 16, 2)
    assert torch.allclose(one.logits(batch[slice(1, 2)], asked[1:])[0, ..., 0], whole[1, ..., 1], atol=1e-4)


def test_invalid_pixels_change_nothing(files: Files) -> None:
    one = Segmenter(files.load(), *decoder.restore(files.decoder))
    pixels, valid = torch.rand(1, 3, 64, 64), torch.ones(1, 64, 64, dtype=torch.bool)
    valid[:, 20:40] = False
    other = torch.where(valid[:, None], pixels, torch.rand(1, 3, 64, 64))
    asked = one.texts(files.load().text(["water"]))
    assert torch.equal(one.logits(ImageBatch.of(pixels, valid), asked), one.logits(ImageBatch.of(other, valid), asked))


def test_one_window_and_many_agree(files: Files) -> None:
    whole, cut = files.made(tile=512), files.made(tile=256)
    assert (whole.read() == cut.read()).mean() > 0.9
    assert set(np.unique(whole.read())) <= {1, 2, 3}
    assert whole.names == ("water", "forest", "ships")


def test_one_label_is_drawn_where_it_is_likelier_than_not(files: Files) -> None:
    alone = files.made("water")
    assert all(row["score"] >= 0.499 for row in alone.rows() if row["pixels"])  # also of what is nothing of these
    scores = files.made("water", threshold=0.01)
    assert set(np.unique(alone.read())) <= {0, 1}
    assert (scores.read() == 1).mean() >= (alone.read() == 1).mean()
    assert (files.made("water", threshold=0).read() == 1).all(), "0 is a threshold too"
    high = files.made("water", threshold=0.99)
    assert (high.read() == 1).sum() <= (alone.read() == 1).sum()


def test_none_is_what_no_mask_holds(files: Files) -> None:
    found, among = files.made(none=True).read(), files.made().read()
    inside = found > 0
    assert (found[inside] == among[inside]).all()
    assert (~inside).any()


def test_protocols_of_pixels_ask_a_decoder_alone(files: Files, tmp_path: Path) -> None:
    picture = fields(*SHAPE)
    files.scene = write(tmp_path / "plain.tif", picture, crs=None)
    bands = tuple(Band(name) for name in ("red", "green", "blue"))
    asked = RasterSegmenter(files.load(), background=True, decoder=files.decoder, templates=("{}",), tile=192, batch=16)
    found = asked.segment(Raster(picture, np.ones(SHAPE, bool), None, bands), [("water",), ("forest",)])
    assert (found == files.made("water,forest", none=True).read()).all()


def test_examples_are_half_of_what_is_asked(files: Files, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 50, 3), 200, np.uint8)).save(tmp_path / "chip.png")
    plain, shown = files.made(), files.made(examples={"forest": [tmp_path / "chip.png"]})
    assert (plain.read() != shown.read()).any()
    one = Segmenter(files.load(), *decoder.restore(files.decoder))
    model = files.load()
    vector = model.image(ImageBatch.of(torch.full((1, 3, 32, 32), 200 / 255)))
    asked = torch.nn.functional.normalize(one.texts(model.text(["forest"])) + one.images(vector), dim=-1)
    request = Request(
        "water,forest,ships",
        None,
        None,
        None,
        Settings(decoder=files.decoder, examples={"forest": [tmp_path / "chip.png"]}, templates=("{}",)),
    )
    found = ready(request, model, []).look.masks
    assert found is not None
    assert torch.allclose(found.conditions[1:2], asked, atol=1e-5)
    assert torch.allclose(found.conditions[0:1], one.texts(model.text(["water"])), atol=1e-5)


class Stopping:
    """Stands before a model and fails after some windows."""

    def __init__(self, model: Any, stop: int | None = None) -> None:
        self.inner, self.stop, self.windows = model, stop, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def depths(self, batch: ImageBatch, *rest: Any) -> Any:
        self.windows += len(batch)
        if self.stop is not None and self.windows > self.stop:
            raise KeyboardInterrupt
        return self.inner.depths(batch, *rest)


def test_an_interrupted_run_goes_on(files: Files, tmp_path: Path) -> None:
    whole, out = Stopping(files.load()), tmp_path / "map.tif"
    expected = files.made(model=whole, tile=160).read()
    with pytest.raises(KeyboardInterrupt):
        files.made(model=Stopping(files.load(), whole.windows * 2 // 3), out=out, tile=160)
    assert (folder_of(out) / "state.json").exists()
    rest = Stopping(files.load())
    assert (files.made(model=rest, out=out, tile=160).read() == expected).all()
    assert 0 < rest.windows < whole.windows


def test_another_decoder_is_another_request(files: Files, tmp_path: Path) -> None:
    out = tmp_path / "map.tif"
    files.made(out=out)
    same = Stopping(files.load())
    files.made(model=same, out=out)
    assert same.windows == 0
    made, card, _ = decoder.restore(files.decoder)
    made.film.bias.data += 1
    decoder.save(made, card, files.decoder, files.spec)
    files.made(model=same, out=out)
    assert same.windows > 0


def test_refused(files: Files, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no decoder"):
        files.made(decoder=tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="holds no decoder"):
        files.made(decoder=files.model)
    nano.save(nano_kit.tiny_nano(seed=3), tmp_path / "other.safetensors", "none")
    with pytest.raises(ModelError, match="made for a model of hash"):
        files.made(model=models.load(str(tmp_path / "other.safetensors"), dtype="float32"))
    painter = Painter()
    decoder.save(decoder.restore(files.decoder)[0], DecoderCard(painter.spec.hash, (0,), 4), files.decoder, painter.spec)
    with pytest.raises(ModelError, match="shows no maps"):
        files.made(model=painter)
    assert painter.windows == 0
    with pytest.raises(InputError, match="leave out the upsampler"):
        files.made(bias=0.3)
    with pytest.raises(InputError, match="which is no label"):
        files.made(examples={"town": [files.scene]})
    with pytest.raises(InputError, match="Examples are for a decoder"):
        files.made(decoder=None, examples={"water": [files.scene]})
    with pytest.raises(InputError, match="masks of words"):
        files.made(None, head=tmp_path / "head.safetensors")


def test_a_decoder_of_other_depths_is_told(files: Files) -> None:
    made, card, _ = decoder.restore(files.decoder)
    decoder.save(made, DecoderCard(card.model, (0, 1, 7), 4), files.decoder, files.spec)
    with pytest.raises(ModelError, match="has the stages"):
        files.made()
