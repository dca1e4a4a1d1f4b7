"""The slice of a matrix that `make test` runs leaves out no name, and none that a plugin adds."""

from __future__ import annotations

import itertools

import pytest

from tests.contracts.slices import cross, slice_cases

ROWS, COLUMNS = ["a", "b", "c", "d", "e"], ["x", "y", "z"]


def quick(cases) -> list:
    return [case.values[0] for case in cases if not case.marks]


@pytest.mark.parametrize(
    ("rows", "columns"), [(ROWS, COLUMNS), (COLUMNS, ROWS), ([*ROWS, "new"], COLUMNS)]
)
def test_every_pair_is_in_the_matrix_and_every_name_in_the_slice(rows, columns):
    cases = cross(rows, columns, lambda row, column: True)
    assert sorted(case.values[0] for case in cases) == sorted(itertools.product(rows, columns))
    pairs = quick(cases)
    assert {row for row, _ in pairs} == set(rows)
    assert {column for _, column in pairs} == set(columns)
    assert len(pairs) == max(len(rows), len(columns)), "no name occurs again without need"


def test_the_longer_axis_meets_the_shorter_one_in_turn():
    pairs = quick(cross(ROWS, COLUMNS, lambda row, column: True))
    assert dict(pairs) == {"a": "x", "b": "y", "c": "z", "d": "x", "e": "y"}


def test_a_pair_that_does_not_fit_is_replaced_by_one_that_does():
    pairs = quick(cross(ROWS, COLUMNS, lambda row, column: (row, column) != ("b", "y")))
    assert ("b", "y") not in pairs
    assert {row for row, _ in pairs} == set(ROWS)
    assert {column for _, column in pairs} == set(COLUMNS)


def test_what_is_marked_already_stays_so():
    slow = pytest.param(("a", "x"), id="a-x", marks=pytest.mark.slow)
    cases = slice_cases([slow, pytest.param(("a", "y"), id="a-y")], lambda pair: pair)
    assert quick(cases) == [("a", "y")]
