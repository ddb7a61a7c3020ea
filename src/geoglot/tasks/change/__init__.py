"""Change: what is different between two dates of a place, on the grid of the first."""

from geoglot.tasks.change.asked import Settings
from geoglot.tasks.change.changemap import ChangeMap, ChangeRow
from geoglot.tasks.change.verb import change, check

__all__ = ["ChangeMap", "ChangeRow", "Settings", "change", "check"]
