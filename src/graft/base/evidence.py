"""What a report shows of predictions, in a form that is independent of the task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

FEWEST_GROUPS = 5
"""With fewer groups of examples, the differences between groups are too uncertain for a p-value."""
MOST_POINTS = 2_000
"""The maximum of points in a figure: more would hide each other, and make the page large."""
SHOWN = 6
"""The number of examples in a gallery: pictures with what is drawn on them are large."""


@dataclass(frozen=True)
class Shown:
    """An example as a person sees it: a text, or the data URI of a picture or a sound.

    A picture that `is_large` has details to be seen, as the boxes in it, and gets more room. A
    sound has the data URI of a `picture` beside its player. `edits` are the words of the true and
    of the predicted text side by side, the same or not, an empty one where a text has no word.
    """

    kind: Literal["text", "image", "audio"]
    value: str
    caption: str = ""
    is_large: bool = False
    picture: str = ""
    edits: tuple[tuple[str, str], ...] = ()


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
    """A confusion matrix: one row per true class, one column per predicted class.

    The cells are written as counts, or each as the fraction of its row, as suits many pixels.
    `note` is a sentence below it, where what it counts needs one.
    """

    classes: Sequence[str]
    matrix: Sequence[Sequence[int]]
    form: Literal["count", "fraction"] = "count"
    note: str = ""


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
class Curve:
    """One line of a panel: what it is of, and its points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Curves:
    """A panel of lines between fractions, as precision by recall: its heading and both axes."""

    heading: str
    x_title: str
    y_title: str
    lines: Sequence[Curve]


@dataclass(frozen=True)
class Gallery:
    """Examples of the test split that a report shows under one heading: their `rows`, in order."""

    title: str
    note: str
    rows: Sequence[int]


def best_and_worst(quality: Sequence[float], measure: str) -> tuple[Gallery, ...]:
    """The examples of the highest and of the lowest quality, that is `measure`; nan is neither.

    Of few examples none is in both.
    """
    ranked = sorted(
        (row for row, value in enumerate(quality) if not math.isnan(value)),
        key=lambda row: -quality[row],
    )
    count = min(SHOWN, len(ranked) // 2)
    if not count:
        return ()
    return (
        Gallery("Best predictions", f"Those of the highest {measure}.", ranked[:count]),
        Gallery("Worst predictions", f"Those of the lowest {measure}.", ranked[: -count - 1 : -1]),
    )


@dataclass(frozen=True)
class Details:
    """What result.json holds of the test predictions beside the metrics.

    `mistakes` are the heading of the mistakes that a report shows and a sentence below it;
    `galleries` are further examples that it shows.
    """

    per_class: Table | None = None
    confusion: Confusion | None = None
    points: Points | None = None
    curves: Sequence[Curves] = ()
    galleries: Sequence[Gallery] = ()
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
        if self.curves:
            entries["curves"] = [asdict(panel) for panel in self.curves]
        if self.galleries:
            entries["galleries"] = [[gallery.title, gallery.note] for gallery in self.galleries]
        return entries
