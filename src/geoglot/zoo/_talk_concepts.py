"""The phrases whose likeness with a picture and its cells `nano-chat` is told: classes of scenes and kinds of things."""

from __future__ import annotations

from geoglot.data.sources import aid_rsicd, ucm
from geoglot.data.synth import SCENES

THINGS = (
    "airplane", "ship", "boat", "car", "truck", "trees", "grass", "bare soil", "sand", "water", "sea", "pavement", "dock",
    "mobile home", "tank", "court", "field", "buildings", "house", "swimming pool", "road", "bridge", "railway", "train",
    "solar panels", "clouds", "snow", "shadow", "lawn", "runway",
)  # fmt: skip
CONCEPTS = tuple(
    dict.fromkeys(
        [
            *(phrases[0] for phrases in ucm.CARD.classes.values()),
            *(phrases[0] for phrases in aid_rsicd.CARD.classes.values()),
            *SCENES,
            *THINGS,
        ]
    )
)
