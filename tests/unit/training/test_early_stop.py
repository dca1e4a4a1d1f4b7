"""Which epoch counts as the best."""

from __future__ import annotations

import math

from graft.training.checkpoint import Position
from graft.training.loop import early_stop
from tests.contracts.tiny import task_of


def test_an_epoch_with_a_number_is_better_than_one_with_nan():
    task, _ = task_of("text-classification")
    position = Position()
    assert early_stop.count(position, {"loss": math.nan}, task, patience=3)
    assert early_stop.count(position, {"loss": 1.0}, task, patience=3)
    assert not early_stop.count(position, {"loss": math.nan}, task, patience=3)
    assert position.stale == 1
