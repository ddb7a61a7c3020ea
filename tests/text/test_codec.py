"""Every box syntax: its published example, round trips within its step, frames, repairs, nonsense, conversion."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from geoglot.core.errors import GeoglotError, InputError, NotFoundError
from geoglot.geo.boxes import Box
from geoglot.text import codec
from geoglot.text.codec._frame import resized

ALL = codec.names()
TURNED = [name for name in ALL if codec.find(name)[1].angle or codec.find(name)[1].order == "outline"]
UPRIGHT = [name for name in ALL if name not in TURNED]

# text, shape, (x, y, width, height, angle) and labels as the published forms say them
PUBLISHED = {
    "geochat": ("{<12><30><20><36>|<45>}", (100, 100), (16, 33, 8, 6, -45), ""),
    "vrsbench": ("{<1><2><3><4>}", (100, 100), (2, 3, 2, 2, 0), ""),
    "lhrs": ("[0.1,0.2,0.3,0.4]", (100, 200), (40, 30, 40, 20, 0), ""),
    "vhm": ("[100,200,300,400]", (100, 200), (40, 30, 40, 20, 0), ""),
    "teochat": ("[10, 20, 30, 40]", (100, 200), (40, 30, 40, 20, 0), ""),
    "earthdial": ("<ref>ship</ref> [[10,20,30,40,45]]", (100, 100), (20, 30, 20, 20, 45), "ship"),
    "fit_rs": ("<rbox>({<50.00><50.00><8.00><3.00>|<30>})</rbox>", (100, 100), (50, 50, 8, 3, -30), ""),
    "rsthinker": ("<think>[[9,9,9,9]]</think><answer>[[1,2,30,40]]</answer>", (100, 100), (15.5, 21, 38, 29, -90), ""),
    "qwen2_vl": (
        "<|object_ref_start|>a ship<|object_ref_end|><|box_start|>(100,200),(300,400)<|box_end|>",
        (100, 200),
        (40, 30, 40, 20, 0),
        "a ship",
    ),
    "qwen3_vl": ('```json\n[{"bbox_2d": [100, 200, 300, 400], "label": "ship"}]\n```', (100, 200), (40, 30, 40, 20, 0), "ship"),
    "qwen25_vl": ('{"bbox_2d": [56, 84, 112, 140], "label": "ship"}', (280, 560), (84, 112, 56, 56, 0), "ship"),
    "internvl": ("<ref>ship</ref><box>[[100, 200, 300, 400]]</box>", (100, 200), (40, 30, 40, 20, 0), "ship"),
    "dota": ("imagesource:GE\ngsd:0.5\n10 10 40 10 40 20 10 20 ship 0", None, (25, 15, 30, 10, 0), "ship"),
    "coco": ('{"bbox": [10, 20, 30, 16], "category": "ship"}', (100, 100), (25, 28, 30, 16, 0), "ship"),
    "wkt": ("POLYGON((10 10, 40 10, 40 20, 10 20, 10 10))", None, (25, 15, 30, 10, 0), ""),
    "geoground": (
        "<seg>" + "\n".join(["0 *32"] * 8 + ["0 *8|ship *16|0 *8"] * 8 + ["0 *32"] * 16) + "</seg>",
        (320, 320),
        (160, 120, 160, 80, 0),
        "ship",
    ),
}


def test_every_syntax_has_its_published_example() -> None:
    assert set(PUBLISHED) == set(ALL)
    for name in ALL:
        means = codec.find(name)[1]
        assert means.name == name
        assert means.form
        assert means.origin


@pytest.mark.parametrize("name", ALL)
def test_the_published_form(name: str) -> None:
    text, shape, (x, y, w, h, angle), label = PUBLISHED[name]
    reading = codec.read(text, name, shape, strict=True)
    (box,) = reading.boxes
    assert (box.x, box.y, box.width, box.height) == pytest.approx((x, y, w, h))
    assert box.angle == pytest.approx(angle)
    assert box.frame == "pixels"
    assert reading.labels == (label,)
    assert reading.found[0].repaired == ""
    assert codec.unread(text, reading) == (["[9,9,9,9]]</think><answer>[[1,2,30,40]]<"[:40]] if name == "rsthinker" else [])
    assert codec.read(f"Here: {text.splitlines()[-1] if name == 'dota' else text}".replace("Here: 10", "\n10"), name, shape).boxes


sides = st.floats(0.02, 0.6)
places = st.floats(0.25, 0.75)
shapes = st.tuples(st.integers(60, 900), st.integers(60, 900))


def step(name: str, shape: tuple[int, int]) -> float:
    """Pixels by which rounding may move an edge."""
    means = codec.find(name)[1]
    side = max(shape) if means.side is None else means.side
    pixels = means.step * max(shape) / side
    return pixels * (1.1 if means.space != "resized" else 28 / min(shape) + 1.6)


@st.composite
def uprights(draw: st.DrawFn) -> tuple[tuple[int, int], list[Box]]:
    """A shape and boxes within it."""
    h, w = shape = draw(shapes)
    boxes = []
    for _ in range(draw(st.integers(1, 3))):
        x, y, a, b = draw(places), draw(places), draw(sides) / 2, draw(sides) / 2
        boxes.append(Box.upright(max(0, x - a) * w, max(0, y - b) * h, min(1.0, x + a) * w, min(1.0, y + b) * h))
    return shape, boxes


@pytest.mark.parametrize("name", [name for name in ALL if name != "geoground"])
@given(drawn=uprights(), label=st.sampled_from(["", "ship", "large vehicle"]))
@settings(max_examples=40)
def test_upright_boxes_come_back(name: str, drawn: tuple[tuple[int, int], list[Box]], label: str) -> None:
    shape, boxes = drawn
    text = codec.write(boxes, name, shape, [label] * len(boxes))
    reading = codec.read(f"Here\n{text}\nand more" if name == "dota" else f"Here: {text}.", name, shape, strict=True)
    assert len(reading.boxes) == len(boxes)
    for box, back in zip(boxes, reading.boxes, strict=True):
        assert max(abs(a - b) for a, b in zip(box.bounds(), back.bounds(), strict=True)) <= step(name, shape)
    if label and codec.find(name)[1].labels:
        assert [each.replace("-", " ") for each in reading.labels] == [label] * len(boxes)
    assert len(reading.groups) == 1


@given(drawn=uprights())
@settings(max_examples=40)
def test_a_text_mask_comes_back_by_the_cell(drawn: tuple[tuple[int, int], list[Box]]) -> None:
    shape, boxes = drawn
    text = codec.write(boxes[:1], "geoground", shape, ["ship"])
    (back,) = codec.read(text, "geoground", shape, strict=True).boxes
    moved = [abs(a - b) for a, b in zip(boxes[0].bounds(), back.bounds(), strict=True)]
    assert max(moved[0::2]) <= shape[1] / 32 * 1.01
    assert max(moved[1::2]) <= shape[0] / 32 * 1.01


@pytest.mark.parametrize("name", TURNED)
@given(shape=shapes, x=places, y=places, a=st.floats(0.1, 0.3), thin=st.floats(0.2, 0.8), angle=st.floats(-90, 89.9))
@settings(max_examples=40)
@example(shape=(100, 100), x=0.5, y=0.5, a=0.3, thin=0.5, angle=89.9)
def test_turned_boxes_come_back(
    name: str, shape: tuple[int, int], x: float, y: float, a: float, thin: float, angle: float
) -> None:
    h, w = shape
    long = a * min(shape)
    box = Box.oriented(x * w, y * h, long, thin * long, angle)
    (back,) = codec.read(codec.write([box], name, shape), name, shape, strict=True).boxes
    # a degree more or less moves the far corners, a number more or less the sides
    loose = 2 * step(name, shape) + (0.02 * long if codec.find(name)[1].angle else 0)
    assert box.polygon().hausdorff_distance(back.polygon()) <= loose


def test_signs_of_angles_are_explicit() -> None:
    box = Box(50, 50, 40, 10, 30)  # its right end is up
    assert box.corners()[1][1] < box.y
    for name, sign in (("geochat", -30), ("fit_rs", -30), ("earthdial", 30)):
        assert f"{sign}" in codec.write([box], name, (100, 100))
    other = replace(codec.find("geochat")[1], turn="counter-clockwise")
    text = codec.write([box], other, (100, 100))
    assert text.endswith("|<30>}")
    assert codec.read(text, other, (100, 100)).boxes[0].angle == pytest.approx(30)
    assert codec.read(text, "geochat", (100, 100)).boxes[0].angle == pytest.approx(-30)


def test_a_padded_picture_is_read_as_it_was_shown() -> None:
    padded = replace(codec.find("geochat")[1], space="square")
    box = Box.upright(50, 20, 150, 60)  # of a picture of 100 x 200: 50 rows of padding above and below
    text = codec.write([box], padded, (100, 200))
    assert text == "{<25><35><75><55>|<0>}"
    assert codec.read(text, padded, (100, 200)).boxes[0].bounds() == pytest.approx(box.bounds())
    wrong = codec.read(text, "geochat", (100, 200)).boxes[0]
    assert wrong.bounds()[1] == pytest.approx(35)  # the shift of a demo that forgets the padding
    above = codec.read("{<25><5><75><55>|<0>}", padded, (100, 200)).found[0]
    assert (above.repaired, above.box.bounds()[1]) == ("cut at the frame", 0)


def test_sizes_of_resized_pictures() -> None:
    assert resized((280, 560), 28, 56 * 56, 10**7) == (280, 560)
    assert resized((20, 20), 28, 56 * 56, 10**7) == (56, 56)
    high, wide = resized((3000, 4000), 28, 56 * 56, 14 * 14 * 4 * 1280)
    assert high % 28 == wide % 28 == 0
    assert high * wide <= 14 * 14 * 4 * 1280
    with pytest.raises(InputError, match="cut it first"):
        resized((10, 4000), 28, 56 * 56, 10**7)
    with pytest.raises(InputError, match="give the shape"):
        codec.read("nothing", replace(codec.find("qwen25_vl")[1]), None) and codec.write([Box(0, 0, 1, 1)], "qwen25_vl")


def test_repairs_are_said_and_can_be_refused() -> None:
    swapped, over = "{<20><36><12><30>}", "{<90><90><120><99>}"
    found = codec.read(f"{swapped} {over}", "geochat", (100, 100)).found
    assert [each.repaired for each in found] == ["swapped corners", "cut at the frame"]
    assert found[1].box.bounds() == pytest.approx((90, 90, 100, 99))
    firm = codec.read(f"{swapped} {over}", "geochat", (100, 100), repair=False)
    assert firm.found == ()
    assert [each.why for each in firm.refused] == ["corners in the wrong order", "outside the picture"]
    assert codec.read("{<110><90><120><99>}", "geochat", (100, 100)).refused[0].why == "wholly outside the picture"
    for text in (swapped, over, "{ <1> <2> <3> <4> }", "{<1><2><3>"):
        with pytest.raises(InputError, match="is no box of geochat"):
            codec.read(text, "geochat", (100, 100), strict=True)
    assert codec.read("{ <1.5> <2> <3> <4> }", "geochat", (100, 100)).boxes[0].x == pytest.approx(2.25)


def test_half_a_box_is_refused_and_the_whole_ones_are_kept() -> None:
    reading = codec.read("{<1><2><3><4>} and {<5><6>", "geochat")
    assert len(reading.boxes) == 1
    assert reading.refused[0].why.startswith("not a whole box")
    assert reading.words == "and {<5><6>"
    assert codec.unread("a ship [1, 2, 3, 4] <box>", codec.read("", "geochat")) == ["[1, 2, 3, 4] <box>", "<box>"]


def test_labels_go_along() -> None:
    text = "There is <ref>ship</ref><box>[[1, 2, 3, 4], [5, 6, 7, 8]]</box> and <ref>plane</ref><box>[[1, 1, 9, 9]]</box>."
    reading = codec.read(text, "internvl")
    assert reading.labels == ("ship", "ship", "plane")
    assert [len(group) for _, group in reading.groups] == [3]
    made = codec.convert(text, "internvl", "geochat")
    assert made.startswith("There is <p>ship</p> {<0><0><0><0>|<0>}<delim>{<")
    assert codec.convert("<ref>ship</ref><box>[[100, 200, 300, 400]]</box>", "internvl", "vhm") == "ship [100,200,300,400]"


@given(text=st.text(alphabet='{}<>[]()|,.0123456789-"abox: \n*delimsgrfPOLYGN', max_size=120))
@settings(max_examples=150)
@example(text="{<" + "9" * 400 + "><1><2><3>}")
@example(text="[1e999, 2, 3, 4]")
@example(text='{"bbox_2d": [1, 2, 3, 4], "label": "\\ud800"}')
@example(text="<seg>0 *9999|1 *3</seg>")
def test_nonsense_raises_nothing_else_than_our_errors(text: str) -> None:
    for name in ALL:
        reading = codec.read(text, name, (64, 48))
        for each in reading.found:
            assert text[slice(*each.span)] or name == "geoground"
        try:
            codec.read(text, name, (64, 48), strict=True)
        except GeoglotError as error:
            assert name in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ALL)
def test_any_two_convert(name: str) -> None:
    box = Box.upright(80, 112, 240, 224)
    for other in ALL:
        text = codec.convert(f"A\n{codec.write([box], name, (336, 448), ['ship'])}\nB", name, other, (336, 448))
        (back,) = codec.read(text, other, (336, 448)).boxes
        off = max(abs(a - b) for a, b in zip(box.bounds(), back.bounds(), strict=True))
        assert off <= 15, (other, text)
        assert text.startswith("A\n")
        assert text.endswith("\nB")


def test_bad_requests() -> None:
    with pytest.raises(NotFoundError, match="geochat"):
        codec.read("", "geochatt")
    with pytest.raises(InputError, match="give the shape"):
        codec.write([Box(1, 1, 2, 2)], "vhm")
    with pytest.raises(InputError, match="one for each box"):
        codec.write([Box(0.1, 0.1, 0.1, 0.1, 0, "unit")], "vhm", None, ["a", "b"])
    with pytest.raises(InputError, match="no boxes"):
        codec.read("[1,2,3,4]", "vhm", (0, 5))
    assert codec.write([], "vhm", (4, 4)) == ""
    assert codec.read("[100,100,200,200]", "vhm").boxes[0].frame == "unit"


def test_long_nonsense_is_read_in_no_time() -> None:
    import time

    hostile = ("{<1>" * 9000, "[[1,2,3,4]," * 3000, "<p>" + " " * 30000, "<ref>a" + " " * 30000, '{"bbox_2d": [1,2,3,4]' * 2000,
               "[1,2,3,4]" + " " * 20000 + "x [1,2,3,4]", "<seg>" * 9000, "<think>" * 9000)  # fmt: skip
    start = time.process_time()
    for text in hostile:
        for name in ALL:
            codec.read(text, name, (64, 48))
    assert time.process_time() - start < 20  # about 2 s; some of these took hours by nested repeats
