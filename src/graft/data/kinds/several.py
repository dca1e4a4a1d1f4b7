"""One input with the targets of several tasks, some of which may be missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.checks.finding import Finding, counts
from graft.data.checks.texts import text_findings
from graft.data.data import Data
from graft.data.kinds.kind import Kind, kind_named, kind_of, make_splits
from graft.data.tables.cells import is_missing, plain
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.inputs import IMAGE, TEXT, Wanted, find_inputs, read_inputs
from graft.data.tables.rows import Rows
from graft.data.tables.sounds import AUDIO, PARTS

ROLE = "parts"


class Several(Kind):
    """A picture, a sound or a text with `parts`: the target of each task by its name.

    `parts` is a dict such as {"stress": {"label": "rust"}, "severity": {"value": 2.0}}: the name of
    a task, and the role of its target with its value, None if it is not known.
    """

    inputs: ClassVar = (
        frozenset({"image"}), frozenset({"audio"}), frozenset({"text"}), frozenset({"tokens"}),
    )  # fmt: skip
    target: ClassVar = ROLE
    columns: ClassVar = {
        "text": TEXT, "text_pair": (), "image": IMAGE, "audio": AUDIO, "tokens": (),
        ROLE: (ROLE,), **PARTS,
    }  # fmt: skip
    precedence: ClassVar = -1  # inputs alone are of the kinds of one task
    texts: ClassVar = {"text": "Texts", "text_pair": "Second texts"}
    blanks: ClassVar = ({"text": ""}, {"text": " "})

    def match(self, columns: Columns) -> Match | None:
        """Match a column `parts` of objects; columns of their own are named by `--task`."""
        names = columns.one(ROLE, self.columns, _are_parts)
        if not names:
            return None
        match = find_inputs(columns, Wanted(ROLE, ((ROLE,),), _are_parts), {ROLE: names})
        return replace(match, fit=Fit.LISTS)

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        return [
            [
                {**value, ROLE: parts}
                for value, parts in zip(read_inputs(rows), _read_parts(rows), strict=True)
            ]
            for rows in tables
        ]

    def _texts(self, sample: Sample) -> list[str]:
        """The texts, or the words of a sample that has words alone."""
        texts = super()._texts(sample)
        return texts or [" ".join(sample.roles["tokens"])] if "tokens" in sample.roles else texts

    def plain_rows(self, sample: Sample) -> list[dict[str, Any]]:
        raise DataError(f"{sample.id} has objects as parts. Use JSON, JSON lines or Parquet.")

    def problem(self, samples: Sequence[Sample]) -> str | None:
        """Say which task cannot be learned, as without a single label."""
        for name, part in parts_of(samples).items():
            known = known_of(samples, name)
            words = kind_named(part).problem(known) if known else "no sample has a label of it"
            if words:
                return f"task {name!r}: {words}"
        return None

    def mismatch(
        self, training: Sequence[Sample], held_out: Mapping[str, Sequence[Sample]]
    ) -> str | None:
        for name, part in parts_of(training).items():
            others = {split: known_of(samples, name) for split, samples in held_out.items()}
            others = {split: samples for split, samples in others.items() if samples}
            if words := kind_named(part).mismatch(known_of(training, name), others):
                return f"task {name!r}: {words}"
        return None

    def findings(self, data: Data) -> list[Finding]:
        """Report what each task has, and for how many samples it is not known."""
        findings = [counts(data.splits, "samples with the targets of several tasks each")]
        labeled = {n: s for n, s in data.splits.items() if n != "unlabeled"}
        for name, part in parts_of([s for samples in labeled.values() for s in samples]).items():
            known = {split: known_of(samples, name) for split, samples in labeled.items()}
            numbers = ", ".join(
                f"{len(known[split]):,} of {len(labeled[split]):,} in {split}" for split in labeled
            )
            findings.append(
                _label_finding(name, numbers, [n for n, some in known.items() if not some])
            )
            reported = kind_named(part).findings(part_data(data, name))
            shared = ("counts", "lengths", "empty")
            findings += [
                replace(finding, message=f"task {name!r}: {finding.message}")
                for finding in reported
                if finding.code not in shared
            ]
        return [*findings, *text_findings(data, self.texts)]

    def difference(self, one: Sample, other: Sample) -> str | None:
        """Say how the first task differs that both have a label of."""
        for name in one.roles[ROLE]:
            pair = [part_sample(sample, name) for sample in (one, other)]
            if all(map(is_labeled, pair)):
                kind = kind_named(kind_of_part(pair[0]))
                targets = [sample.roles[kind.target] for sample in pair]
                if targets[0] != targets[1]:
                    return f"task {name!r}: {kind.difference(*pair)}"
        return None

    def tiny(self) -> dict[str, Data]:
        rng = np.random.default_rng(0)

        def parts(i: int, several: bool) -> dict[str, Any]:
            label = ("fine", "awful")[i % 2] if i % 3 else None
            more = {"themes": {"label": ("food", "staff")[: i % 3]}} if several else {}
            return {"tone": {"label": label}, "stars": {"value": i / 4}, **more}

        def review(split: str, i: int) -> dict[str, Any]:
            return {"text": f"{split} number {i}, naïve \u2028", ROLE: parts(i, False)}

        def picture(split: str, i: int) -> dict[str, Any]:
            pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
            return {"image": pixels, ROLE: parts(i, True)}

        return {
            "texts": Data(make_splits(review, 12, ["train", "test"]), kind=self.name),
            "images": Data(make_splits(picture, 12, ["train", "test"]), kind=self.name),
        }


def _label_finding(name: str, numbers: str, without: Sequence[str]) -> Finding:
    """Say for how many samples of each split a task is known, and what is missing without any."""
    message = f"task {name!r}: known for {numbers}."
    if not without:
        return Finding("part", "info", message)
    advice = f" It has no label in {listed(without)}, so nothing is known of it there: move some."
    return Finding("part", "warning", message + advice)


def check_any_label(samples: Sequence[Sample], names: Collection[str]) -> None:
    """Raise DataError for samples of which none has the label of a task."""
    if not any(known_of(samples, name) for name in names):
        raise DataError(
            f"None of {plural(len(samples), 'example')} has a label of {listed(names)}, so there "
            "is nothing to measure. Fill in some, or use graft predict."
        )


def part_sample(sample: Sample, name: str) -> Sample:
    """Return the sample as one of its tasks has it: the inputs with the target of that task."""
    inputs = {role: value for role, value in sample.roles.items() if role != ROLE}
    parts = sample.roles.get(ROLE) or {}
    return Sample(sample.id, {**inputs, **parts.get(name, {})}, sample.companions)


def is_labeled(sample: Sample) -> bool:
    """Whether a sample of one task has its label."""
    return sample.roles.get(kind_named(kind_of_part(sample)).target) is not None


def kind_of_part(sample: Sample) -> str:
    """Return the kind of data of a sample of one task."""
    return _kind_of(frozenset(sample.roles))


def parts_of(samples: Sequence[Sample]) -> dict[str, str]:
    """Map each task that the samples have to its kind of data, in their order."""
    kinds: dict[str, str] = {}
    for sample in samples:
        for name in sample.roles.get(ROLE) or {}:
            if name not in kinds:
                kinds[name] = kind_of_part(part_sample(sample, name))
    return kinds


def known_of(samples: Sequence[Sample], name: str) -> list[Sample]:
    """Return the samples of one task, those that have its label."""
    having = (sample for sample in samples if name in (sample.roles.get(ROLE) or {}))
    return list(filter(is_labeled, (part_sample(sample, name) for sample in having)))


def part_data(data: Data, name: str) -> Data:
    """Return the data of one task: the samples of each split that have its label."""
    labeled = [s for split, part in data.splits.items() if split != "unlabeled" for s in part]
    kind = parts_of(labeled)[name]
    splits = {split: known_of(samples, name) for split, samples in data.splits.items()}
    splits = {split: samples for split, samples in splits.items() if samples}
    columns = {role: names for role, names in data.columns.items() if role != ROLE}
    target = kind_named(kind).target
    return replace(data, splits=splits, kind=kind, columns={**columns, target: [name]}, notes=[])


@cache
def _kind_of(roles: frozenset[str]) -> str:
    return kind_of(roles)


def _are_parts(values: Sequence[Any]) -> bool:
    """Whether the cells of a column are objects of objects."""
    cells = [value for value in values if not is_missing(value)]
    return bool(cells) and all(_is_part(cell) for cell in cells)


def _is_part(cell: Any) -> bool:
    return isinstance(cell, dict) and all(isinstance(part, dict | None) for part in cell.values())


def _read_parts(rows: Rows) -> list[dict[str, dict[str, Any]]]:
    """The targets of each row; what is missing has the value None."""
    rows.require([ROLE] if rows.needs_target else [])
    cells = [None if is_missing(value) else value for value in rows.column(ROLE)]
    rows.check_target([cell is None for cell in cells])
    advice = 'Write an object for each task: {"stress": {"label": "rust"}}.'
    rows.refuse((c is not None and not _is_part(c) for c in cells), "have no object", advice)
    roles: dict[str, str] = {
        name: role for cell in cells for name, part in (cell or {}).items() for role in part or {}
    }
    return [
        {name: {role: _value((cell or {}).get(name), role)} for name, role in roles.items()}
        for cell in cells
    ]


def _value(part: Mapping[str, Any] | None, role: str) -> Any:
    value = (part or {}).get(role)
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(value)
    if is_missing(value):
        return None
    return str(plain(value)) if role == "label" else value
