"""Strict typed configuration: frozen objects, TOML in and out, `--set` overrides, errors that name the nearest key."""

from __future__ import annotations

import copy
import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from datetime import time as clock
from enum import Enum
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from geoglot.core.errors import ConfigError, NotFoundError


class Config(BaseModel):
    """Base of every configuration: immutable, and an unknown key is an error.

    A table that is given in part is laid over the default of its field: `train.steps=10` leaves all else of `train` as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @model_validator(mode="before")
    @classmethod
    def _over_defaults(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        made = dict(values)
        for name, field in cls.model_fields.items():
            default = field.get_default(call_default_factory=True, validated_data={})
            if isinstance(made.get(name), Mapping) and isinstance(default, Config) and field.annotation is type(default):
                made[name] = _laid(default, made[name])
        return made

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """Make a configuration from plain values; `ConfigError` names each wrong key and the nearest right one."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(_explain(cls, error)) from None


def _laid(default: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given over a default, in tables within tables too."""
    made = {name: getattr(default, name) for name in type(default).model_fields}
    for name, value in given.items():
        inner = made.get(name)
        made[name] = _laid(inner, value) if isinstance(inner, Config) and isinstance(value, Mapping) else value
    return made


C = TypeVar("C", bound=Config)


def load_toml(cls: type[C], path: str | Path, sets: Sequence[str] = ()) -> C:
    """Read a TOML file, apply overrides such as `train.steps=10`, and validate."""
    file = Path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"There is no configuration file {file}.") from None
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    return cls.build(override(values, sets))


def override(values: Mapping[str, Any], sets: Sequence[str]) -> dict[str, Any]:
    """Apply overrides `a.b=value` to nested values; the value is read as TOML, else taken as a string."""
    result: dict[str, Any] = copy.deepcopy(dict(values))
    for item in sets:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set takes key=value, as in train.steps=2000; got {item!r}.")
        *parents, last = key.strip().split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ConfigError(f"--set {item}: {parent!r} is a value, not a table.")
        try:
            (place[last],) = tomllib.loads(f"value = {text}").values()
        except (tomllib.TOMLDecodeError, ValueError):
            place[last] = text
    return result


def dump_toml(config: Config) -> str:
    """The configuration as TOML text that `load_toml` reads back to an equal object.

    Raises `ConfigError` for one that TOML cannot hold, such as None where the default is a value.
    """
    text = "\n".join(_table(config.model_dump(mode="python", exclude_none=True), ())).lstrip("\n") + "\n"
    try:
        same = type(config).build(tomllib.loads(text)) == config
    except (tomllib.TOMLDecodeError, ConfigError):
        same = False
    if not same:
        raise ConfigError("This configuration cannot be written as TOML without a loss; give None only where it is the default.")
    return text


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"{_key(key)} = {_value(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = (*path, _key(key))
            lines += ["", f"[{'.'.join(inner)}]"]
            lines += _table(value, inner)
    return lines


def _key(key: Any) -> str:
    text = str(key)
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _text(text)


def _text(text: str) -> str:
    # JSON's strings are TOML's, but for the character DEL
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, int | float):
        return repr(value)
    return value.isoformat() if isinstance(value, date | clock) else _text(str(value))


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _keys_at(cls, item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known keys: {', '.join(known)}." if known else ""
            lines.append(f"unknown key {where!r}.{hint}")
        elif item["type"] == "missing":
            lines.append(f"{where} is missing")
        else:
            lines.append(f"{where + ': ' if where else ''}{item['msg']}, got {item['input']!r}")
    return "Configuration is not valid: " + "; ".join(lines)


def _keys_at(cls: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Keys of the table at a path, or none; positions in lists and names of members of a union are passed over."""
    models: list[type[BaseModel]] = [cls]
    for part in path:
        fields = [model.model_fields[str(part)] for model in models if str(part) in model.model_fields]
        if fields:
            models = [found for field in fields for found in _models(field.annotation)]
    return sorted({key for model in models for key in model.model_fields})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]
