"""Which object a question means, asked of a picture and of its mirror images, whose answers are averaged."""

from __future__ import annotations

import torch
from torch import Tensor

from geoglot.geo.symmetry import Symmetry
from geoglot.models.nano_eyes import Seen, objects
from geoglot.nn.pointer import Objects, Pointer, moved
from geoglot.nn.talk import Talk
from geoglot.text.directions import rewrite
from geoglot.text.pieces import Pieces

MIRRORS = (  # and which sides change places
    (Symmetry(), ()),
    (Symmetry(0, True), (0,)),
    (Symmetry(2, True), (1,)),
    (Symmetry(2), (0, 1)),
)


@torch.inference_mode()
def pointed(pointer: Pointer, talk: Talk, pieces: Pieces, seen: Seen, question: str) -> tuple[Tensor, Tensor]:
    """Chances (K + 1,) of the objects that were found, the last of none of them, and their boxes (K, 4) in the unit square.

    A mirror image counts where the question has certain words for it (`text.directions.rewrite`).
    """
    found = objects([seen], next(pointer.parameters()).device)
    chances, boxes = [], []
    for move, sides in MIRRORS:
        told = rewrite(question, move)
        if told is None:
            continue
        ids = torch.tensor([pieces.ids(told)[: pointer.config.longest]], device=found.boxes.device)
        here = Objects(_flipped(found.boxes, sides), found.features, found.there)
        logits, by = pointer(here, talk.words(ids), torch.ones_like(ids, dtype=torch.bool))
        chances.append(logits[0].log_softmax(-1))
        boxes.append(_flipped(moved(here.boxes, by), sides)[0])
    return torch.stack(chances).mean(0).softmax(-1).cpu(), torch.stack(boxes).mean(0).cpu()


def _flipped(boxes: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Boxes (..., 4) of a picture mirrored from left to right (0) or from top to bottom (1)."""
    made = boxes.clone()
    for side in sides:
        made[..., side], made[..., side + 2] = 1 - boxes[..., side + 2], 1 - boxes[..., side]
    return made
