"""The primary metric by group of test examples, as by speaker: where a technique is worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graft.metrics.metric import Metric
from graft.reports import words
from graft.reports.board import Board, Row
from graft.reports.read import Predictions, read_predictions
from graft.studies.records import PREDICTIONS

SHOWN = 20
"""Groups that are shown, the worst first."""


def by_group(board: Board, best: Row | None) -> dict[str, Any] | None:
    """The table of the metric in each group that the data name, as means over the seeds.

    None without such groups, with one, or where each has one example.
    """
    # Without test examples on the board, the predictions are lost or of an unknown metric.
    runs = [run for run in best.runs if run.result] if best and board.test_examples else []
    paths = [run.folder / PREDICTIONS for run in runs]
    read = [read_predictions(path, board.test_examples) for path in paths if path.exists()]
    rows = _named_groups(read[0]) if read else {}
    if len(rows) < 2 or max(map(len, rows.values())) < 2:
        return None
    means = {name: _mean(board.metric, read, places) for name, places in rows.items()}
    shown = sorted(rows, key=lambda name: _rank(board.metric, means[name]))[:SHOWN]
    decimals = words.column_decimals([[means[name]] for name in shown])
    is_rate = board.metric.is_fraction
    full = max([1.0, *(means[name] for name in shown if words.is_known(means[name]))])
    return {
        "part": ("group", "groups"),
        "headings": [words.axis(board.metric), "examples"],
        "rows": [
            {
                "name": name,
                "cells": [
                    (
                        words.value(board.metric, means[name], decimals),
                        round(100 * (means[name] or 0) / full) if is_rate else None,
                    ),
                    (f"{len(rows[name]):,}", None),
                ],
            }
            for name in shown
        ],
        "hidden": len(rows) - len(shown),
    }


def _named_groups(predictions: Predictions) -> dict[str, list[int]]:
    """The places of the examples of each group.

    Groups that are named by the id of an example are left out: the data gave them no name.
    """
    ids, places = set(predictions.ids), {}
    for place, name in enumerate(predictions.groups):
        if name not in ids:
            places.setdefault(name, []).append(place)
    return places


def _mean(metric: Metric, read: Sequence[Predictions], places: Sequence[int]) -> float | None:
    """The mean over the runs of the metric on these examples; None if it is undefined there."""
    values = [metric.weigh([one.terms[place] for place in places]).value for one in read]
    known = [value for value in values if words.is_known(value)]
    return float(np.mean(known)) if known else None


def _rank(metric: Metric, value: float | None) -> float:
    """Order by quality, the worst first; what is undefined comes last."""
    return metric.sign * value if words.is_known(value) else math.inf
