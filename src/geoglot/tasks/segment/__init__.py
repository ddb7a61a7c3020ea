"""Segment: a class for every pixel of rasters of any size, by words or by a few polygons of examples."""

from geoglot.tasks.segment.classmap import ClassMap, ClassMaps, ClassRow, check_output
from geoglot.tasks.segment.verb import Settings, segment, segment_all

__all__ = ["ClassMap", "ClassMaps", "ClassRow", "Settings", "check_output", "segment", "segment_all"]
