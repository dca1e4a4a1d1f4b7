"""The terms of examples: a file of them has the same value and interval as the predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graft.metrics import answers, bleu, classification, entities, language
from graft.metrics.intervals import estimate
from graft.metrics.metric import Metric, plain_term


def single(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    return rng.dirichlet(np.ones(classes), size=40), rng.integers(classes, size=40)


def several() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((40, 4)), rng.integers(2, size=(40, 4)).astype(np.float32)


def objects(*values) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


TAGS = objects(["B-PER", "O"], ["O", "O"], ["B-LOC", "I-LOC"])
TEXTS = objects("the cat sat", "a dog", "it rains")
CASES = [
    *((metric, single(2)) for metric in classification.METRICS.values()),
    *((metric, single(5)) for metric in classification.METRICS.values()),
    *((metric, several()) for metric in classification.METRICS.values()),
    *((metric, (TAGS, TAGS[[0, 2, 2]])) for metric in entities.METRICS.values()),
    (answers.answer_f1, (TEXTS, objects(("the cat",), (), ("snow", "it rains")))),
    (bleu.bleu, (TEXTS, objects(("the cat sat down",), ("a dog",), ("it snows",)))),
    (language.perplexity, (np.array([[3.0, 4, 8], [2.5, 2, 2], [1.5, 3, 9]]), np.zeros(3))),
]


@pytest.mark.parametrize(
    ("metric", "predictions"), CASES, ids=lambda case: getattr(case, "name", "")
)
def test_what_was_written_as_json_gives_equal_evidence(
    metric: Metric, predictions: tuple[np.ndarray, np.ndarray]
):
    terms = metric.terms(*predictions)
    read = [json.loads(json.dumps(plain_term(term))) for term in terms]
    groups = np.arange(len(terms)) // 2
    before, after = estimate(metric, terms, groups), estimate(metric, read, groups)
    assert np.array_equal(metric.weigh(read).value, metric(*predictions), equal_nan=True)
    assert (before is None) == (after is None) == (metric is classification.ece)
    if before is not None:
        assert np.array_equal(before.influence, after.influence)
        assert before.examples == after.examples


@pytest.mark.parametrize(
    "metric", [metric for metric, _ in CASES if metric.best == 0], ids=lambda metric: metric.name
)
def test_what_is_best_at_0_is_better_when_lower(metric: Metric):
    assert metric.sign == -1
