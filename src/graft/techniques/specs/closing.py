"""Phases that end a training by trying averages of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graft.techniques.specs.candidates import Candidates, Path
from graft.techniques.technique import Look, Objective, Phase


def averaging_phase(
    name: str, last: Phase, count: int, part: type[Objective], averages: Callable[[Any], Path]
) -> Phase:
    """Return a phase that tries averages of the weights that train in the phase `last`.

    There are `count` of them, which `averages` puts into the model: it is a method of `part`, the
    objective of the technique or a part of it.
    """

    def path(objective: Objective, look: Look) -> Path:
        (tried,) = (each for each in objective.parts if isinstance(each, part))
        return averages(tried)

    return replace(
        last,
        name=name,
        epochs=1,
        candidates=Candidates(path, count, are_averages=True),
        views=1,  # training examples are read for statistics alone
        patience=None,
        fallback=False,
        mixed=False,
    )
