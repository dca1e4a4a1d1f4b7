"""The n-gram model against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from graft.tasks.text import ngrams

A, B = ord("a"), ord("b")


def probability(model: ngrams.NGrams, text: str, symbol: int) -> float:
    return float(np.exp(-model.nats(np.array([*text.encode(), symbol]))[-1]))


def test_pairs_by_hand():
    model = ngrams.learn([ngrams.symbols(text, ends=False) for text in ("aba", "ab")], order=2)
    # Pairs: start-a 2, ab 2, ba 1; none occurs three or four times, so each discount is a half.
    # Single bytes: a follows the start and b, b follows a. So b has (1 - 1/2) / 3, and 1/3 is left
    # for the uniform distribution.
    b_alone = 0.5 / 3 + (1 / 3) / 257
    a_alone = 1.5 / 3 + (1 / 3) / 257
    assert probability(model, "a", B) == pytest.approx(1.5 / 2 + 0.5 / 2 * b_alone)
    assert probability(model, "b", A) == pytest.approx(0.5 / 1 + 0.5 / 1 * a_alone)
    assert probability(model, "", A) == pytest.approx(1.5 / 2 + 0.5 / 2 * a_alone)
    assert probability(model, "c", B) == pytest.approx(b_alone), (
        "a context that was never seen says nothing"
    )
    assert probability(model, "a", ord("z")) == pytest.approx(0.5 / 2 * (1 / 3) / 257)


def test_discounts_by_hand():
    times = np.repeat([1, 2, 3, 4, 9], [40, 20, 10, 5, 3])
    y = 40 / (40 + 2 * 20)
    assert ngrams._discounts(times) == pytest.approx(
        (1 - 2 * y * 20 / 40, 2 - 3 * y * 10 / 20, 3 - 4 * y * 5 / 10)
    )


@pytest.mark.parametrize("context", ["", "the", "the c", "zq9", "ending."])
def test_what_may_come_next_sums_to_one(context):
    texts = ["the cat sat on the mat.", "the dog ate the cat.", "no end in sight: ending."]
    model = ngrams.learn([ngrams.symbols(text, ends=True) for text in texts])
    total = sum(probability(model, context, symbol) for symbol in (*range(256), ngrams.END))
    assert total == pytest.approx(1)


def test_what_was_seen_is_told_better():
    model = ngrams.learn([ngrams.symbols("so it goes, so it went, so it is", ends=True)])
    seen, unseen = (
        model.nats(ngrams.symbols(text, ends=False)).sum() for text in ("so it is", "xq vwj zk")
    )
    assert seen < unseen / 3
    assert model.nats(ngrams.symbols("é", ends=True)).shape == (3,)
