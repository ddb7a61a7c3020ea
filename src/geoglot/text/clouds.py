"""Words for cloudy and for clear pictures."""

from __future__ import annotations

CLOUDED = ("clouds", "thick clouds", "clouds covering the ground", "scattered clouds", "white clouds")
CLEAR = (
    "a clear view of the ground", "bare land", "farmland", "trees", "buildings", "water", "sand", "snow",
)  # fmt: skip
