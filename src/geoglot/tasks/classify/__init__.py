"""Classify: a label and a score for each class, for every tile or every image, by words or by a few examples."""

from geoglot.tasks.classify.few_shot import FewShot, told
from geoglot.tasks.classify.labels import Labels, SceneLabels
from geoglot.tasks.classify.stored import Rule, classify_stored, rule
from geoglot.tasks.classify.verb import classify

__all__ = ["FewShot", "Labels", "Rule", "SceneLabels", "classify", "classify_stored", "rule", "told"]
