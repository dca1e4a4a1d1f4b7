"""The character error rate of transcripts.

Scores and targets are object arrays (N,) of recognized and of true transcripts, compared as they
are, blanks included.

Example: graft evaluate runs/talks talks
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from graft.metrics.edits import count_edits
from graft.metrics.metric import metric_of_sums, ratio


def _parts(scores: NDArray, targets: NDArray) -> NDArray:
    """Count (N, 2) the character edits of each transcript, and its true characters."""
    rows = [
        (count_edits(true, heard), len(true)) for heard, true in zip(scores, targets, strict=True)
    ]
    return np.array(rows, float).reshape(-1, 2)


cer = metric_of_sums(
    "cer",
    _parts,
    ratio,
    words="CER",
    best=0.0,
    higher_is_better=False,
    may_exceed_one=True,
    limits=(0.0, math.inf),
    undefined="no transcript has a character",
)
"""The wrong, missing and added characters of all transcripts, over their true characters. It suits
languages that are written without blanks."""

METRICS = {cer.name: cer}
