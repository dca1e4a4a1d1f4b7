"""A JSON value is checked against its type, and the first place that does not fit is named."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

import pytest

from graft.base.ranges import Seed
from graft.base.typed_json import Mismatch, check_type


class Score(TypedDict):
    value: float | None


class Record(TypedDict):
    seed: Seed
    state: Literal["running", "finished"]
    scores: dict[str, dict[str, Score]]
    notes: NotRequired[list[str] | None]


WHOLE = {"seed": 1, "state": "running", "scores": {"test": {"f1": {"value": 1}}}, "notes": ["a"]}
WRONG = {
    "a list": ([], "holds a list where an object belongs"),
    "nothing": (None, "holds null where an object belongs"),
    "no key": ({"seed": 1}, "lacks 'state'"),
    "no inner key": ({**WHOLE, "scores": {"test": {"f1": {}}}}, "lacks 'scores.test.f1.value'"),
    "true": ({**WHOLE, "seed": True}, "has true as 'seed', which must be a whole number from 0"),
    "a fraction": ({**WHOLE, "seed": 1.5}, "has 1.5 as 'seed', which must be a whole number"),
    "out of range": ({**WHOLE, "seed": -1}, "has -1 as 'seed', which must be a whole number"),
    "another word": ({**WHOLE, "state": "x"}, "which must be 'running' or 'finished'"),
    "in a union": ({**WHOLE, "notes": ["a", 5]}, "has 5 as 'notes[1]', which must be a text"),
    "no union": ({**WHOLE, "notes": 5}, "has 5 as 'notes', which must be a list or null"),
    "NaN": (
        {**WHOLE, "scores": {"test": {"f1": {"value": float("nan")}}}},
        "has NaN as 'scores.test.f1.value', which must be a number or null",
    ),
}


def test_what_fits_passes() -> None:
    check_type(WHOLE, Record)
    check_type({**WHOLE, "notes": None, "more": 5}, Record)
    check_type({name: value for name, value in WHOLE.items() if name != "notes"}, Record)


@pytest.mark.parametrize("how", WRONG)
def test_the_place_that_does_not_fit_is_named(how: str) -> None:
    value, words = WRONG[how]
    with pytest.raises(Mismatch) as mismatch:
        check_type(value, Record)
    assert words in str(mismatch.value)


@pytest.mark.parametrize("value", ["x" * 100, 10**60, 10**400])
def test_long_values_are_shortened(value: Any) -> None:
    with pytest.raises(Mismatch) as mismatch:
        check_type({**WHOLE, "seed": value}, Record)
    assert len(str(mismatch.value)) < 150
