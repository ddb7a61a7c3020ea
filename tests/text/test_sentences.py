import pytest

from geoglot.text import sentences


@pytest.mark.parametrize(
    ("noun", "many"),
    [("ship", "ships"), ("beach", "beaches"), ("city", "cities"), ("bridge", "bridges"), ("water", "water"), ("boats", "boats")],
)
def test_plural(noun: str, many: str) -> None:
    assert sentences.plural(noun) == many


def test_quantities_are_true() -> None:
    assert sentences.quantity(1, "airplane") == ["an airplane", "one airplane"]
    assert sentences.quantity(3, "ship") == ["three ships", "a few ships"]
    assert sentences.quantity(7, "ship") == ["seven ships", "several ships"]
    assert sentences.quantity(40, "ship") == ["many ships"]


def test_counts_name_every_kind_and_the_place() -> None:
    found = sentences.from_counts(["ship", "ship", "harbor"], "a port")
    assert "two ships and a harbor in a satellite photo." in found
    assert "a port with ships and a harbor." in found
    assert sentences.from_counts([]) == []
    assert sentences.from_counts([], "an airport")[-1] == "an airport"


def test_cover_goes_from_large_to_small_and_leaves_out_traces() -> None:
    found = sentences.from_cover({"roads": 0.2, "water": 0.75, "buildings": 0.01})
    assert found[0] == "water and roads seen from above."
    assert "mostly water with some roads." in found
    assert not any("buildings" in text for text in found)
    assert "only water." in sentences.from_cover({"water": 0.99})
    assert sentences.from_cover({}) == []


def test_directions_are_noticed() -> None:
    assert sentences.has_direction("a ship in the top left corner")
    assert sentences.has_direction("the northern bank")
    assert not sentences.has_direction("a bright lake near the brightly coloured restaurant")


def test_objects_and_prompts() -> None:
    assert sentences.from_objects(["docks", "boats", "boats", "water"])[0] == "there are docks, boats and water in this image."
    assert len(sentences.prompts(["port", "harbour"])) == 2 * len(sentences.PROMPTS)
    assert sentences.from_objects([]) == []
