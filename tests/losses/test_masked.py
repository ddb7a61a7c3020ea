"""Masked language and image modelling: what is hidden, and the error on it written out."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from geoglot.losses import masked_image as images
from geoglot.losses import masked_language as language
from geoglot.losses.masked_image import MaskedImageConfig
from geoglot.losses.masked_language import MaskedLanguageConfig


def test_tokens_are_hidden_in_the_stated_shares() -> None:
    rng = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 1000, (400, 50), generator=rng)
    free = torch.ones_like(ids, dtype=torch.bool)
    free[:, 0] = free[:, 40:] = False
    seen, chosen = language.hide(ids, free, 4, 1000, MaskedLanguageConfig(), rng)
    assert not chosen[~free].any()
    assert float(chosen[free].float().mean()) == pytest.approx(0.15, abs=0.01)
    assert float((seen[chosen] == 4).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((seen[chosen] == ids[chosen]).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert torch.equal(seen[~chosen], ids[~chosen])


def test_every_text_has_something_to_tell_if_anything_may_be_hidden() -> None:
    ids = torch.ones(50, 3, dtype=torch.long)
    free = torch.tensor([[False, True, False]]).repeat(50, 1)
    free[0] = False
    _, chosen = language.hide(ids, free, 0, 9, MaskedLanguageConfig(share=0.01), torch.Generator().manual_seed(0))
    assert chosen.sum(1).tolist() == [0] + [1] * 49


def test_masked_language_is_the_mean_over_chosen_tokens() -> None:
    torch.manual_seed(0)
    logits, ids = torch.randn(2, 4, 6), torch.randint(0, 6, (2, 4))
    chosen = torch.tensor([[True, False, False, True], [False, False, True, False]])
    wanted = [-float(F.log_softmax(logits[b, t], 0)[ids[b, t]]) for b, t in ((0, 0), (0, 3), (1, 2))]
    assert float(language.masked_language(logits, ids, chosen)) == pytest.approx(np.mean(wanted), rel=1e-5)
    assert float(language.masked_language(logits, ids, torch.zeros_like(chosen))) == 0.0


def test_equally_many_patches_are_hidden() -> None:
    hidden = images.hide(5, (4, 6), MaskedImageConfig(share=0.6), torch.Generator().manual_seed(0))
    assert hidden.sum(1).tolist() == [14] * 5
    assert len({tuple(row) for row in hidden.tolist()}) == 5
    assert images.hide(1, (1, 2), MaskedImageConfig(share=0.9)).sum() == 1


def test_patches_are_in_row_major_order() -> None:
    pixels = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    cut = images.patches(pixels, 2)
    assert cut.shape == (1, 6, 8)
    assert cut[0, 1].tolist() == [2, 26, 3, 27, 8, 32, 9, 33]


@pytest.mark.parametrize("kind", ["mae", "simmim"])
def test_masked_image_patch_by_patch(kind: str) -> None:
    rng = np.random.default_rng(0)
    pixels, told = rng.random((2, 3, 4, 4), dtype=np.float32), rng.normal(size=(2, 4, 12)).astype(np.float32)
    valid = np.ones((2, 4, 4), bool)
    valid[0, 0, 1] = False
    pixels[0, :, 0, 1] = np.nan
    hidden = np.array([[1, 0, 0, 1], [0, 1, 0, 0]], bool)
    total, count = 0.0, 0
    for b, p in zip(*np.nonzero(hidden), strict=True):
        r, c = 2 * (p // 2), 2 * (p % 2)
        window = pixels[b, :, r : r + 2, c : c + 2].transpose(1, 2, 0).reshape(-1)
        seen = np.repeat(valid[b, r : r + 2, c : c + 2].reshape(-1), 3)
        target = window[seen]
        if kind == "mae":
            target = (target - target.mean()) / np.sqrt(target.var(ddof=1) + 1e-6)
        error = told[b, p][seen] - target
        total += float((error**2).sum() if kind == "mae" else np.abs(error).sum())
        count += int(seen.sum())
    config = MaskedImageConfig(patch=2, kind=kind)
    made = torch.from_numpy(told).requires_grad_()
    found = images.masked_image(made, torch.from_numpy(pixels), torch.from_numpy(hidden), torch.from_numpy(valid), config)
    assert float(found.detach()) == pytest.approx(total / count, rel=1e-4)
    found.backward()
    assert made.grad is not None
    assert made.grad.isfinite().all()
    assert made.grad[~torch.from_numpy(hidden)].abs().sum() == 0
