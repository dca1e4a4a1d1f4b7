"""What each technique is held against, where a table has several controls."""

from __future__ import annotations

from collections.abc import Sequence

from graft.reports import words
from graft.reports.board import Row
from graft.reports.leaderboard import control_of

_HELD = "{technique} is held against {control}: {gain} points apart (95 % interval {range}, {p})."
_HELD_IN_UNITS = "{technique} is held against {control}: {gain} apart (95 % interval {range}, {p})."


def describe_controls(rows: Sequence[Row]) -> list[str]:
    """A sentence for each technique of a table; none if all have the same control.

    Self-supervised techniques are held against as many minutes of fine-tuning, others against
    random weights: a column of differences does not say so.
    """
    pairs = [(row, control_of(row, rows)) for row in rows if row.to_control]
    held = [(row, control) for row, control in pairs if control]
    if len({control.words for _, control in held}) < 2:
        return []
    return [_describe(row, control) for row, control in held]


def _describe(row: Row, control: Row) -> str:
    apart, metric = row.to_control, row.metric
    return (_HELD if metric.is_fraction else _HELD_IN_UNITS).format(
        technique=row.words,
        control=control.words,
        gain=words.difference(metric, apart.value),
        range=words.differences(metric, apart.low, apart.high),
        p=words.p(row.p_corrected),
    )
