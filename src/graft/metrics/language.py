"""Metrics of language models: how well texts are predicted, token by token; lower is better.

Scores (N, 3) hold for each text the sum of the negative log-likelihoods of its predicted tokens in
nats, their number, and the number of their UTF-8 bytes. Targets are not read. Undefined values are
nan.

Example: graft evaluate runs/book book.txt
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import divide, metric_of_sums


def _sums(scores: NDArray, targets: NDArray) -> NDArray:
    """Return the scores (N, 3), also those of an object array (N,) of rows."""
    return np.array(scores.tolist(), float).reshape(len(scores), 3)


def _bits_per_byte(sums: NDArray) -> NDArray:
    return divide(sums[..., 0], math.log(2) * sums[..., 2])


def _perplexity(sums: NDArray) -> NDArray:
    with np.errstate(over="ignore"):  # too large for a float, it is inf
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
"""The bits that the model needs per byte of text; comparable across tokenizers.

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
