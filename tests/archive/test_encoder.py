"""The bridge from torch models to ingest, and the verbs as functions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from archive_kit import FakeEncoder

import geoglot as gg
from geoglot.archive.encoder import DualEncoder
from geoglot.archive.encoding import tile_encoder
from geoglot.core.errors import ModelError


class Tower:
    """A dual encoder of which only the image tower matters: the mean colour."""

    def __init__(self):
        self.spec = FakeEncoder(dim=3, size=8).spec
        self.batches = []

    def image(self, batch):
        self.batches.append(batch)
        means = batch.pixels.mean(dim=(2, 3))
        return torch.nn.functional.normalize(means, dim=-1)


def test_a_dual_becomes_an_encoder_of_tiles():
    tower = Tower()
    encoder = tile_encoder(tower)
    assert isinstance(encoder, DualEncoder)
    tiles, seen = np.random.default_rng(0).random((4, 3, 8, 8), dtype=np.float32), np.ones((4, 8, 8), bool)
    seen[1, :4] = False
    tiles[1, :, :4] = 0
    whole = tiles.copy()
    vectors = encoder.encode(tiles, seen, np.full(4, 10, np.float32))
    assert vectors.shape == (4, 3)
    assert vectors.dtype == np.float32
    (batch,) = tower.batches
    assert batch.gsd.tolist() == [10] * 4
    assert (batch.pixels[1, :, :4] == 0.5).all()  # what was not observed is of the model's mean colour
    assert np.array_equal(batch.pixels[0].numpy(), whole[0])
    assert not batch.valid[1, :4].any()


def test_parts_of_a_batch_are_encoded_side_by_side_in_order():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        tower, tiles = Tower(), np.random.default_rng(0).random((9, 3, 8, 8), dtype=np.float32)
        vectors = DualEncoder(tower).encode(tiles, np.ones((9, 8, 8), bool), np.full(9, 10, np.float32))
        assert sorted(len(batch) for batch in tower.batches) == [4, 5]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    means = tiles.mean(axis=(2, 3))
    assert np.allclose(vectors, means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-6)


def test_values_that_are_not_numbers_are_refused():
    class Broken(Tower):
        def image(self, batch):
            return super().image(batch) * float("nan")

    with pytest.raises(ModelError, match="float32"):
        DualEncoder(Broken()).encode(np.ones((1, 3, 8, 8), np.float32), np.ones((1, 8, 8), bool), np.ones(1, np.float32))
    with pytest.raises(ModelError, match="encodes neither"):
        tile_encoder(object())


def test_the_verbs_of_the_package(folder, tmp_path, encoder):
    archive = gg.index([folder], model=encoder, out=tmp_path / "archive", progress=False)
    assert isinstance(archive, gg.Archive)
    assert archive.report.tiles == len(archive) == 21
    assert gg.plan([folder], model=encoder).tiles == 21
    assert len(gg.retrieve(encoder, folder, "red", k=2)) == 2
    assert "retrieve" in dir(gg)
    with pytest.raises(AttributeError, match="it has"):
        gg.nothing  # noqa: B018
