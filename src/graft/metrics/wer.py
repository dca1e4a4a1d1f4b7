"""The word error rate of transcripts.

Scores and targets are object arrays (N,) of recognized and of true transcripts, compared as they
are: to ignore case and punctuation, normalize both first.

Example: graft evaluate runs/talks talks
"""

from __future__ import annotations

import math
from functools import partial

from graft.metrics.edits import count_parts
from graft.metrics.metric import metric_of_sums, ratio

wer = metric_of_sums(
    "wer",
    partial(count_parts, split=str.split),
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
