"""How wrong each of several tasks is in an example, and what a report shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graft.tasks.parts.together import part_row

if TYPE_CHECKING:
    from graft.tasks.task import Task

WORST = (
    "Worst mistakes",
    "For each example, the tasks that are most wrong and the lowest confidence among them. A "
    "mistake of high confidence, or a very large error, is often a wrong label.",
)
"""The heading of the mistakes in a report, and a sentence below it."""
SHOWN = 0.5
"""Tasks at least this fraction as wrong as the worst of an example are shown."""


def severities(parts: Mapping[str, Task], row: Mapping[str, Any]) -> dict[str, float]:
    """Return how bad the prediction of each wrong task is, that of a number in its spreads."""
    rated = {}
    for name, part in parts.items():
        if row["target"].get(name) is not None:
            severity = part.severity(part_row(row, name))
            if severity is not None:
                rated[name] = severity / part.severity_unit
    return rated


def worst_of(row: Mapping[str, Any], severity: Mapping[str, float]) -> dict[str, Any]:
    """Return the row with those tasks that are most wrong, and the lowest confidence in them."""
    least = SHOWN * max(severity.values(), default=0.0)
    names = [name for name, value in severity.items() if value >= least]
    sure = [row["confidences"][name] for name in names if name in row.get("confidences", {})]
    sides = {side: {name: row[side][name] for name in names} for side in ("target", "prediction")}
    return {**row, **sides, "confidence": min(sure, default=None)}
