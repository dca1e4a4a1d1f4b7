"""What each validator would have chosen, and what it loses against labels of the target."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.metrics.find import all_metrics
from graft.reports.board import Board, Cell, Choice, Row, Size
from graft.reports.read import Study
from graft.reports.selections import ORACLE, select_by_each
from graft.reports.statistics import Interval

ACCURACY = all_metrics()["accuracy"]
SIZE = Size(1.0, None)


def row(name: str, score: float, val: float, **validators: float | None) -> Row:
    cell, interval = Cell(name, "tiny:cnn", SIZE), Interval(score, score, score)
    return Row(
        cell, name, ACCURACY, [], [0], interval, val=val, watched=ACCURACY, validators=validators
    )


def board(*rows: Row) -> Board:
    study = Study(Path("study"), {"selected_by": "mixval"}, [], [], [], compares=True)
    choice = Choice(SIZE, None, None, None, None, None, None, None)
    return Board(study, ACCURACY, list(rows), [choice], 10, 10)


def test_each_validator_chooses_its_best_and_loses_what_the_best_has_more():
    made = board(
        row("mcc", 0.80, 0.90, mixval=0.7, entropy=-0.2),
        row("dann", 0.60, 0.95, mixval=0.6, entropy=-0.1),
        row("source-only", 0.99, 0.99, mixval=0.9, entropy=0.0),  # a control is not chosen
    )
    selections = {each.by: (each.technique, round(each.loss, 6)) for each in select_by_each(made)}
    assert selections == {
        ORACLE: ("mcc", 0.0),
        "mixval": ("mcc", 0.0),
        "entropy": ("dann", 0.2),
        "val": ("dann", 0.2),
    }


def test_techniques_that_a_validator_values_equally_count_by_their_mean():
    made = board(
        row("mcc", 0.8, 1.0, mixval=0.5),
        row("dann", 0.6, 1.0, mixval=0.5),
        row("bnm", 0.7, 0.9, mixval=0.4),
    )
    tied = next(each for each in select_by_each(made) if each.by == "val")
    assert tied.technique == "2 are valued equally"
    assert tied.score == pytest.approx(0.7)
    assert tied.loss == pytest.approx(0.1)


def test_of_one_technique_alone_nothing_is_chosen():
    made = board(row("mcc", 0.8, 1.0, mixval=0.5), row("source-only", 0.9, 1.0, mixval=0.6))
    assert select_by_each(made) == []


def test_a_validator_without_a_value_chooses_nothing():
    made = board(row("mcc", 0.8, 0.9, mixval=None), row("dann", 0.6, 0.9, mixval=None))
    assert "mixval" not in {each.by for each in select_by_each(made)}


def test_without_a_target_there_is_nothing_to_choose_by():
    assert select_by_each(board(row("lora", 0.8, 0.9))) == []
