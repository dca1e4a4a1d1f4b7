"""Pairs of texts, each with its class or classes: paraphrases, entailment, duplicates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from graft.data.data import Data
from graft.data.kinds.classes.labeled import LABEL, NAMES, WANTED, Labeled, label_fit, name_column
from graft.data.kinds.kind import make_splits
from graft.data.tables.columns import Columns, Match
from graft.data.tables.inputs import PAIRS, find_inputs, find_pair


class TextPairs(Labeled):
    """Two texts about each other, `text` and `text_pair`, and the class or classes, `label`."""

    inputs: ClassVar = (frozenset({"text", "text_pair"}),)
    columns: ClassVar = {
        "text": tuple(first for first, _ in PAIRS),
        "text_pair": tuple(second for _, second in PAIRS),
        "label": LABEL,
        "label_name": NAMES,
    }
    blanks: ClassVar = ({"text": ""}, {"text_pair": " "}, {"text": "", "text_pair": ""})
    texts: ClassVar = {"text": "First texts", "text_pair": "Second texts"}
    precedence: ClassVar = 1  # two texts that belong together, not two columns joined into one text

    def match(self, columns: Columns) -> Match | None:
        pair = find_pair(columns)
        if not pair:
            return None
        match = find_inputs(columns, WANTED, pair)
        first, second = (names[0] for names in pair.values())
        note = (
            f"The columns {first!r} and {second!r} are pairs; "
            f"for one text: --columns text={first}+{second}."
        )
        return replace(
            match,
            columns={**match.columns, "label_name": name_column(columns, match)},
            fit=label_fit(columns, match),
            notes=[*match.notes, *([] if columns.asked else [note])],
        )

    def tiny(self) -> dict[str, Data]:
        def pair(split: str, i: int) -> dict[str, Any]:
            texts = {
                "text": f"{split} „{i}“\u2028 one; two",
                "text_pair": f"naïve, {i} or {i // 2}?",
            }
            return {**texts, "label": ("same", "other")[i % 2]}

        return {"pairs": Data(make_splits(pair, 6), kind=self.name)}
