"""The slice of a matrix that `make test` runs; `make test-slow` runs the rest."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import pytest
from _pytest.mark import ParameterSet


def slice_cases(
    cases: Iterable[ParameterSet],
    names: Callable[..., Sequence[Hashable]],
    fits: Callable[..., bool] = lambda *values: True,
) -> list[ParameterSet]:
    """Mark all cases as slow but so many that each name on each axis occurs in one of them.

    `names` gives the name of a case on each axis, `fits` says whether it can be tested at all.
    Cases that add a name on every axis are chosen first, then those that add one on any; a case
    that is marked already is never chosen.
    """
    cases = list(cases)
    chosen: set[int] = set()
    covered: set[tuple[int, Hashable]] = set()
    for is_worth in (all, any):
        for number, case in enumerate(cases):
            cells = list(enumerate(names(*case.values)))
            is_wanted = not case.marks and is_worth(cell not in covered for cell in cells)
            if is_wanted and fits(*case.values):
                chosen.add(number)
                covered.update(cells)
    return [
        case if case.marks or number in chosen else _mark_slow(case)
        for number, case in enumerate(cases)
    ]


def cross(
    rows: Sequence[str], columns: Sequence[str], fits: Callable[[str, str], bool]
) -> list[ParameterSet]:
    """Return every pair of both, sliced: the names of the longer axis meet the others in turn.

    What a technique does to a network seldom depends on the task.
    """
    is_long = len(rows) >= len(columns)
    longer, shorter = (rows, columns) if is_long else (columns, rows)
    met = [
        (name, shorter[(number + shift) % len(shorter)])
        for shift in range(len(shorter))
        for number, name in enumerate(longer)
    ]
    pairs = met if is_long else [(row, column) for column, row in met]
    return slice_cases(
        [pytest.param(pair, id="-".join(pair)) for pair in pairs],
        lambda pair: pair,
        lambda pair: fits(*pair),
    )


def _mark_slow(case: ParameterSet) -> ParameterSet:
    return pytest.param(*case.values, id=case.id, marks=pytest.mark.slow)
