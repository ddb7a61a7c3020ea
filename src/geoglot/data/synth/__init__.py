"""Rendered scenes of made-up places, with exact ground truth: seeded, georeferenced, at any sampling distance.

`scene` is the door: a place, a date and a sensor in, a raster with its truth, captions and questions out; `pair` and
`series` give several dates of a place and what changed; `compose` plans a picture of any size that is written by blocks.
"""

from geoglot.data.synth.changes import WORKS, Event
from geoglot.data.synth.demo import PLANS, SEARCHES, DemoScene, Plan, Search, demo_scenes
from geoglot.data.synth.describe import SCENES, describe, scene_class
from geoglot.data.synth.instances import Instance
from geoglot.data.synth.landscape import KINDS, landscape
from geoglot.data.synth.legend import BANDS, CLASSES
from geoglot.data.synth.objects import Labelled
from geoglot.data.synth.questions import Question, balanced
from geoglot.data.synth.render import render
from geoglot.data.synth.scenes import Planned, View, compose, scene
from geoglot.data.synth.series import Pair, Series, pair, series
from geoglot.data.synth.truth import Rendered, Truth
from geoglot.data.synth.world import World

RENDERER = "1"  # counted up when the pictures, or what is said of them, become others

__all__ = [
    "BANDS", "CLASSES", "KINDS", "PLANS", "RENDERER", "SCENES", "SEARCHES", "WORKS", "DemoScene", "Event", "Instance", "Labelled",
    "Pair", "Plan", "Planned", "Question", "Rendered", "Search", "Series", "Truth", "View", "World", "balanced", "compose",
    "demo_scenes", "describe", "landscape", "pair", "render", "scene", "scene_class", "series",
]  # fmt: skip
