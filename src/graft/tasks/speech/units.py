"""What errors of transcripts are counted in: words, or characters where no blanks separate words.

Transcripts are given as they are compared, after their normalization.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from graft.base.evidence import Column, Table
from graft.metrics.cer import cer
from graft.metrics.edits import Edit, align, count_edits
from graft.metrics.metric import Metric
from graft.metrics.wer import wer

CANDIDATES = 20
"""Transcripts of training that a constant is chosen among, beside none."""
ROWS = 300_000
"""The rows of tables of edits that this choice may take: some seconds."""


@dataclass(frozen=True)
class Unit:
    """One way to count errors."""

    noun: str
    rates: tuple[Metric, Metric]
    """The error rates, the one of this unit first."""
    lengths: tuple[int, ...]
    """Units up to which transcripts are counted together in the table by length."""
    split: Callable[[str], Sequence[str]]
    joint: str
    """What stands between two units in writing."""

    def error_rate(self, true: str, written: str) -> float:
        """The errors a unit of the true transcript."""
        units = self.split(true)
        return count_edits(units, self.split(written)) / max(1, len(units))

    def align(self, true: str, written: str) -> tuple[tuple[str, str], ...]:
        """The true transcript in pieces, each with what was written for it."""
        edits = align(self.split(true), self.split(written))
        if self.joint:
            return tuple((edit.removed or "", edit.added or "") for edit in edits)
        # Single characters are hard to read, so those that are all right or all wrong are joined.
        runs = [list(run) for _, run in groupby(edits, lambda edit: edit.removed == edit.added)]
        return tuple((_join(run, "removed"), _join(run, "added")) for run in runs)

    def choose_constant(self, true: Sequence[str]) -> str:
        """The transcript nearest to all, among the most frequent ones and the empty one.

        Of very many, or very long ones, a part is compared, evenly spread.
        """
        split = [tuple(self.split(text)) for text in true]
        candidates = [(), *(units for units, _ in Counter(split).most_common(CANDIDATES))]
        most = max(1, ROWS // max(1, sum(map(len, candidates))))
        compared = split[:: math.ceil(len(split) / most)]
        best = min(candidates, key=lambda units: sum(count_edits(units, one) for one in compared))
        return self.joint.join(best)

    def table(self, written: np.ndarray, true: np.ndarray) -> Table:
        """The error rates of transcripts by their length."""
        columns = (
            *(Column(rate.name, rate.words) for rate in self.rates),
            Column("transcripts", "transcripts", "count"),
        )
        lengths = np.array([len(self.split(text)) for text in true])
        rows = {}
        for least, most in zip((0, *self.lengths), (*self.lengths, math.inf), strict=True):
            within = (lengths > least) & (lengths <= most) if least else lengths <= most
            if within.any():
                name = f"{least + 1} to {most}" if least else f"up to {most}"
                name = f"{name if most < math.inf else f'over {least}'} {self.noun}s"
                rates = {rate.name: rate(written[within], true[within]) for rate in self.rates}
                rows[name] = {**rates, "transcripts": int(within.sum())}
        return Table(("length", "lengths"), columns, rows, self.rates[0].name)


WORD = Unit("word", (wer, cer), (5, 10, 20, 40), str.split, " ")
CHARACTER = Unit("character", (cer, wer), (10, 20, 40, 80), list, "")


def _join(edits: Sequence[Edit], side: str) -> str:
    return "".join(getattr(edit, side) or "" for edit in edits)
