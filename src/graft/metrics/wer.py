"""The word error rate of transcripts.

Scores and targets are object arrays (N,) of recognized and of true transcripts, compared as they
are: to ignore case and punctuation, normalize both first.

Example: graft evaluate runs/talks talks
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from graft.metrics.edits import count_edits
from graft.metrics.metric import metric_of_sums, ratio


def _parts(scores: NDArray, targets: NDArray) -> NDArray:
    """Count (N, 2) the word edits of each transcript, and its true words."""
    rows = [
        (count_edits(true.split(), heard.split()), len(true.split()))
        for heard, true in zip(scores, targets, strict=True)
    ]
    return np.array(rows, float).reshape(-1, 2)


wer = metric_of_sums(
    "wer",
    _parts,
    ratio,
    words="WER",
    best=0.0,
    higher_is_better=False,
    may_exceed_one=True,
    limits=(0.0, math.inf),
    undefined="no transcript has a word",
)
"""The wrong, missing and added words of all transcripts, over their true words. With many added
words it is above 1."""

METRICS = {wer.name: wer}
