"""What kinds share whose target is one of several classes, or several of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from graft.base.errors import listed
from graft.base.records import Sample
from graft.data.checks.classes import class_findings
from graft.data.checks.finding import Finding
from graft.data.checks.texts import text_findings
from graft.data.data import Data
from graft.data.kinds.classes.cells import (
    are_indicators,
    find_separator,
    read_cell,
    read_indicators,
)
from graft.data.kinds.kind import Kind
from graft.data.tables.cells import are_scalars, describe_object, is_missing, one_spelling
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.inputs import Wanted, is_label_like, read_inputs
from graft.data.tables.rows import Rows, class_names, note_names

WANTED = Wanted(
    "label",
    (
        ("label", "labels"),
        ("class", "classes", "category", "categories", "target", "y", "sentiment", "topic",
         "intent", "emotion", "tag", "tags", "species"),
        ("rating", "stars", "score", "polarity", "genre", "type", "language", "lang"),
    ),
    is_label_like,
    are_indicators,
)  # fmt: skip
LABEL = tuple(name for tier in WANTED.names for name in tier)
NAMES = (
    "name", "label_name", "label_text", "class_name", "category_name", "text_label", "target_name",
)  # fmt: skip
"""Names of columns that say what the numbers of a label column mean."""


class Labeled(Kind):
    """A kind whose target is `label`: a str, a tuple of str for several, None if not known."""

    target: ClassVar[str] = "label"
    joined: ClassVar = ("text", "label")
    is_stratified: ClassVar = True

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        inputs, labels = map(read_inputs, tables), read_labels(tables)
        return [
            [{**value, "label": label} for value, label in zip(values, part, strict=True)]
            for values, part in zip(inputs, labels, strict=True)
        ]

    def strata(self, samples: Sequence[Sample]) -> list[str]:
        """The label, the rarest of several, nothing for none."""
        labels = [labels_of(sample) for sample in samples]
        counts = Counter(name for part in labels for name in part)
        return [min(part, key=lambda name: (counts[name], name), default="") for part in labels]

    def has_several(self, samples: Sequence[Sample]) -> bool:
        return any(isinstance(sample.roles.get("label"), tuple) for sample in samples)

    def counts(self, splits: dict[str, list[Sample]]) -> dict[str, Counter[str]]:
        return {split: Counter(_names(samples)) for split, samples in splits.items()}

    def classes(self, samples: Sequence[Sample]) -> set[str]:
        return set(_names(samples))

    def problem(self, samples: Sequence[Sample]) -> str | None:
        """Refuse too few classes; one is enough if samples may have none."""
        classes = sorted(self.classes(samples))
        if len(classes) >= (1 if self.has_several(samples) else 2):
            return None
        only = f"there is only one class, {classes[0]!r}" if classes else "there is no class"
        return f"{only}. At least two are needed: add samples of another class"

    def mismatch(
        self, training: Sequence[Sample], held_out: Mapping[str, Sequence[Sample]]
    ) -> str | None:
        """Classes of a held-out split that do not occur in training, if a sample has one class."""
        known = self.classes(training)
        for split, samples in held_out.items() if not self.has_several(training) else ():
            if unseen := sorted(self.classes(samples) - known):
                words = f"{split} has classes that do not occur in training: {listed(unseen)}"
                return f"{words}. Add samples of them to training, or remove them"
        return None

    def findings(self, data: Data) -> list[Finding]:
        return [*class_findings(data, labels_of), *text_findings(data, self.texts)]

    def difference(self, one: Sample, other: Sample) -> str:
        return " / ".join(f"{s.id} is {'|'.join(labels_of(s))!r}" for s in (one, other))


def labels_of(sample: Sample) -> tuple[str, ...]:
    """The labels of a sample, as many as it has."""
    label = sample.roles.get("label")
    return label if isinstance(label, tuple) else () if label is None else (label,)


def label_fit(columns: Columns, match: Match) -> Fit:
    """Return how well the table fits: best if a column named label has words or numbers."""
    is_label = any(are_scalars(columns[name]) for name in columns.find_named(WANTED.names[0]))
    return Fit.LABEL if is_label else match.fit


def name_column(columns: Columns, match: Match) -> list[str]:
    """Return the column that names the numbers of the labels, if given or known by its name."""
    if "label_name" in match.columns or not columns.header or "label" not in match.columns:
        return match.columns.get("label_name", [])
    label = match.columns["label"][0]
    taken = {name for names in match.columns.values() for name in names}
    names = columns.find_named((*NAMES, f"{label}_name", f"{label}_text"))
    return [name for name in names if name not in taken][:1]


def read_labels(tables: Sequence[Rows]) -> list[list[Any]]:
    """The labels of the rows of each table, shown by their names.

    Raises DataError naming the rows that have none, or an object in its place.
    """
    known = [rows for rows in tables if rows.needs_target] or tables
    for rows in known:
        rows.require(["label"] if rows.needs_target else [])
    if any(len(rows.columns.get("label", ())) > 1 for rows in tables):
        return [read_indicators(rows) for rows in tables]
    for rows in tables:
        objects = map(describe_object, rows.column("label"))
        advice = 'Write the label itself: {"label": "spam"}, or a list of labels.'
        rows.refuse(objects, "have an object or a list of lists as label", advice)
    separator = tables[0].options.label_separator
    if separator is None:
        cells = [value for rows in known for value in rows.column("label")]
        separator = find_separator(cells, tables[0].notes)
    labels = [[read_cell(value, separator) for value in rows.column("label")] for rows in tables]
    for rows, part in zip(tables, labels, strict=True):
        rows.check_target([label is None for label in part])
    labels = _unify_spelling(labels, tables[0])
    names = _class_names([pair for pair in zip(tables, labels, strict=True) if pair[0] in known])
    if names:
        tables[0].notes[note_names(names, "Labels")] = None
    return [[_rename(label, names) for label in part] for part in labels]


def _unify_spelling(labels: list[list[Any]], rows: Rows) -> list[list[Any]]:
    """Give equal labels one spelling, 1 for 1.0; the rows get a note if both occur."""
    spellings = {label for part in labels for label in part if isinstance(label, str)}
    spelled = one_spelling(spellings)
    if twice := [f"{label} = {name}" for label, name in spelled.items() if name in spellings]:
        rows.notes[f"Labels that are spelled in two ways are one: {', '.join(twice)}."] = None
    return [[_rename(label, spelled) for label in part] for part in labels]


def _rename(label: Any, names: dict[str, str]) -> Any:
    if isinstance(label, tuple):
        return tuple(names.get(name, name) for name in label)
    return names.get(label, label)


def _class_names(read: Sequence[tuple[Rows, list[Any]]]) -> dict[str, str]:
    """Label -> readable name, one to one, by a column, the file itself or a classes.json."""
    known = {label for _, labels in read for label in labels if isinstance(label, str)}
    pairs = {
        (label, str(name).strip())
        for rows, labels in read
        for label, name in zip(labels, rows.column("label_name"), strict=True)
        if isinstance(label, str) and not is_missing(name)
    }
    names = dict(sorted(pairs, key=lambda pair: (len(pair[0]), pair[0])))
    if names and len(pairs) == len(names) == len(set(names.values())) == len(known):
        return {} if all(label == name for label, name in names.items()) else names
    classes = next(filter(None, (class_names(rows, "label") for rows, _ in read)), [])
    are_numbers = known and all(label.isdecimal() and int(label) < len(classes) for label in known)
    if not are_numbers or len(set(classes)) < len(classes):
        return {}
    return {str(number): name for number, name in enumerate(classes)}


def _names(samples: Iterable[Sample]) -> Iterable[str]:
    return (name for sample in samples for name in labels_of(sample))
