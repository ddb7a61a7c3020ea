import pytest
import torch

from geoglot.core.errors import InputError
from geoglot.nn.batch import Features, ImageBatch


def test_of_leaves_the_unknown_unknown() -> None:
    batch = ImageBatch.of(torch.zeros(2, 3, 8, 6))
    assert batch.valid.all()
    assert batch.gsd.isnan().all()
    assert batch.lonlat.shape == (2, 2)
    assert len(batch[slice(0, 1)]) == 1
    assert batch.to("cpu").pixels.shape == (2, 3, 8, 6)


def test_shapes_must_belong_together() -> None:
    with pytest.raises(InputError, match="valid must be"):
        ImageBatch.of(torch.zeros(2, 3, 8, 6), torch.ones(2, 6, 8, dtype=torch.bool))
    with pytest.raises(InputError, match="stack the images"):
        ImageBatch.of(torch.zeros(3, 8, 6))
    with pytest.raises(InputError, match="gsd must be"):
        ImageBatch.of(torch.zeros(2, 3, 8, 6), gsd=torch.ones(3))


def test_features_make_a_map() -> None:
    tokens = torch.arange(12.0).reshape(1, 6, 2)
    assert Features(torch.zeros(1, 2), tokens, (2, 3)).map()[0, 1, 0].tolist() == [6.0, 7.0]
    with pytest.raises(InputError, match="6 tokens"):
        Features(torch.zeros(1, 2), tokens, (2, 2))
