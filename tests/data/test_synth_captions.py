"""Captions of rendered windows: every word in them is borne out by the truth."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoglot.data.synth import SCENES, Rendered, Truth, describe, landscape, render, scene_class

NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
CLAIMS = {
    r"water|river|\blake|\bsea\b|coast|shore": lambda t: t.cover.get("water", 0) >= 0.03,
    r"river": lambda t: t.use.get("river", 0) > 0.02,
    r"lake": lambda t: t.use.get("lake", 0) > 0.03,
    r"\bsea\b|coast|beach": lambda t: t.use.get("sea", 0) > 0.03,
    r"solar|photovoltaic": lambda t: t.use.get("solar park", 0) > 0.1,
    r"orchard|fruit": lambda t: t.use.get("orchard", 0) > 0.15,
    r"\bvine": lambda t: t.use.get("vineyard", 0) > 0.15,
    r"quarry|open pit": lambda t: t.use.get("quarry", 0) > 0.1,
    r"parking|car park": lambda t: t.use.get("parking lot", 0) > 0.1 and t.gsd <= 2.5,
    r"football": lambda t: t.count.get("football field", 0) >= 1,
    r"stadium": lambda t: t.count.get("stadium", 0) >= 1,
    r"greenhouse|glasshouse": lambda t: t.count.get("greenhouse", 0) >= 1,
    r"\bships?\b|boat|vessel": lambda t: t.count.get("ship", 0) >= 1,
    r"plane|aircraft": lambda t: t.count.get("airplane", 0) >= 1,
    r"runway": lambda t: t.cover.get("runway", 0) > 0.03,
    r"airport|airfield": lambda t: t.count.get("airplane", 0) >= 1 or t.cover.get("runway", 0) > 0.03,
    r"tank": lambda t: t.count.get("storage tank", 0) >= 1,
    r"tanks? (by|next to|near|beside) (the |a )?(winding )?(water|river|lake|sea|coast|shore)": lambda t: (
        "storage tank" in t.near
    ),
    r"bridge": lambda t: t.count.get("bridge", 0) >= 1,
    r"harbou?r|\bport\b|dock": lambda t: t.use.get("harbour", 0) > 0.2,
    r"warehouse|industrial|factory": lambda t: t.count.get("industrial building", 0) >= 2,
    r"\bhouse|home|town|residential|built-up|neighbourhood": lambda t: t.count.get("house", 0) >= 2,
    r"farm|(?<!sports )(?<!football )(?<!baseball )fields|crop": lambda t: t.cover.get("crops", 0) > 0.06,
    r"forest|wood|(?<!fruit )trees": lambda t: t.cover.get("forest", 0) > 0.06,
    r"dense forest|dense wood|closed forest": lambda t: t.cover.get("forest", 0) > 0.7,
    r"sand|beach": lambda t: t.cover.get("sand", 0) > 0.06,
    r"\broads?\b": lambda t: t.cover.get("road", 0) > 0.01,
    r"grass|green ground": lambda t: t.cover.get("grass", 0) > 0.2,
    r"bare|barren": lambda t: t.cover.get("bare", 0) > 0.2,
}  # fmt: skip
LABELS = {
    r"(?:ships|boats|vessels)": "ship",
    r"(?:airplanes|planes|parked airplanes|aircraft)": "airplane",
    r"(?:storage tanks|oil tanks|round storage tanks)": "storage tank",
    r"(?:houses|homes|residential buildings)": "house",
    r"(?:warehouses|industrial buildings|factory halls)": "industrial building",
}


@pytest.fixture(scope="module")
def scenes() -> list[Rendered]:
    made = []
    for seed, kind in enumerate(
        ("harbour", "tankfarm", "river", "houses", "airfield", "forest", "beach", "solarpark", "orchards", "leisure")
    ):
        world = landscape(seed, kind, 1200)
        made.append(render(world, world.grid(2.5, 512), seed=seed))
    return made


def check(caption: str, truth: Truth) -> None:
    for words, holds in CLAIMS.items():
        if re.search(words, caption):
            assert holds(truth), (caption, words, truth)
    for words, label in LABELS.items():
        for number in re.findall(rf"\b({'|'.join(NUMBERS)}) {words}", caption):
            assert truth.count[label] == NUMBERS[number], (caption, truth)
        if re.search(rf"dozens of {words}", caption):
            assert truth.count[label] >= 24
        if re.search(rf"(several|many) {words}", caption):
            assert truth.count[label] >= 4


@settings(max_examples=90, deadline=None)
@given(which=st.integers(0, 9), corner=st.tuples(*[st.integers(0, 412)] * 2), side=st.integers(20, 100), seed=st.integers(0, 9))
def test_captions_are_true(scenes, which, corner, side, seed):
    window = (*corner, side, side)
    captions = describe(scenes[which], window, seed=seed)
    assert 1 <= len(captions) <= 5
    truth = scenes[which].truth_at(window)
    for caption in captions:
        check(caption, truth)
    assert scene_class(truth) in SCENES


def test_captions_are_seeded_and_varied(scenes):
    window = (100, 100, 200, 200)
    assert describe(scenes[0], window, seed=1) == describe(scenes[0], window, seed=1)
    told = {text for seed in range(20) for text in describe(scenes[0], window, seed=seed)}
    assert len(told) > 20


def test_each_kind_of_scene_is_told(scenes):
    told = {scene_class(s.truth_at(w)) for s in scenes for w in s.raster.grid.tiles(64, 0.5)}
    wanted = {"storage tanks", "airport", "harbour", "farmland", "forest", "river", "water"}
    assert wanted <= told
    assert told & {"houses", "dense houses"}


def test_relations_are_told(scenes):
    told = " / ".join(text for s in scenes[:3] for w in s.raster.grid.tiles(96, 0.5) for text in describe(s, w, count=8))
    assert re.search(r"tanks (by|near|next to|beside) (the )?water", told)
    assert re.search(r"(ships|boats|vessels) in a (harbour|port|dock|harbor)", told)
    assert re.search(r"(fields|farmland|cropland) (along|beside|next to) a (winding )?river", told)
