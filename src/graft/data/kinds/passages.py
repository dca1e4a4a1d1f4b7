"""Running text in passages, which is learned as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graft.data.checks.finding import Finding
from graft.data.checks.texts import character_counts, text_findings
from graft.data.data import Data
from graft.data.kinds.kind import Kind, make_splits
from graft.data.tables.cells import are_words
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.inputs import TEXT
from graft.data.tables.rows import Rows


class Passages(Kind):
    """A `passage` of running text, its own target: in order, those of a split make up the text."""

    inputs: ClassVar = (frozenset({"passage"}),)
    target: ClassVar = "passage"
    columns: ClassVar = {"passage": ("passage",)}
    texts: ClassVar = {"passage": "Passages"}
    shares: ClassVar = {"val": 0.05, "test": 0.05}
    in_order: ClassVar = True

    def match(self, columns: Columns) -> Match | None:
        if "passage" not in columns.asked and columns.find_named(["question"]):
            return None
        names = {"passage": (*self.columns["passage"], *(TEXT if columns.for_task else ()))}
        return columns.match(names, {"passage": are_words}, ["passage"], Fit.ONE_COLUMN)

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        values = []
        for rows in tables:
            rows.require(["passage"])
            values.append([{"passage": text} for text in rows.texts("passage")])
        return values

    def findings(self, data: Data) -> list[Finding]:
        return [character_counts(data, "passages", "passage"), *text_findings(data, self.texts)]

    def tiny(self) -> dict[str, Data]:
        line = "naïve café — „ok“; 日本語, one\ttwo. "
        splits = make_splits(
            lambda split, i: {"passage": f"{split} {i}\n" + line * (30 + i) + "\n\n"}, 4
        )
        return {"passages": Data(splits, kind=self.name)}
