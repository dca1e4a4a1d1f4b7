"""What a cell of a table holds: a number, a text, a list, or nothing."""

from __future__ import annotations

import ast
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

SAMPLE_VALUES = 200
"""Values that a column is judged by where the first ones tell."""
_WHOLE = re.compile(r"(-?\d+)\.0*")
_SIGN = r"[$€£¥₹%]"
_WRITTEN = re.compile(
    rf"([-+]?)\s*(?:{_SIGN}|[A-Z]{{3}})?\s*(\d[\d.,'’\s]*?)"
    rf"\s*(?:{_SIGN}|[A-Za-zµ°][\w/°²³]{{0,5}}\.?)?"
)
"""A number as people write it: with a currency or a unit of up to six signs, and separators."""


def is_missing(value: Any) -> bool:
    """Whether a cell is None or an object of Nones, NaN, blank or written NaN; `null` is a word."""
    parts = value.values() if isinstance(value, dict) and value else [value]
    if all(part is None for part in parts) or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in ("", "nan", "<na>")


def present(values: Sequence[Any], most: int = SAMPLE_VALUES) -> list[Any]:
    """The first values that are not missing."""
    return list(islice((value for value in values if not is_missing(value)), most))


def are_words(values: Sequence[Any]) -> bool:
    """Whether there is a text that is not a number: in tables, numbers are texts of digits."""
    return any(isinstance(value, str) and as_number(value) is None for value in present(values))


def are_texts(values: Sequence[Any]) -> bool:
    """Whether there is a text or a number among the first of them."""
    return any(as_text(value) is not None for value in present(values))


def are_scalars(values: Sequence[Any]) -> bool:
    """Whether there is a word or a number among the first of them, and not lists only."""
    return any(isinstance(v, str | int | float) and as_list(v) is None for v in present(values))


def are_lists(values: Sequence[Any], fits: Callable[[Any], bool]) -> bool:
    """Whether these are lists whose items fit, at least one with an item."""
    rows = [as_list(v) for v in present(values)]
    return any(rows) and all(row is not None and all(map(fits, row)) for row in rows)


def as_list(value: Any) -> list[Any] | None:
    """The items of a list, tuple or array, also of one printed as a text; else None."""
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    text = value.strip() if isinstance(value, str) else ""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    try:
        items = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return items if isinstance(items, list) else None


def as_number(value: Any) -> float | None:
    """The finite number that a cell holds, as such or in digits, or None."""
    if not isinstance(value, str | int | float | np.number) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def parse_written_number(value: Any) -> float | None:
    """The number in a cell such as "$1,234.50" or "12 kg", about; None if it has none.

    What is behind the last point or comma is a fraction unless it has three digits.
    """
    if (number := as_number(value)) is not None or not isinstance(value, str):
        return number
    written = _WRITTEN.fullmatch(value.strip())
    if not written:
        return None
    sign, digits = written.groups()
    whole, fraction = re.fullmatch(r"(.*?)(?:[.,](\d{1,2}|\d{4,}))?", digits).groups(default="")
    return as_number(f"{sign}{re.sub(r'[^0-9]', '', whole)}.{fraction}")


def describe_object(value: Any) -> str | None:
    """Describe a cell that is an object, or a list of objects or lists; None for other cells."""
    items = value if isinstance(value, list | tuple) else [value]
    if not any(isinstance(item, dict | list | tuple) for item in items):
        return None
    words = str(value)
    return words if len(words) <= 60 else f"{words[:57]}..."


def as_text(value: Any) -> str | None:
    """The text of a cell, of a number its digits; None where it is missing or something else."""
    return str(value) if isinstance(value, str) or as_number(value) is not None else None


def plain(value: Any) -> Any:
    """3.0 -> 3, since a column of whole numbers has fractions as soon as one of them is missing.

    Larger ones are no whole numbers: they have fewer digits than they would be written with.
    A word comes without blanks around it, with accents in one of Unicode's two forms.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and abs(value) < 2**53 and value.is_integer():
        return int(value)
    return unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else value


def one_spelling(names: set[str]) -> dict[str, str]:
    """Name -> the one that it equals: 1.0 -> 1 if all are numbers, true -> True if both occur."""
    if all(as_number(name) is not None for name in names):
        return {
            name: str(int(match[1])) for name in sorted(names) if (match := _WHOLE.fullmatch(name))
        }
    capitals = {
        name: name.capitalize() for name in sorted(names) if name.casefold() in ("true", "false")
    }
    is_torn = len(capitals) == len(names) > len(set(capitals.values()))
    return {name: other for name, other in capitals.items() if name != other} if is_torn else {}
