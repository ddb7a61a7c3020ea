"""Strict typed configuration: frozen objects, TOML in and out, `--set` overrides, errors that name the nearest key."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from geoglot.core.errors import ConfigError, NotFoundError


class Config(BaseModel):
    """Base of every configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """Make a configuration from plain values; `ConfigError` names each wrong key and the nearest right one."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(_explain(cls, error)) from None


C = TypeVar("C", bound=Config)


def load_toml(cls: type[C], path: str | Path, sets: Sequence[str] = ()) -> C:
    """Read a TOML file, apply overrides such as `train.steps=10`, and validate."""
    file = Path(path)
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"There is no configuration file {file}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    return cls.build(override(values, sets))


def override(values: Mapping[str, Any], sets: Sequence[str]) -> dict[str, Any]:
    """Apply overrides `a.b=value` to nested values; the value is read as TOML, else taken as a string."""
    result: dict[str, Any] = json.loads(json.dumps(values, default=str))
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
            place[last] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            place[last] = text
    return result


def dump_toml(config: Config) -> str:
    """The configuration as TOML text that `load_toml` reads back to an equal object."""
    return "\n".join(_table(config.model_dump(mode="json", exclude_none=True), ())) + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = (*path, key)
            lines += ["", f"[{'.'.join(json.dumps(p) if not p.isidentifier() else p for p in inner)}]"]
            lines += _table(value, inner)
    return lines


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _keys_at(cls, item["loc"][:-1])
            near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.4)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known keys: {', '.join(known)}."
            lines.append(f"unknown key {where!r}.{hint}")
        else:
            lines.append(f"{where}: {item['msg']}, got {item['input']!r}")
    return "Configuration is not valid: " + "; ".join(lines)


def _keys_at(cls: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    model: type[BaseModel] = cls
    for part in path:
        field = model.model_fields.get(str(part))
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return sorted(model.model_fields)
