"""Pairs of texts, each with its class, or with several: paraphrases, entailment, duplicate questions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from graft.data.data import Data
from graft.data.kinds.classes.labeled import LABEL, NAMES, WANTED, Labeled, fit, name_column
from graft.data.kinds.kind import numbered
from graft.data.tables.columns import Columns, Match
from graft.data.tables.inputs import PAIRS, find_inputs, find_pair

SURER = 0.05
"""By how much two texts that belong together are surer than the same columns joined into one text."""


class TextPairs(Labeled):
    """Two texts that are about each other, `text` and `text_pair`, and the class or classes of the pair, `label`."""

    inputs: ClassVar = (frozenset({"text", "text_pair"}),)
    columns: ClassVar = {
        "text": tuple(first for first, _ in PAIRS),
        "text_pair": tuple(second for _, second in PAIRS),
        "label": LABEL,
        "label_name": NAMES,
    }
    blanks: ClassVar = ({"text": ""}, {"text_pair": " "}, {"text": "", "text_pair": ""})
    texts: ClassVar = {"text": "First texts", "text_pair": "Second texts"}

    def match(self, columns: Columns) -> Match | None:
        pair = find_pair(columns)
        if not pair:
            return None
        match = find_inputs(columns, WANTED, pair)
        first, second = (names[0] for names in pair.values())
        note = f"The columns {first!r} and {second!r} are pairs; for one text: --columns text={first}+{second}."
        return replace(
            match,
            columns={**match.columns, "label_name": name_column(columns, match)},
            fit=fit(columns, match) + SURER,
            notes=[*match.notes, *([] if columns.asked else [note])],
        )

    def tiny(self) -> dict[str, Data]:
        def pair(split: str, i: int) -> dict[str, Any]:
            texts = {
                "text": f"{split} „{i}“\u2028 one; two",
                "text_pair": f"naïve, {i} or {i // 2}?",
            }
            return {**texts, "label": ("same", "other")[i % 2]}

        return {"pairs": Data(numbered(pair, 6), kind=self.name)}
