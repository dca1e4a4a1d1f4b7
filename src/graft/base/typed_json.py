"""JSON files of Graft's own, checked against a type before anything relies on their content.

A file's content is described by a TypedDict, of which optional keys are `NotRequired`. Types inside
it are str, int, float, bool, None, Literal, lists, dicts by name, unions, other TypedDicts, and
`Annotated` with a `Range` (base/ranges.py). Further keys are allowed.
"""

from __future__ import annotations

import json
import math
import types
import typing
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Union

from graft.base.ranges import Range

_SCALARS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}
LONGEST = 40
"""Characters of a text that a message shows."""


class Mismatch(ValueError):
    """A value that is not of its type. The message follows the name of the file: `has 5 as 'x'`."""

    def __init__(self, place: str, words: str):
        super().__init__(words)
        self.place = place

    @classmethod
    def of(cls, place: str, value: Any, allowed: str) -> Mismatch:
        """The mismatch of a value at a place, as `data.counts`; the whole file has no place."""
        if not place:
            return cls(place, f"holds {describe(value)} where {allowed} belongs")
        return cls(place, f"has {describe(value)} as {place!r}, which must be {allowed}")


def check_type(value: Any, kind: Any, place: str = "") -> None:
    """Raise Mismatch if a JSON value, or one inside it, is not of its type."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        _check_union(value, kind, place)
    elif origin is Annotated:
        _check_range(value, kind, place)
    elif typing.is_typeddict(kind):
        _check_object(value, kind, place)
    elif kind is not Any and not _fits(value, kind):
        raise Mismatch.of(place, value, name_type(kind))
    elif origin is list:
        for i, item in enumerate(value):
            check_type(item, parts[0], f"{place}[{i}]")
    elif origin is dict:
        for key, item in value.items():
            check_type(item, parts[1], f"{place}.{key}".lstrip("."))


def name_type(kind: Any) -> str:
    """A type as a user calls it."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(name_type(part) for part in parts)
    if origin is Annotated:
        return parts[1].words
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is list:
        return "a list"
    return _SCALARS.get(kind, "an object")


def describe(value: Any) -> str:
    """A JSON value in a message: itself if it is short."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    words = json.dumps(value, ensure_ascii=False)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}..."


def _fits(value: Any, kind: Any) -> bool:
    """Whether the outermost value is of the type. True is no number, and NaN is none either."""
    origin = typing.get_origin(kind)
    if origin is Literal:
        return isinstance(value, str) and value in typing.get_args(kind)
    if kind in (int, float):
        is_number = isinstance(value, int | kind) and not isinstance(value, bool)
        return is_number and _is_finite(value)
    return isinstance(value, origin or kind)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number that no float holds
        return False


def _check_union(value: Any, kind: Any, place: str) -> None:
    """Name what is wrong inside the value if it is of one of the types outside."""
    mismatches = []
    for part in typing.get_args(kind):
        try:
            return check_type(value, part, place)
        except Mismatch as mismatch:
            mismatches.append(mismatch)
    deeper = [mismatch for mismatch in mismatches if mismatch.place != place]
    raise deeper[0] if deeper else Mismatch.of(place, value, name_type(kind))


def _check_range(value: Any, kind: Any, place: str) -> None:
    base, *ranges = typing.get_args(kind)
    for allowed in (each for each in ranges if isinstance(each, Range)):
        if not (_fits(value, base) and allowed.holds(value)):
            raise Mismatch.of(place, value, allowed.words)
    check_type(value, base, place)


def _check_object(value: Any, kind: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise Mismatch.of(place, value, "an object")
    for name, entry in _entries(kind).items():
        inside = f"{place}.{name}".lstrip(".")
        is_optional = typing.get_origin(entry) is NotRequired
        if name in value:
            check_type(value[name], typing.get_args(entry)[0] if is_optional else entry, inside)
        elif not is_optional:
            raise Mismatch(inside, f"lacks {inside!r}")


@cache
def _entries(kind: Any) -> dict[str, Any]:
    """The types of an object's entries; reading the annotations takes longer than checking."""
    return typing.get_type_hints(kind, include_extras=True)
