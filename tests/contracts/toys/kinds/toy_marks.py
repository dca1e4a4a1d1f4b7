"""A toy kind of data: one file is all it takes."""

from __future__ import annotations

from collections import Counter

from graft.data.checks.classes import class_findings
from graft.data.data import Data
from graft.data.kinds.kind import Kind, make_splits
from graft.data.tables.cells import are_texts
from graft.data.tables.columns import Fit


class ToyMarks(Kind):
    """A `line` of text and its `mark`."""

    inputs = (frozenset({"line"}),)
    target = "mark"
    columns = {"line": ("line",), "mark": ("mark",)}
    texts = {"line": "Lines"}
    is_stratified = True
    blanks = ({"line": ""},)

    def match(self, columns):
        needed = ["line", "mark"] if columns.needs_target else ["line"]
        return columns.match(
            self.columns, {"line": are_texts, "mark": are_texts}, needed, Fit.OWN_NAMES
        )

    def samples(self, tables):
        return [
            [
                {"line": line, "mark": mark}
                for line, mark in zip(rows.texts("line"), rows.texts("mark"), strict=True)
            ]
            for rows in tables
        ]

    def strata(self, samples):
        return [sample.roles["mark"] for sample in samples]

    def counts(self, splits):
        return {
            split: Counter(s.roles["mark"] for s in part if "mark" in s.roles)
            for split, part in splits.items()
        }

    def classes(self, samples):
        return {sample.roles["mark"] for sample in samples if "mark" in sample.roles}

    def findings(self, data):
        return class_findings(
            data, lambda sample: (sample.roles["mark"],) if "mark" in sample.roles else ()
        )

    def tiny(self):
        def marked(split, i):
            return {"line": f"line number {i}, näive", "mark": "ab"[i % 2]}

        return {"marks": Data(make_splits(marked, 6, ["all"]), kind=self.name)}
