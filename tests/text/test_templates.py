"""Classes in words, and the templates that they are put into."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoglot.core.errors import InputError, NotFoundError
from geoglot.text.sentences import PROMPTS
from geoglot.text.templates import NONE, check, fill, read_labels


def test_labels_with_synonyms() -> None:
    made = read_labels("farmland, harbour|port | marina,dense  forest")
    assert made == {"farmland": ("farmland",), "harbour": ("harbour", "port", "marina"), "dense forest": ("dense forest",)}
    assert read_labels(["harbour|port", "forest"]) == {"harbour": ("harbour", "port"), "forest": ("forest",)}
    assert read_labels({"wet": ["water", "water", "sea"]}) == {"wet": ("water", "sea")}


def test_labels_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("farmland\nharbour|port\n\n", encoding="utf-8")
    assert list(read_labels(str(file))) == list(read_labels(file)) == ["farmland", "harbour"]
    with pytest.raises(NotFoundError, match="no file of labels"):
        read_labels("absent.txt")
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="one class a line"):
        read_labels(file)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("", "No class"),
        (",", "No class"),
        ("a,,b", "empty"),
        ("a|,b", "empty"),
        ("a,b,a", "twice"),
        ("a,b,A", "both"),
        ("harbour|port,port", "both"),
        (f"a,{NONE}", "leave it out"),
        ([f"class {i}" for i in range(1001)], "1000"),
        ({"a": []}, "empty"),
    ],
    ids=str,
)
def test_labels_that_make_no_sense(given: object, part: str) -> None:
    with pytest.raises(InputError, match=part):
        read_labels(given)  # type: ignore[arg-type]


def test_templates() -> None:
    assert check(()) == PROMPTS
    assert check(["a {}.", "a {}.", "{}"]) == ("a {}.", "{}")
    assert fill("ship", ("a {}.", "{}")) == ["a ship.", "ship"]
    for wrong in ("no place", "{} and {}", "{x} {}", "{} {"):
        with pytest.raises(InputError, match="one place"):
            check([wrong])
