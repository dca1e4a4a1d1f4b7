"""Pictures, sounds, texts or pairs of texts, each with a number: a score, a price, an age."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.checks.finding import Finding, counts
from graft.data.checks.texts import text_findings
from graft.data.data import Data
from graft.data.kinds.classes.labeled import WANTED, label_fit, name_column
from graft.data.kinds.kind import Kind, make_splits
from graft.data.sounds.wave_files import wave_bytes
from graft.data.tables.cells import as_number, is_missing, parse_written_number, plain
from graft.data.tables.columns import Columns, Fit, Match, sound_columns
from graft.data.tables.inputs import (
    IMAGE,
    TEXT,
    Wanted,
    are_pictures,
    find_inputs,
    find_pair,
    read_inputs,
)
from graft.data.tables.numbers import are_values, unread_numbers
from graft.data.tables.rows import Rows
from graft.data.tables.sounds import AUDIO, PARTS

VALUE = ("value", "score", "similarity", "price", "age", "rating", "target", "y", "label")
"""Names of columns of numbers, the likeliest first."""
_PLAIN = (
    "Write plain numbers such as 1234.5, without currency, unit or thousands separators and with "
    "a point before the decimals; remove rows that have none."
)


class Numbers(Kind):
    """A picture, a sound, a text or a pair of texts, and its `value`: a float, None if not known.

    A column that is asked for as `category` says of what kind each sample is; no network reads it.
    """

    inputs: ClassVar = (frozenset({"image"}), frozenset({"audio"}), frozenset({"text"}))
    target: ClassVar = "value"
    columns: ClassVar = {
        "text": TEXT, "text_pair": (), "image": IMAGE, "audio": AUDIO, "value": VALUE,
        "category": (), **PARTS,
    }  # fmt: skip
    joined: ClassVar = ("text",)
    precedence: ClassVar = 2  # many different numbers are a value, of one text or of a pair
    texts: ClassVar = {"text": "Texts", "text_pair": "Second texts"}
    blanks: ClassVar = ({"text": ""}, {"text": " "})

    def match(self, columns: Columns) -> Match | None:
        """Match a column `value`, or one that would be labels but has many different numbers."""
        pair = find_pair(columns)
        wanted = Wanted("value", (VALUE[:1], VALUE[1:]), are_values)
        if "value" in columns.asked:
            return find_inputs(columns, wanted, pair)
        if not columns.needs_target:  # what is read to be predicted may be of any kind
            return find_inputs(columns, wanted, pair) if columns.for_task else None
        if columns.table.has_classes:
            return None
        try:
            match = find_inputs(columns, WANTED, pair)
        except DataError:
            return self._match_value(columns, wanted, pair)
        names = match.columns["label"]
        fit = label_fit(columns, match)
        is_label = names[0] in columns.find_named(WANTED.names[0])
        if len(names) > 1 or columns.table.class_names.get(names[0]):
            return None
        if is_label and name_column(columns, match):
            return None  # numbers of classes, whose names stand beside them
        if not are_values(columns[names[0]]):
            return None if is_label else _explain_mismatch(columns, names, fit)
        inputs = {role: named for role, named in match.columns.items() if role != "label"}
        note = (
            f"The column {names[0]!r} holds many different numbers, so a value each; for classes: "
            f"--columns label={names[0]}."
        )
        roles = {**inputs, "value": names}
        return Match(roles, fit, [note, *unread_numbers(columns, roles)])

    def _match_value(
        self, columns: Columns, wanted: Wanted, pair: dict[str, list[str]]
    ) -> Match | None:
        """Return a column of numbers by its name if no column looks like a label."""
        try:
            match = find_inputs(columns, wanted, pair)
        except DataError:
            return _explain_mismatch(columns, list(columns), Fit.CONTENT)
        names = match.columns["value"]
        return (
            match
            if are_values(columns[names[0]])
            else _explain_mismatch(columns, names, Fit.CONTENT)
        )

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        return [
            [
                {**value, "value": number, **category}
                for value, number, category in zip(
                    read_inputs(rows), _numbers(rows), _categories(rows), strict=True
                )
            ]
            for rows in tables
        ]

    def problem(self, samples: Sequence[Sample]) -> str | None:
        values = {sample.roles["value"] for sample in samples}
        return None if len(values) > 1 else f"every value is {next(iter(values), None)}"

    def findings(self, data: Data) -> list[Finding]:
        """Report the number of values, their range and spread per split."""
        findings = [counts(data.splits, "samples with a number each")]
        for split, samples in data.splits.items():
            values = [s.roles["value"] for s in samples if s.roles.get("value") is not None]
            if values:
                # Exact sums: those of floats overflow near 1e308.
                mean, spread = statistics.mean(values), statistics.pstdev(values)
                middle = statistics.median_low(values), statistics.median_high(values)
                words = (
                    f"{split}: {min(values):g} to {max(values):g}, "
                    f"median {statistics.mean(middle):g}, mean "
                    f"{mean:.4g}, standard deviation {spread:.4g}."
                )
                findings.append(Finding("values", "info", words))
            if len(set(values)) == 1 and not data.problem:
                advice = _MORE_VALUES if split in data.cut else _OTHER_SPLIT
                findings.append(_constant(split, samples, values[0], advice))
        return [*findings, *text_findings(data, self.texts)]

    def difference(self, one: Sample, other: Sample) -> str:
        return " / ".join(f"{sample.id} is {sample.roles['value']:g}" for sample in (one, other))

    def tiny(self) -> dict[str, Data]:
        def scored(split: str, i: int) -> dict[str, Any]:
            return {"text": f"{split} {i}\u2028 naïve", "value": i / 8 - 0.5}

        def paired(split: str, i: int) -> dict[str, Any]:
            return {"text": f"{split} {i}", "text_pair": f"{i}; two", "value": float(i * i) + 0.25}

        def heard(split: str, i: int) -> dict[str, Any]:
            samples = rng.uniform(-0.5, 0.5, 400 + 40 * i).astype(np.float32)
            return {"audio": wave_bytes(samples, 8000), "value": i / 8 - 0.5}

        rng, splits = np.random.default_rng(0), ["train", "test"]
        return {
            "texts": Data(make_splits(scored, 12, splits), kind=self.name),
            "pairs": Data(make_splits(paired, 12, splits), kind=self.name),
            "sounds": Data(make_splits(heard, 12, splits), kind=self.name),
        }


def _explain_mismatch(columns: Columns, names: Sequence[str], fit: Fit) -> Match | None:
    """Explain the first column that would hold numbers if all its cells were plain numbers."""
    sounds = sound_columns(columns)
    for name in names:
        if name in sounds or are_pictures(columns[name]):
            continue  # 7.wav is no seven in some unit
        rows = [row for row, value in enumerate(columns[name]) if not is_missing(value)]
        numbers = {row: parse_written_number(columns[name][row]) for row in rows}
        known = [number for number in numbers.values() if number is not None]
        wrong = [row for row in rows if as_number(columns[name][row]) is None]
        # Fewer values may be classes: "4 stars".
        if (
            not wrong
            or 2 * len(known) <= len(rows)
            or (fit > Fit.CONTENT and not are_values(known))
        ):
            continue
        cells = (f"{columns[name][row]!r} ({columns.table.row_id(row)})" for row in wrong)
        counted = "" if columns.header else " (counted from 0, as there is no header row)"
        problem = (
            f"has cells in the column {name!r}{counted} that are not plain numbers: "
            f"{listed(cells, 5)}. {_PLAIN} If each is a class: --columns label={name}."
        )
        return Match({}, fit, problem=problem)
    return None


_OTHER_SPLIT = "Use a split whose values differ, or remove it and let Graft cut one."
_MORE_VALUES = (
    "Graft cut this split from the samples it was given, which are too few or too alike: add "
    "samples of other values."
)


def _constant(split: str, samples: Sequence[Sample], value: float, advice: str) -> Finding:
    values = f"all {len(samples):,} values are" if len(samples) > 1 else "the only value is"
    message = (
        f"{split}: {values} {value:g}, so no metric can tell "
        f"there whether predictions follow them. {advice}"
    )
    return Finding("constant", "warning", message, tuple(sample.id for sample in samples))


def _categories(rows: Rows) -> list[dict[str, str]]:
    """Return the category of each row, if a column of categories is given or known."""
    cells = rows.column("category")
    return [{} if is_missing(cell) else {"category": str(plain(cell))} for cell in cells]


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
    rows.refuse(wrong, "have a value that is not a finite number", _PLAIN)
    return numbers
