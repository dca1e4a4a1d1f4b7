"""Metrics of language models: how well each text is predicted, token by token; lower is better.

Scores (N, 3) hold of each text the sum of the negative log-likelihoods of its predicted tokens in
nats, their number, and the number of UTF-8 bytes that they stand for. Targets are not read. What is
undefined is nan.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import divide, metric_of_sums


def _sums(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 3), the scores themselves; those of an object array (N,) are rows of three."""
    return np.array(scores.tolist(), float).reshape(len(scores), 3)


def _bits_per_byte(sums: NDArray) -> NDArray:
    return divide(sums[..., 0], math.log(2) * sums[..., 2])


def _perplexity(sums: NDArray) -> NDArray:
    with np.errstate(over="ignore"):  # beyond what a float holds it is inf
        return np.exp(divide(sums[..., 0], sums[..., 1]))


bits_per_byte = metric_of_sums(
    "bits_per_byte",
    _sums,
    _bits_per_byte,
    best=0.0,
    higher_is_better=False,
    is_fraction=False,
    limits=(0.0, math.inf),
)
"""The bits that the model needs for a byte of text; comparable across tokenizers.

Source: Gao et al., arXiv:2101.00027."""

perplexity = metric_of_sums(
    "perplexity",
    _sums,
    _perplexity,
    higher_is_better=False,
    is_fraction=False,
    limits=(1.0, math.inf),
)
"""The exponential of the mean negative log-likelihood of a token; comparable for one tokenizer."""

METRICS = {metric.name: metric for metric in (bits_per_byte, perplexity)}
