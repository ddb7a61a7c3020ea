"""Rendered scenes of made-up places, with exact ground truth: seeded, georeferenced, at any sampling distance."""

from geoglot.data.synth.demo import PLANS, SEARCHES, DemoScene, Plan, Search, demo_scenes
from geoglot.data.synth.describe import SCENES, describe, scene_class
from geoglot.data.synth.landscape import KINDS, landscape
from geoglot.data.synth.legend import BANDS, CLASSES
from geoglot.data.synth.objects import Labelled
from geoglot.data.synth.render import render
from geoglot.data.synth.truth import Rendered, Truth
from geoglot.data.synth.world import World

__all__ = [
    "BANDS", "CLASSES", "KINDS", "PLANS", "SCENES", "SEARCHES", "DemoScene", "Labelled", "Plan", "Rendered", "Search", "Truth",
    "World", "demo_scenes", "describe", "landscape", "render", "scene_class",
]  # fmt: skip
