"""The detection head: shapes, equal scores by two ways, exact decoding, and that it learns one picture by heart."""

import math

import numpy as np
import torch
from torch import Tensor

from geoglot.data.build.centres import targets
from geoglot.data.build.objects import Objects
from geoglot.geo.boxes import Box
from geoglot.losses.detection import DetectionLossConfig, detection, giou
from geoglot.nn.detection import DetectionConfig, DetectionHead, Found, peaks

CONFIG = DetectionConfig(channels=(8, 12, 16), inner=16, fine=16, deep=1, middle=1, dim=12)


def maps(side: int = 64, seed: int = 0) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    sizes = [math.ceil(side / stride) for stride in (4, 8, 16)]
    return [torch.randn(1, c, s, s, generator=rng) for c, s in zip(CONFIG.channels, sizes, strict=True)]


def known() -> Objects:
    turned = np.array([[20.0, 18.0, 24.0, 8.0, 30.0], [46.0, 44.0, 12.0, 12.0, 0.0]])
    upright = np.array([Box(*row).bounds() for row in turned.tolist()])
    return Objects(("ship", "tank"), upright, turned, np.ones(2, bool), True)


def test_scores_are_cosines_of_the_vectors() -> None:
    torch.manual_seed(0)
    head = DetectionHead(CONFIG)
    found = head(maps())
    assert found.features.shape == (1, 16, 16, 16)
    directions = head.directions(torch.randn(3, 12))
    logits = head.logits(found.features, directions)
    vectors = head.vectors(found.features[0].flatten(1).T)
    wanted = head.scale.exp() * vectors @ directions.T + head.bias
    assert torch.allclose(logits[0].flatten(1).T, wanted, atol=1e-4)


def test_odd_sides_fit() -> None:
    found = DetectionHead(CONFIG)(maps(side=70))
    assert found.edges.shape == (1, 4, 18, 18)
    assert (found.edges > 0).all()


def test_constants_bring_maps_to_one_scale() -> None:
    torch.manual_seed(0)
    head = DetectionHead(CONFIG)
    plain = head(maps())
    stretched = [100 * x + 7 for x in maps()]
    head.prepare(stretched, torch.zeros(2, 12))
    other = DetectionHead(CONFIG)
    other.load_state_dict(head.state_dict())
    for lateral in other.laterals:
        lateral.centre.zero_()
        lateral.spread.fill_(1.0)
    standard = [(x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True) for x in stretched]
    assert torch.allclose(head(stretched).features, other(standard).features, atol=1e-4)
    assert not torch.allclose(plain.features, head(stretched).features)


def test_peaks_undo_targets() -> None:
    objects = known()
    true = targets([(objects, np.ones((64, 64), bool), frozenset({"ship", "tank"}))], ["ship", "tank"], 64, 4)
    logits = torch.where(true.heat >= 1, 4.0, -8.0)
    found = Found(torch.zeros(1, 16, 16, 16), true.edges, true.turned)
    (made,) = peaks(logits, found, 0.1, 50)
    order = made.label.argsort()
    assert made.label[order].tolist() == [0, 1]
    assert np.allclose(made.upright[order].numpy(), objects.upright, atol=1e-3)
    assert np.allclose(made.turned[order].numpy(), objects.turned, atol=1e-3)


def test_what_is_not_marked_is_not_punished() -> None:
    objects = known()
    seen = np.ones((64, 64), bool)
    seen[:, 32:] = False
    true = targets([(objects, seen, frozenset({"ship"}))], ["ship", "tank"], 64, 4)
    assert not true.judged[0, 1].any()
    assert not true.judged[0, 0, :, 8:].any()
    cut = Objects(objects.names, objects.upright, objects.turned, np.array([False, True]), True)
    true = targets([(cut, np.ones((64, 64), bool), frozenset({"ship", "tank"}))], ["ship", "tank"], 64, 4)
    assert not true.judged[0, :, 4, 5].any()
    assert true.heat[0, 0].max() == 0
    assert true.judged[0, 0, 12, 0]


def test_generalised_iou() -> None:
    box = torch.tensor([[2.0, 2.0, 2.0, 2.0]])
    assert giou(box, box).item() == 1.0
    half = torch.tensor([[2.0, 2.0, 0.0, 2.0]])
    assert abs(giou(box, half).item() - 0.5) < 1e-6


def test_it_learns_a_picture_by_heart() -> None:
    torch.manual_seed(0)
    head = DetectionHead(CONFIG)
    texts, seen = torch.randn(2, 12), maps()
    head.prepare(seen, texts)
    true = targets([(known(), np.ones((64, 64), bool), frozenset({"ship", "tank"}))], ["ship", "tank"], 64, 4)
    optimiser = torch.optim.Adam(head.parameters(), 5e-3)
    for _ in range(250):
        found = head(seen)
        loss, _ = detection(
            head.logits(found.features, head.directions(texts)), found.edges, found.turned, true, DetectionLossConfig()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = head(seen)
    (made,) = peaks(head.logits(found.features, head.directions(texts)), found, 0.3, 20)
    best = {int(label): Box.upright(*box) for label, box in zip(made.label.flip(0), made.upright.flip(0).tolist(), strict=True)}
    wanted = [Box.upright(*row) for row in known().upright.tolist()]
    assert all(best[k].iou(wanted[k]) > 0.7 for k in (0, 1))
    vectors = head.vectors(made.features)
    assert (vectors @ head.directions(texts).T).argmax(1).tolist() == made.label.tolist()
