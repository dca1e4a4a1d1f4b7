from __future__ import annotations

import math

import numpy as np
import pytest

from graft.metrics.find import find
from graft.metrics.intervals import interval
from graft.metrics.language import bits_per_byte, perplexity

# Two texts: 4 tokens of probability 1/2 for 8 bytes; 2 tokens of probability 1/8 for 2 bytes.
SCORES = np.array([[4 * math.log(2), 4, 8], [2 * math.log(8), 2, 2]])
TARGETS = np.zeros(2)


def test_bits_per_byte_by_hand():
    assert bits_per_byte(SCORES[:1], TARGETS[:1]) == pytest.approx(4 / 8)
    assert bits_per_byte(SCORES[1:], TARGETS[1:]) == pytest.approx(6 / 2)
    assert bits_per_byte(SCORES, TARGETS) == pytest.approx((4 + 6) / (8 + 2))


def test_perplexity_by_hand():
    assert perplexity(SCORES[:1], TARGETS[:1]) == pytest.approx(2)
    assert perplexity(SCORES[1:], TARGETS[1:]) == pytest.approx(8)
    assert perplexity(SCORES, TARGETS) == pytest.approx(2 ** (10 / 6))


def test_a_uniform_model_of_bytes_needs_eight_bits():
    scores = np.array([[100 * math.log(256), 100, 100]])
    assert bits_per_byte(scores, TARGETS[:1]) == pytest.approx(8)
    assert perplexity(scores, TARGETS[:1]) == pytest.approx(256)


@pytest.mark.parametrize("metric", [bits_per_byte, perplexity])
def test_intervals_leave_out_texts(metric):
    without = np.array([metric(SCORES[[1]], TARGETS[:1]), metric(SCORES[[0]], TARGETS[:1])])
    influence = metric.measure(SCORES, TARGETS).influence(np.arange(2))
    assert influence == pytest.approx((without.mean() - without) / 2)
    value, low, high = interval(metric, SCORES, TARGETS)
    assert low <= value <= high


def test_an_object_array_of_rows_is_the_same():
    rows = np.empty(2, object)
    rows[:] = [tuple(row) for row in SCORES]
    assert bits_per_byte(rows, TARGETS) == bits_per_byte(SCORES, TARGETS)


@pytest.mark.parametrize("metric", [bits_per_byte, perplexity])
def test_nothing_predicted_is_undefined(metric):
    assert math.isnan(metric(np.zeros((2, 3)), TARGETS))


@pytest.mark.parametrize("metric", [bits_per_byte, perplexity])
def test_lower_is_better_and_they_are_no_fractions(metric):
    assert find(metric.name) is metric
    assert not metric.higher_is_better
    assert not metric.is_fraction
