"""Configuration: strict and frozen, TOML both ways, overrides, and errors that name the nearest key."""

import math
from datetime import date
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from geoglot.core.config import Config, dump_toml, load_toml, override
from geoglot.core.errors import ConfigError, NotFoundError


class Optimiser(Config):
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    kind: Literal["adam", "sgd"] = "adam"


class Train(Config):
    steps: int = Field(default=100, ge=1)
    name: str = "run"
    seed: int | None = None
    optimiser: Optimiser = Optimiser()
    stages: tuple[Optimiser, ...] = ()
    notes: dict[str, str] = Field(default_factory=dict)
    fine: bool = False
    day: date = date(2020, 1, 1)


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
configs = st.builds(
    Train,
    steps=st.integers(1, 10**12),
    name=text,
    seed=st.none() | st.integers(-(2**40), 2**40),
    optimiser=st.builds(Optimiser, rate=st.floats(allow_nan=False), kind=st.sampled_from(["adam", "sgd"])),
    stages=st.lists(st.builds(Optimiser, rate=st.floats(0, 1)), max_size=2).map(tuple),
    notes=st.dictionaries(text, text, max_size=3),
    fine=st.booleans(),
    day=st.dates(),
)


@given(configs)
def test_toml_round_trip_gives_an_equal_object(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("toml") / "a.toml"
    path.write_text(dump_toml(config), encoding="utf-8")
    assert load_toml(Train, path) == config


def test_configurations_are_frozen_and_know_their_keys():
    with pytest.raises(ValidationError):
        Train().steps = 5
    with pytest.raises(ConfigError, match=r"unknown key 'stepz'. Did you mean 'steps'\?"):
        Train.build({"stepz": 5})
    with pytest.raises(ConfigError, match=r"unknown key 'optimiser.ratte'. Did you mean 'rate'\?"):
        Train.build({"optimiser": {"ratte": 5}})
    with pytest.raises(ConfigError, match=r"unknown key 'stages.0.betta'. Did you mean 'betas'\?"):
        Train.build({"stages": [{"betta": 5}]})
    with pytest.raises(ConfigError, match="Known keys: day, fine, name"):
        Train.build({"zzzzzzzz": 1})
    with pytest.raises(ConfigError, match=r"steps: .*greater than or equal to 1, got 0"):
        Train.build({"steps": 0})
    with pytest.raises(ConfigError, match=r"kind.*'adam' or 'sgd'.*'adamw'"):
        Train.build({"optimiser": {"kind": "adamw"}})


def test_overrides_go_into_tables_and_are_read_as_toml(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("steps = 5\n[optimiser]\nrate = 0.1\n")
    made = load_toml(Train, path, ["steps=7", "optimiser.rate=0.5", "name=my run", "optimiser.betas=[0.1, 0.2]", "fine=true"])
    assert (made.steps, made.optimiser.rate, made.name, made.optimiser.betas, made.fine) == (7, 0.5, "my run", (0.1, 0.2), True)
    assert load_toml(Train, path, ["day=2021-02-03", 'notes={a = "b=c"}']).day == date(2021, 2, 3)
    assert load_toml(Train, path, ["name=a=b"]).name == "a=b"
    with pytest.raises(ConfigError, match="key=value"):
        override({}, ["steps"])
    with pytest.raises(ConfigError, match="'steps' is a value"):
        override({"steps": 5}, ["steps.more=1"])
    with pytest.raises(ConfigError, match="Did you mean 'steps'"):
        load_toml(Train, path, ["step=1"])


def test_overrides_do_not_touch_what_they_are_given():
    values = {"optimiser": {"rate": 1.0}, "limit": math.inf}
    assert override(values, ["optimiser.rate=2.0"]) == {"optimiser": {"rate": 2.0}, "limit": math.inf}
    assert values["optimiser"] == {"rate": 1.0}


def test_files_that_are_missing_or_no_toml(tmp_path):
    with pytest.raises(NotFoundError):
        load_toml(Train, tmp_path / "none.toml")
    (tmp_path / "a.toml").write_text("steps = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_toml(Train, tmp_path / "a.toml")
    (tmp_path / "b.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError):
        load_toml(Train, tmp_path / "b.toml")
    with pytest.raises(ConfigError):
        load_toml(Train, tmp_path)


def test_what_toml_cannot_hold_is_refused_rather_than_lost():
    class Limited(Config):
        limit: int | None = 5

    assert dump_toml(Limited(limit=7)) == "limit = 7\n"
    with pytest.raises(ConfigError, match="without a loss"):
        dump_toml(Limited(limit=None))


class Recipe(Config):
    train: Train = Train(steps=7, optimiser=Optimiser(rate=0.5, kind="sgd"), notes={"a": "b"})


def test_a_part_of_a_table_leaves_the_rest_at_the_defaults_of_its_field():
    made = Recipe.build({"train": {"name": "mine", "optimiser": {"rate": 0.25}}})
    assert made.train == Train(steps=7, name="mine", optimiser=Optimiser(rate=0.25, kind="sgd"), notes={"a": "b"})
    assert Recipe.build(override({}, ["train.steps=9"])).train == Recipe().train.model_copy(update={"steps": 9})
    assert Recipe.build({"train": {"notes": {"c": "d"}}}).train.notes == {"c": "d"}  # what is no configuration is taken whole
    assert Recipe.build({"train": Train()}).train == Train()
    with pytest.raises(ConfigError, match="Did you mean 'rate'"):
        Recipe.build({"train": {"optimiser": {"rat": 1}}})
