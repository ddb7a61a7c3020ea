"""What `nano_chat` teaches the head of presence: which kinds of things pictures have, by the premises that are true and false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from geoglot.models.leaning import summary
from geoglot.models.nano_eyes import Seen
from geoglot.nn.presence import Presence, fit
from geoglot.zoo._talk_batches import Row

LEAST = 12  # pictures that have a kind, and that lack it, for it to be known
YES, NO = "premise", "refusal"


class Known(NamedTuple):
    """The head and the kinds that it knows."""

    head: Presence
    kinds: tuple[str, ...]


def taught(rows: Sequence[Row], seen: Sequence[Seen]) -> Known | None:
    """Fit the head on pictures alone, not dates; None where they tell of no kind often enough."""
    shown = [row for row in rows if len(row.seen) == 1 and (row.asks.get(YES) or row.asks.get(NO))]
    has, lacks = ([{ask.label for ask in row.asks.get(task, ()) if ask.label} for row in shown] for task in (YES, NO))
    often = [Counter(label for labels in some for label in labels) for some in (has, lacks)]
    kinds = tuple(sorted(label for label in often[0] if min(often[0][label], often[1][label]) >= LEAST))
    if not kinds:
        return None
    x = torch.from_numpy(np.stack([summary(seen[row.seen[0]]) for row in shown]))
    there, gone = (torch.tensor([[kind in labels for kind in kinds] for labels in some]) for some in (has, lacks))
    return Known(fit(x, there, there | gone), kinds)
