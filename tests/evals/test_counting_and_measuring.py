"""Protocols of numbers, sizes and relations on what is known exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.crs import CRS
from teller_kit import Teller, job

from geoglot.core.errors import InputError
from geoglot.core.protocols import Reply
from geoglot.data.degrade import held
from geoglot.data.sample import Picture, Sample, Thing, Turn
from geoglot.data.sources import rendered_facts
from geoglot.evals import protocol, report, runner
from geoglot.evals.kinds import count, measure, relation
from geoglot.geo.boxes import Box
from geoglot.geo.grid import Grid
from geoglot.metrics.measuring import Measuring
from geoglot.text.measures import metres, square_metres


@pytest.fixture
def drawn(tmp_path: Path) -> Picture:
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(tmp_path / "a.png")
    return Picture(tmp_path / "a.png")


def ships(number: int) -> tuple[Thing, ...]:
    return (Thing("ship", (0.1, 0.1, 0.2, 0.2)),) * number


def test_numbers_beside_those_without_looking(drawn: Picture) -> None:
    item = Sample("a", "rendered_facts", (drawn,), counts={"ship": 4, "airplane": 0, "bridge": 1})
    train = [Sample("b", "rendered_facts", (drawn,), counts={"ship": 2, "bridge": 1, "airplane": 0})]
    teller = Teller({"How many ships are there?": Reply("There are three ships."), "How many bridges are there?": Reply("?")})
    teller.other = Reply("There are no airplanes.", refused=True)
    found = count.run(job([item], "rendered-counts", teller, train))
    told = found.metric.result()
    assert [told[name] for name in ("exact", "within1", "unanswered", "mae", "error")] == pytest.approx(
        [100 / 3, 200 / 3, 100 / 3, 0.5, 2 / 3]
    )
    assert found.baselines == pytest.approx(
        {"the commonest number in training": 200 / 3, "number in the nearest training picture": 200 / 3}
    )
    assert found.details["released"] == {"mean absolute error of parsed answers alone": 0.5}, "what was not parsed is left out"
    assert [mistake.given for mistake in found.mistakes] == ["?", "There are three ships."]
    with pytest.raises(InputError, match="all known"):
        count.run(job([Sample("c", "rendered_facts", (drawn,))], "rendered-counts", teller))


def test_boxes_of_whole_pictures_are_counted(drawn: Picture) -> None:
    whole = Sample("a", "vhr10", (drawn,), things=ships(3))
    told = count.asked([whole, whole], protocol.load("vhr10-counts"))
    assert [(one.name, one.wanted) for one in told] == [("ship", 3), ("airplane", 0), ("ship", 3), ("baseball diamond", 0)]
    part = Sample("b", "vhr10", (Picture(drawn.path, (0, 0, 8, 8)),), things=ships(3))
    assert count.asked([part], protocol.load("vhr10-counts")) == []


def on_the_ground(size: int = 64, gsd: float = 0.5) -> Picture:
    pixels = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    grid = Grid(CRS.from_epsg(32631), Affine(gsd, 0, 500_000, 0, -gsd, 5_000_000), (size, size))
    kept = held(pixels, "ground")
    return Picture(kept.path, data=kept.data, grid=grid)


def thing(expression: str, **sizes: str) -> Thing:
    return Thing("ship", (0.25, 0.25, 0.75, 0.5), (), {"expression": expression, "others": "0", **sizes})


def test_sizes_that_a_model_tells() -> None:
    item = Sample("a", "rendered_facts", (on_the_ground(),), things=(thing("the ship", length="16", area="100"),), gsd=0.5)
    train = [Sample("b", "rendered_facts", (on_the_ground(),), things=(thing("the ship", length="12"),))]
    teller = Teller({"How long is the ship in metres?": Reply("about 15 m")}, Reply("It is big."))
    found = measure.run(job([item], "rendered-measures-told", teller, train))
    told = found.metric.result()
    assert [told[name] for name in ("within10", "within25", "relative", "unparsed", "length", "area")] == pytest.approx(
        [50, 50, 100 * (1 / 16 + 1) / 2, 50, 100, 0]
    )
    assert found.baselines["the median of such objects in training"] == pytest.approx(50), "12 of 16 is 25 % off"
    assert [mistake.wanted for mistake in found.mistakes] == ["area of the ship: 100.0 m²"]
    with pytest.raises(InputError, match="known size"):
        measure.run(job([Sample("c", "rendered_facts", (on_the_ground(),))], "rendered-measures", teller))


def test_sizes_that_the_verb_measures_on_the_box() -> None:
    item = Sample("a", "rendered_facts", (on_the_ground(),), things=(thing("the ship", length="16", area="128"),), gsd=0.5)
    teller = Teller({}, Reply("here", (Box.upright(0.25, 0.25, 0.75, 0.5, "unit"),), ("ship",), (0,), 0.9))
    found = measure.run(job([item], "rendered-measures", teller))
    assert found.metric.result()["within10"] == 100, "32 pixels of 0.5 m"
    assert teller.heard == ["Where is a ship?"] * 2


def test_relations_one_by_one_and_all_of_two_objects(drawn: Picture) -> None:
    turns = (Turn("Is the ship left of the dam?", "yes", "left of"), Turn("Is the ship right of the dam?", "no", "right of"),
             Turn("Is the ship near the bridge?", "no", "near"), Turn("Is there a ship?", "yes", "presence"))  # fmt: skip
    item = Sample("a", "rendered_facts", (drawn,), turns=turns)
    known = {turns[0].question: Reply("Yes, it is."), turns[1].question: Reply("No."), turns[2].question: Reply("Perhaps.")}
    found = relation.run(job([item], "rendered-relations", Teller(known), [item]))
    told = found.metric.result()
    assert [told[name] for name in ("accuracy", "sets", "unparsed", "near")] == pytest.approx([200 / 3, 50, 100 / 3, 0])
    assert found.baselines == pytest.approx(
        {"the commonest answer in training": 100, "always yes": 100 / 3, "always no": 200 / 3}
    )
    with pytest.raises(InputError, match="questions on relations"):
        relation.run(job([Sample("b", "rendered_facts", (drawn,))], "rendered-relations", Teller({})))


def test_what_is_true_of_rendered_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_facts, "PLACES", {"train": 1, "val": 1})
    rendered_facts._rows.cache_clear()
    monkeypatch.setattr(protocol, "known", list)
    try:
        for name in ("rendered-counts", "rendered-measures", "rendered-relations"):
            found = runner.evaluate(Teller({}), protocol.load(name, "val"), Path(), check_overlap=False)
            assert found.n > 0
            assert "above " in report.text(found)
        first = next(rendered_facts.rows(Path(), "val"))
    finally:
        rendered_facts._rows.cache_clear()
    assert first.pictures[0].grid is not None
    assert first.pictures[0].grid.gsd == pytest.approx(first.gsd, rel=1e-3)
    sized = [thing for thing in first.things if "length" in thing.attributes]
    for one in sized:  # the outline itself is as long as it is said to be
        box = one.oriented((256, 256))
        assert box.width * float(first.gsd or 0) == pytest.approx(float(one.attributes["length"]), rel=0.05)
    for name, number in first.counts.items():
        assert sum(one.name == name for one in first.things) == number


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("about 34 m", 34), ("The ship is 34.5 metres long.", 34.5), ("1.2 km", 1200), ("1,250 m", 1250), ("100 feet", 30.48),
        ("twenty metres", 20), ("34", 34), ("30-40 m", None), ("30 to 40 m", None), ("30 x 12 m", None), ("400 m²", None),
        ("long", None), ("", None), ("the longest one is 30 m", 30), ("5 m and 7 m", None), ("34 parsecs, 3", None),
    ],
)  # fmt: skip
def test_lengths_in_words(text: str, wanted: float | None) -> None:
    assert metres(text) == (None if wanted is None else pytest.approx(wanted))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("about 400 m²", 400), ("400 square metres", 400), ("0.5 ha", 5000), ("2 km2", 2e6), ("400 sq. m", 400), ("1,200 sqm", 1200),
     ("30 m", None), ("20 m by 30 m", None), ("400", 400), ("1 acre", 4046.8564224)],
)  # fmt: skip
def test_areas_in_words(text: str, wanted: float | None) -> None:
    assert square_metres(text) == (None if wanted is None else pytest.approx(wanted))


def test_parts_of_sizes_add_up() -> None:
    whole, one, other = Measuring(), Measuring(), Measuring()
    given, truth = np.array([10.0, np.nan, 31.0]), np.array([10.0, 20.0, 25.0])
    whole.add(given, truth, ["length", "area", "length"])
    one.add(given[:1], truth[:1], ["length"])
    other.add(given[1:], truth[1:], ["area", "length"])
    one.merge(other)
    assert one.result() == whole.result()
    assert whole.result()["relative"] == pytest.approx(100 * (0 + 1 + 0.24) / 3)
    assert np.isnan(Measuring().result()["within10"])
