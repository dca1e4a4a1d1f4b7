"""Pictures, texts or pairs of texts, each with a number: a score, a price, an age."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, ClassVar

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.checks.finding import Finding, counts
from graft.data.checks.texts import text_findings
from graft.data.data import Data
from graft.data.kinds.classes.labeled import WANTED, fit, name_column
from graft.data.kinds.kind import Kind, numbered
from graft.data.tables.columns import Columns, Match, are_scalars, as_number, is_missing
from graft.data.tables.inputs import IMAGE, TEXT, Wanted, find_inputs, find_pair, read_inputs
from graft.data.tables.rows import Rows

VALUE = ("value", "score", "similarity", "price", "age", "rating", "target", "y", "label")
"""Names of columns of numbers, the likeliest first."""
FEW = 10
"""Fractions of no more different values may be steps of a scale, and so classes."""
MANY = 20
"""Whole numbers of no more different values may be classes, whatever their number."""
RECURRING = 4
"""Whole numbers that come back so many times on average are classes: a class has several examples."""
SURER = 0.06
"""By how much a column of many different numbers is surer to be a value than a class, be it of one text or of a pair."""


class Numbers(Kind):
    """A picture, a text, or a pair of texts, and its `value`: a float, None where it is not known."""

    inputs: ClassVar = (frozenset({"image"}), frozenset({"text"}))
    target: ClassVar = "value"
    columns: ClassVar = {"text": TEXT, "text_pair": (), "image": IMAGE, "value": VALUE}
    texts: ClassVar = {"text": "Texts", "text_pair": "Second texts"}
    blanks: ClassVar = ({"text": ""}, {"text": " "})
    not_learnt: ClassVar = (
        "They hold a number each, and no task learns numbers yet: regression is the next thing to come. Where the numbers are "
        "classes, say so: --columns label=NAME."
    )

    def match(self, columns: Columns) -> Match | None:
        """What labels would take for classes, where it holds many different numbers; or what is asked for as the value."""
        pair = find_pair(columns)
        if "value" in columns.asked:
            return find_inputs(columns, Wanted("value", (VALUE,), are_values), pair)
        if not columns.needs_target or columns.table.has_classes:
            return None
        try:
            match = find_inputs(columns, WANTED, pair)
        except DataError:
            return self._match_value(columns, pair)
        names = match.columns["label"]
        if (
            len(names) > 1
            or not are_values(columns[names[0]])
            or columns.table.class_names.get(names[0])
        ):
            return None
        if name_column(columns, match) and names[0] in columns.named(WANTED.names[0]):
            return None  # numbers of classes, whose names stand beside them
        inputs = {role: named for role, named in match.columns.items() if role != "label"}
        notes = [
            f"The column {names[0]!r} holds many different numbers, so a value each; for classes: --columns label={names[0]}."
        ]
        return Match({**inputs, "value": names}, fit(columns, match) + SURER, notes)

    def _match_value(self, columns: Columns, pair: dict[str, list[str]]) -> Match | None:
        """Where nothing looks like a label, a column of numbers by its name."""
        try:
            match = find_inputs(columns, Wanted("value", (VALUE,), are_values), pair)
        except DataError:
            return None
        return match if are_values(columns[match.columns["value"][0]]) else None

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        return [
            [
                {**value, "value": number}
                for value, number in zip(read_inputs(rows), _numbers(rows), strict=True)
            ]
            for rows in tables
        ]

    def problem(self, samples: Sequence[Sample]) -> str | None:
        values = {sample.roles["value"] for sample in samples}
        return None if len(values) > 1 else f"every value is {next(iter(values), None)}"

    def findings(self, data: Data) -> list[Finding]:
        """How many there are, their range and spread in each split."""
        findings = [counts(data.splits, "samples with a number each")]
        for split, samples in data.splits.items():
            values = [
                sample.roles["value"] for sample in samples if sample.roles.get("value") is not None
            ]
            if values:
                spread = f"mean {statistics.fmean(values):.4g}, standard deviation {statistics.pstdev(values):.4g}"
                words = f"{split}: {min(values):g} to {max(values):g}, median {statistics.median(values):g}, {spread}."
                findings.append(Finding("values", "info", words))
        return [*findings, *text_findings(data, self.texts)]

    def difference(self, one: Sample, other: Sample) -> str:
        return " / ".join(f"{sample.id} is {sample.roles['value']:g}" for sample in (one, other))

    def tiny(self) -> dict[str, Data]:
        def scored(split: str, i: int) -> dict[str, Any]:
            return {"text": f"{split} {i}\u2028 naïve", "value": i / 8 - 0.5}

        def paired(split: str, i: int) -> dict[str, Any]:
            return {"text": f"{split} {i}", "text_pair": f"{i}; two", "value": float(i * i) + 0.25}

        made = {"texts": scored, "pairs": paired}
        return {
            name: Data(numbered(make, 12, ["train", "test"]), kind=self.name)
            for name, make in made.items()
        }


def are_values(values: Sequence[Any]) -> bool:
    """Whether these are numbers of too many different values to be classes."""
    known = [value for value in values if not is_missing(value)]
    numbers = [number for number in map(as_number, known) if number is not None]
    if not numbers or len(numbers) < len(known) or not are_scalars(known):
        return False
    distinct = len(set(numbers))
    if all(number.is_integer() for number in numbers):
        return distinct > MANY and distinct * RECURRING > len(numbers)
    return distinct > FEW or (len(numbers) > RECURRING and distinct * 2 > len(numbers))


def _numbers(rows: Rows) -> list[float | None]:
    if rows.needs_target:
        rows.require(["value"])
    cells = [None if is_missing(value) else value for value in rows.column("value")]
    rows.check_target([cell is None for cell in cells])
    numbers = [None if cell is None else as_number(cell) for cell in cells]
    wrong = (
        cell is not None and number is None and repr(cell)
        for cell, number in zip(cells, numbers, strict=True)
    )
    rows.refuse(
        wrong, "have a value that is no finite number", "Fix them; decimals stand behind a point."
    )
    return numbers
