"""What a report shows of predictions, in a form that is independent of the task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

MOST_POINTS = 2_000
"""The maximum of points in a figure: more would hide each other, and make the page large."""


@dataclass(frozen=True)
class Shown:
    """An example as a person sees it: a text, or the data URI of a picture or a sound."""

    kind: Literal["text", "image", "audio"]
    value: str
    caption: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table: its key in the rows, its heading, and how its numbers are written.

    A `fraction` is written in percent, a `number` as it is, and a `count` in full; the first two
    are averaged over seeds.
    """

    key: str
    heading: str
    form: Literal["fraction", "number", "count"] = "fraction"


@dataclass(frozen=True)
class Table:
    """Numbers of each part of the test split: of classes, types of entities, ranges of values.

    `part` is the name of a row, in the singular and in the plural. Of many rows, those with the
    lowest values in the column `rank` are shown.
    """

    part: tuple[str, str]
    columns: tuple[Column, ...]
    rows: Mapping[str, Mapping[str, float | int | None]]
    rank: str


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix: one row per true class, one column per predicted class."""

    classes: Sequence[str]
    matrix: Sequence[Sequence[int]]


@dataclass(frozen=True)
class Points:
    """Predicted and true numbers of some examples, in their unit."""

    predicted: Sequence[float]
    true: Sequence[float]
    unit: str = ""

    @classmethod
    def of(cls, predicted: Sequence[float], true: Sequence[float], unit: str = "") -> Points:
        """Keep all examples, or every second or third if there are too many to draw."""
        step = math.ceil(len(true) / MOST_POINTS) or 1
        return cls(
            *([float(number) for number in side[::step]] for side in (predicted, true)), unit
        )


@dataclass(frozen=True)
class Details:
    """What result.json holds of the test predictions beside the metrics.

    `mistakes` are the heading of the wrong predictions in a report, and a remark about them.
    """

    per_class: Table | None = None
    confusion: Confusion | None = None
    points: Points | None = None
    mistakes: tuple[str, str] = (
        "Most confident mistakes",
        "A mistake of high confidence is often a wrong label.",
    )

    def to_json(self) -> dict[str, Any]:
        """Make the entries of result.json: `per_class` has the rows, `per_class_table` the rest."""
        entries: dict[str, Any] = {"mistakes": list(self.mistakes)}
        if self.per_class:
            table = asdict(self.per_class)
            entries |= {"per_class": table.pop("rows"), "per_class_table": table}
        for name in ("confusion", "points"):
            if part := getattr(self, name):
                entries[name] = asdict(part)
        return entries
