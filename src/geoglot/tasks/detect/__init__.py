"""Detect: boxes of what words or examples say, upright or turned, in scenes of any size, and how many there are."""

from geoglot.tasks.detect.asked import Shown
from geoglot.tasks.detect.boxes import Detections, SceneBoxes
from geoglot.tasks.detect.counts import Calibration, Count
from geoglot.tasks.detect.verb import detect

__all__ = ["Calibration", "Count", "Detections", "SceneBoxes", "Shown", "detect"]
