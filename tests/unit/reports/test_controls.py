"""Which control each technique of a table is held against, where they have several."""

from __future__ import annotations

from dataclasses import replace

from graft.metrics.find import all_metrics
from graft.reports.board import Cell, Row, Size
from graft.reports.controls import describe_controls
from graft.reports.statistics import Difference, Interval

ACCURACY = all_metrics()["accuracy"]


def row(name: str, gain: float | None = None) -> Row:
    cell, score = Cell(name, "tiny:cnn", Size(1.0, None)), Interval(0.8, 0.7, 0.9)
    made = Row(cell, name, ACCURACY, [], [0], score, val=0.8, watched=ACCURACY)
    if gain is None:
        return made
    apart = Difference(gain, gain - 0.1, gain + 0.1, 0.02)
    return replace(made, to_control=apart, p_corrected=0.04)


CONTROLS = [row("from-scratch"), row("longer-fine-tuning:times=1.0")]


def test_each_technique_is_beside_its_own_control():
    rows = [row("lp-ft", 0.3), row("diet then lp-ft", -0.05), *CONTROLS]
    assert describe_controls(rows) == [
        "lp-ft is held against from-scratch: +30.0 points apart (95 % interval +20.0 to +40.0, "
        "p = 0.040).",
        "diet then lp-ft is held against longer-fine-tuning:times=1.0: −5.0 points apart "
        "(95 % interval −15.0 to +5.0, p = 0.040).",
    ]


def test_nothing_is_said_where_all_have_the_same_control():
    assert describe_controls([row("lp-ft", 0.3), row("lora", 0.2), *CONTROLS]) == []
