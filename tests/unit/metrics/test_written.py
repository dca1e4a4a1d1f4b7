"""BLEU, chrF and ROUGE are those of the reference packages, on one reference and on several."""

from __future__ import annotations

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

from graft.metrics.bleu import bleu, words
from graft.metrics.chrf import chrf
from graft.metrics.find import find
from graft.metrics.intervals import interval
from graft.metrics.rouge import rouge1, rouge2, rougeL

EVERY = (bleu, chrf, rouge1, rouge2, rougeL)
WORDS = """
    the cat The sat on a mat, dog's 3.14 1,000 3-4 well-known «naïve» café (so) $5 50% e.g. &amp;
    &quot;q&quot; <skipped>
    東京都 Привет мир ... -- a_b x/y #1 can't U.S. don’t ﬁ I
"""


def drawn(size: int, references: int | None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return texts that share much with their references; None draws one to three references."""
    rng = np.random.default_rng(seed)
    texts, targets = np.empty(size, object), np.empty(size, object)
    for number in range(size):
        true = list(rng.choice(WORDS.split(), rng.integers(0, 14)))
        told = [w for w in true if rng.random() < 0.8] + list(
            rng.choice(WORDS.split(), rng.integers(0, 4))
        )
        count = references or int(rng.integers(1, 4))
        others = [" ".join(rng.permutation(true)[: rng.integers(0, 14)]) for _ in range(count - 1)]
        texts[number], targets[number] = " ".join(told), (" ".join(true), *others)
    return texts, targets


def as_streams(targets: np.ndarray) -> list[list[str | None]]:
    """References as sacreBLEU takes them: the first of each text, the second of each, ..."""
    return [
        [own[k] if k < len(own) else None for own in targets] for k in range(max(map(len, targets)))
    ]


@pytest.mark.parametrize("references", [1, 3, None])
@pytest.mark.parametrize("size", [1, 2, 60])
def test_bleu_and_chrf_equal_sacrebleu(size, references):
    for seed in range(20):
        texts, targets = drawn(size, references, seed)
        streams = as_streams(targets)
        assert 100 * bleu(texts, targets) == pytest.approx(
            BLEU().corpus_score(list(texts), streams).score, abs=1e-9
        )
        assert 100 * chrf(texts, targets) == pytest.approx(
            CHRF().corpus_score(list(texts), streams).score, abs=1e-9
        )


@pytest.mark.parametrize("references", [1, 3, None])
def test_rouge_equals_rouge_score(references):
    texts, targets = drawn(60, references)
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    found = [
        scorer.score_multi(list(true), told) for told, true in zip(texts, targets, strict=True)
    ]
    for metric in (rouge1, rouge2, rougeL):
        assert metric(texts, targets) == pytest.approx(
            np.mean([each[metric.name].fmeasure for each in found])
        )


def test_words_are_those_of_mteval():
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    texts = [*drawn(200, 1)[0], "line\nbreak- \nhy-\nphen", "1.5,2. .5 a.b", "&lt;b&gt; &amp;lt;"]
    assert [words(text) for text in texts] == [
        Tokenizer13a()(text.rstrip()).split() for text in texts
    ]


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_perfect_texts_are_perfect_and_empty_ones_are_nothing(metric):
    _, targets = drawn(30, None)
    targets[:] = [("three words at least, indeed", *own) for own in targets]
    assert metric(np.array([own[0] for own in targets], object), targets) == pytest.approx(1)
    assert metric(np.array([""] * 30, object), targets) == 0
    assert 0 <= metric(*drawn(30, None, seed=5)) <= 1


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_intervals_leave_out_texts(metric):
    texts, targets = drawn(12, None)
    rest = [np.delete(np.arange(12), i) for i in range(12)]
    without = np.array([metric(texts[rows], targets[rows]) for rows in rest])
    influence = metric.measure(texts, targets).influence(np.arange(12))
    assert influence == pytest.approx((without.mean() - without) * 11 / 12)
    value, low, high = interval(metric, texts, targets)
    assert low <= value <= high
    assert find(metric.name) is metric
    assert metric.is_fraction
