"""Segment: a class for every pixel of rasters of any size, by words or by a few polygons of examples."""

from geoglot.tasks.segment.asked import FOLDS, Settings, Train
from geoglot.tasks.segment.classmap import ClassMap, ClassMaps, ClassRow
from geoglot.tasks.segment.figures import told
from geoglot.tasks.segment.verb import segment, segment_all

__all__ = ["FOLDS", "ClassMap", "ClassMaps", "ClassRow", "Settings", "Train", "segment", "segment_all", "told"]
