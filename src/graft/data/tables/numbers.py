"""Find columns of numbers, and which of them may be values to predict."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from graft.data.tables.cells import are_scalars, as_number, is_missing, present
from graft.data.tables.columns import Columns

FEW = 10
"""Fractions of no more different values may be steps of a scale, and so classes."""
MANY = 20
"""Whole numbers of no more different values may be classes, whatever their number."""
RECURRING = 4
"""Whole numbers that come back so often on average are classes: a class has several examples."""
_IDS = ("", "id", "idx", "index", "row", "unnamed: 0")


def are_values(values: Sequence[Any]) -> bool:
    """Whether these are numbers of too many different values to be classes."""
    known = [value for value in values if not is_missing(value)]
    numbers = [number for number in map(as_number, known) if number is not None]
    if not numbers or len(numbers) < len(known) or not are_scalars(known):
        return False
    distinct = len(set(numbers))
    if all(number.is_integer() for number in numbers):
        return distinct > MANY and distinct * RECURRING > len(numbers)
    return distinct > FEW or (len(numbers) > RECURRING and distinct * 2 > len(numbers))


def number_columns(columns: Columns, taken: Collection[str]) -> list[str]:
    """The columns of plain numbers, but for those taken and those that count the rows."""
    free = [name for name in columns if name not in taken and name.strip().lower() not in _IDS]
    cells = {name: present(columns[name]) for name in free}
    return [
        name for name in free if cells[name] and None not in [as_number(v) for v in cells[name]]
    ]


def unread_numbers(columns: Columns, roles: dict[str, list[str]]) -> list[str]:
    """A note of the columns that may be a value to predict and play no role."""
    taken = {name for names in roles.values() for name in names} | set(columns.split)
    names = [name for name in number_columns(columns, taken) if are_values(columns[name])]
    if not names or not columns.needs_target or not columns.header:
        return []
    value = f"--columns value={names[0]}"
    label = roles.get("label", [])
    kinds = f", or by kind: {value} --columns category={label[0]}" if len(label) == 1 else ""
    what = "column" if len(names) == 1 else "columns"
    verb, it = ("is", "it") if len(names) == 1 else ("are", "one of them")
    shown = ", ".join(map(repr, names))
    return [f"The {what} {shown} of numbers {verb} not read; to predict {it}: {value}{kinds}."]
