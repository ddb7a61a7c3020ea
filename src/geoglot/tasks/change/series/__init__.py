"""Change over several dates of a place: when and where it changed for good, what the season changes, what covers it when."""

from geoglot.tasks.change.series.seriesmap import SeriesMap
from geoglot.tasks.change.series.verb import series

__all__ = ["SeriesMap", "series"]
