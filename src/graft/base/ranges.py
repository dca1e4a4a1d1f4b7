"""The values that a setting allows.

Of a number they are declared beside its type: `lr: Positive | None = None`.
"""

from __future__ import annotations

import dataclasses
import math
import os
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from graft.base.errors import BadValue


@dataclass(frozen=True)
class Range:
    """A condition on finite numbers, and the words that complete "must be ..."."""

    words: str
    holds: Callable[[float], bool]


MOST_SEEDS = 2**31
"""A step's dropout is seeded by the run's seed and, in 32 bits below it, where the step is."""

NOT_NEGATIVE = Range("a number from 0 on", lambda value: value >= 0)
COUNT = Range("a whole number from 1 on", lambda value: value >= 1)
MOST_EPOCHS = 1_000_000
"""More passes than any training takes; the steps of far more could not be counted."""

Positive = Annotated[float, Range("a number more than 0", lambda value: value > 0)]
NotNegative = Annotated[float, NOT_NEGATIVE]
Share = Annotated[float, Range("a number from 0 to 1", lambda value: 0 <= value <= 1)]
PART = Range("a number from 0 to less than 1", lambda value: 0 <= value < 1)
PartialShare = Annotated[float, PART]
InnerShare = Annotated[
    float, Range("a number more than 0 and less than 1", lambda value: 0 < value < 1)
]
Moderate = Annotated[
    float, Range("a number from 0.001 to 1,000", lambda value: 0.001 <= value <= 1000)
]
"""Of temperatures and exponents: with others float32 may overflow or underflow."""
FromOne = Annotated[float, Range("a number from 1 to 1,000", lambda value: 1 <= value <= 1000)]
Fraction = Annotated[
    float, Range("a number more than 0 and at most 1", lambda value: 0 < value <= 1)
]
Count = Annotated[int, COUNT]
SeveralCount = Annotated[int, Range("a whole number from 2 on", lambda value: value >= 2)]
Epochs = Annotated[
    float,
    Range(
        f"a number more than 0 and at most {MOST_EPOCHS:,}", lambda value: 0 < value <= MOST_EPOCHS
    ),
]
Seed = Annotated[
    int, Range(f"a whole number from 0 to {MOST_SEEDS - 1}", lambda value: 0 <= value < MOST_SEEDS)
]
ANY = {
    int: Range("a whole number", lambda value: True),
    float: Range("a number", lambda value: True),
}
"""Without a range of its own a number has to be finite, and nothing else."""


def read_numbers(instance: Any, owner: str = "") -> None:
    """Make the numbers of a dataclass Python's own, so that 1 and NumPy's 1.0 are the same setting.

    `owner` follows the name of a field in a message. Raises BadValue for what is no number, or not
    in the range of its field.
    """
    for name in _number_fields(type(instance)):
        value = read_number(type(instance), name, getattr(instance, name), owner)
        object.__setattr__(instance, name, value)


def read_number(cls: type, name: str, value: Any, owner: str = "") -> int | float | None:
    """Return the value of this field of `cls` as Python's own number.

    Raises BadValue as `read_numbers` does.
    """
    kind, allowed, is_optional = _number_fields(cls)[name]
    if value is None and is_optional:
        return None
    return check_number(f"{name}{owner}", value, kind, allowed)


def check_number(name: str, value: Any, kind: type, allowed: Range) -> int | float:
    """Return `value` as an int or float in a range; raises BadValue, calling it `name`."""
    try:
        number = kind(value)
        fits = (
            not isinstance(value, str)
            and number == value
            and math.isfinite(number)
            and allowed.holds(number)
        )
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise BadValue(f"{name} must be {allowed.words}. Got {value!r} instead.")
    return number


def check_flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False; raises BadValue, calling it `name`.

    A word such as "no" would count as true.
    """
    if isinstance(value, bool):
        return value
    raise BadValue(f"{name} must be True or False. Got {value!r} instead.")


def check_word(name: str, value: Any) -> str:
    """Return `value` if it is a text that is not blank; raises BadValue, calling it `name`."""
    if isinstance(value, str) and value.strip():
        return value
    raise BadValue(f"{name} must be a text that is not empty. Got {value!r} instead.")


def check_path(name: str, value: Any) -> Path:
    """Return `value` as a path; raises BadValue, calling it `name`, if it is none or empty."""
    if isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip()):
        return Path(value)
    raise BadValue(f"{name} must be a path. Got {value!r} instead.")


def range_words(hint: Any) -> str | None:
    """Return which numbers a field of this type allows, in words; None if it holds no number."""
    number = _number(hint)
    return number and number[1].words


@cache
def _number_fields(cls: type) -> dict[str, tuple[type, Range, bool]]:
    """Return the fields that hold a number, each as `_number` returns it."""
    hints = typing.get_type_hints(cls, include_extras=True)
    numbers = {field.name: _number(hints[field.name]) for field in dataclasses.fields(cls)}
    return {name: number for name, number in numbers.items() if number}


def _number(hint: Any) -> tuple[type, Range, bool] | None:
    """Return the type of a number, its range, and whether None is allowed as well."""
    choices = [hint] if typing.get_origin(hint) is Annotated else typing.get_args(hint) or [hint]
    for choice in choices:
        kind, *extras = (
            typing.get_args(choice) if typing.get_origin(choice) is Annotated else (choice,)
        )
        if kind in ANY:
            allowed = next((extra for extra in extras if isinstance(extra, Range)), ANY[kind])
            return kind, allowed, type(None) in choices
    return None
