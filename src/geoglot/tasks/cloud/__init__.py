"""Cloud: a mask of cloud and its shadow for scenes of any size, and how much of a tile is cloud."""

from geoglot.tasks.cloud.hidden import hidden
from geoglot.tasks.cloud.scorers import BY, scorer
from geoglot.tasks.cloud.verb import NAMES, Settings, cloud, cloud_all

__all__ = ["BY", "NAMES", "Settings", "cloud", "cloud_all", "hidden", "scorer"]
