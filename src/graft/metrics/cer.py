"""The character error rate of transcripts.

Scores and targets are object arrays (N,) of recognized and of true transcripts, compared as they
are, blanks included.

Example: graft evaluate runs/talks talks
"""

from __future__ import annotations

import math
from functools import partial

from graft.metrics.edits import count_parts
from graft.metrics.metric import metric_of_sums, ratio

cer = metric_of_sums(
    "cer",
    partial(count_parts, split=list),
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
