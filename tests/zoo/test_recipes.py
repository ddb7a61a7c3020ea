"""What every recipe must offer, whichever it is: it is found by its file, and its defaults survive TOML."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

pytest.importorskip("accelerate", reason="training needs the extra [train]")

from geoglot import zoo
from geoglot.core import parts
from geoglot.core.config import dump_toml
from geoglot.core.errors import ModelError
from geoglot.train.config import TrainConfig


@pytest.mark.parametrize("name", parts.names("zoo"))
def test_a_recipe_keeps_the_protocol(name: str, tmp_path: Path) -> None:
    module = zoo.find(name)
    made = module.Recipe()
    assert next(iter(type(made).model_fields)) == "recipe"
    assert made.recipe == name
    assert isinstance(getattr(made, "train", None), TrainConfig | None)
    assert list(inspect.signature(module.run).parameters) == ["recipe", "folder"]
    assert parts.line("zoo", name)
    file = tmp_path / "run.toml"
    file.write_text(dump_toml(made))
    found, again = zoo.read(file)
    assert found is module
    assert again == made


def test_without_the_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'geoglot\[train\]'"):
        zoo.find("nano")
