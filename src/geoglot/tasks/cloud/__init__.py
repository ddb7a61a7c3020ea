"""Cloud: a mask of cloud and its shadow for scenes of any size, and how much of a tile is cloud."""

from geoglot.tasks.cloud.scorers import BY, scorer
from geoglot.tasks.cloud.verb import CLOUD, NAMES, SHADOW, Settings, check, cloud, cloud_all

__all__ = ["BY", "CLOUD", "NAMES", "SHADOW", "Settings", "check", "cloud", "cloud_all", "scorer"]
