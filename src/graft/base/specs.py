"""Specs: how a user names a plugin with its parameters in one word, `lora:r=8,alpha=16`."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Collection
from typing import Any

from graft.base.errors import BadValue, UnknownName

QUOTED = re.compile(r'(?<==)"[^"]*"(?=\s*(?:[,+]|then\s|$))')
"""A whole value in double quotes."""


def split(text: str, separator: str) -> list[str]:
    """Split `text` wherever the pattern `separator` matches outside a quoted value."""
    quoted = [match.span() for match in QUOTED.finditer(text)]
    parts, start = [], 0
    for match in re.finditer(separator, text):
        if not any(first < match.start() < last for first, last in quoted):
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Split `name:key=value,key=value` into the name and its raw parameters.

    A value in double quotes may hold commas and whatever else would end it: `key="a, b"`.
    """
    name, _, rest = text.strip().partition(":")
    if not name:
        raise BadValue(
            f"{text!r} names nothing. Write a name, with "
            "parameters behind a colon: 'lora:r=8,alpha=16'."
        )
    parameters: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in split(rest, ","))):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise BadValue(
                f"{part!r} in {text!r} is not key=value. Write parameters as in "
                f"'{name}:key=value,key=value'."
            )
        key, value = key.strip().replace("-", "_"), value.strip()
        if key in parameters:
            raise BadValue(
                f"{key!r} occurs twice in {text!r}, as "
                f"{parameters[key]!r} and {value!r}. Write it once."
            )
        is_quoted = re.fullmatch('"[^"]*"', value)
        parameters[key] = value[1:-1] if is_quoted else value
    return name, parameters


def build(cls: type, kind: str, name: str, parameters: dict[str, Any]) -> Any:
    """Make an instance of the dataclass `cls` from parameters, converted to its field types."""
    return cls(
        **values(cls, kind, name, parameters, [f.name for f in dataclasses.fields(cls) if f.init])
    )


def values(
    cls: type, kind: str, name: str, parameters: dict[str, Any], allowed: Collection[str]
) -> dict[str, Any]:
    """Convert the parameters to the types of the fields of `cls`.

    Raises UnknownName for those that are not `allowed`, and BadValue.
    """
    hints = typing.get_type_hints(cls)
    for key in parameters:
        if key not in allowed:
            raise UnknownName.of(
                f"parameter of the {kind} {name!r}:", key, allowed, see=f"graft info {name}"
            )
    return {
        key: _read(hints[key], value, f"The {key!r} parameter of the {kind} {name!r}")
        for key, value in parameters.items()
    }


def text(name: str, instance: Any) -> str:
    """Return the shortest spec that builds `instance` again: its name and non-default values."""
    changed = [
        f"{f.name}={_value_text(value)}"
        for f in dataclasses.fields(instance)
        if f.init and (value := getattr(instance, f.name)) != f.default
    ]
    return name + (":" + ",".join(changed) if changed else "")


def _value_text(value: Any) -> str:
    word = "none" if value is None else str(value)
    needs_quotes = re.search(r"[,+]|\sthen\s|^\s|\s$", word)
    return f'"{word}"' if needs_quotes else word


def _read(hint: Any, value: Any, what: str) -> Any:
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    allowed = typing.get_args(hint) if is_union else (hint,)
    for kind in allowed:
        is_valid, result = _convert(kind, value)
        if is_valid:
            return result
    words = " or ".join(_words(kind) for kind in allowed)
    raise BadValue(f"{what} must be {words}. Got {value!r} instead.")


def _convert(kind: Any, value: Any) -> tuple[bool, Any]:
    """Whether the value is valid for the type, and its value of that type."""
    if kind is types.NoneType:
        return (value is None or str(value).lower() in ("none", "auto")), None
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind), value
    if kind is bool:
        word = str(value).lower()
        return word in ("true", "false", "yes", "no", "1", "0"), word in ("true", "yes", "1")
    try:
        if kind is int and float(value) != int(float(value)):
            return False, None
        return True, int(float(value)) if kind is int else kind(value)
    except (TypeError, ValueError, OverflowError):  # int(inf) overflows
        return False, None


def _words(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(repr(v) for v in typing.get_args(kind))
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        types.NoneType: "none",
    }
    return words.get(kind, str(kind))
