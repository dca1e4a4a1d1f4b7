"""WER and CER are those of jiwer, and their intervals are those of utterances and speakers."""

from __future__ import annotations

import tracemalloc

import jiwer
import numpy as np
import pytest

from graft.metrics.cer import cer
from graft.metrics.edits import Edit, align, count_edits
from graft.metrics.intervals import interval
from graft.metrics.wer import wer
from tests.unit.metrics.test_written import WORDS


def drawn(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Transcripts that miss, change and add words; one in eight is empty."""
    rng = np.random.default_rng(seed)
    said, true = np.empty(size, object), np.empty(size, object)
    vocabulary = WORDS.split()
    for number in range(size):
        words = list(rng.choice(vocabulary, rng.integers(1, 14)))
        heard = [
            word if rng.random() < 0.8 else str(rng.choice(vocabulary))
            for word in words
            if rng.random() < 0.9
        ]
        for _ in range(rng.integers(0, 4)):
            heard.insert(int(rng.integers(len(heard) + 1)), str(rng.choice(vocabulary)))
        said[number] = "" if rng.random() < 1 / 8 else " ".join(heard)
        true[number] = " ".join(words)
    return said, true


def test_both_rates_of_200_random_pairs_equal_those_of_jiwer():
    said, true = drawn(200, 0)
    assert wer(said, true) == pytest.approx(jiwer.wer(list(true), list(said)), abs=1e-12)
    assert cer(said, true) == pytest.approx(jiwer.cer(list(true), list(said)), abs=1e-12)
    for one in range(200):
        pair = said[one : one + 1], true[one : one + 1]
        assert wer(*pair) == pytest.approx(jiwer.wer(pair[1][0], pair[0][0]), abs=1e-12)


def test_an_alignment_has_as_many_differences_as_edits_and_spells_both_texts():
    for said, true in zip(*drawn(50, 1), strict=True):
        ours, theirs = true.split(), said.split()
        steps = align(ours, theirs)
        assert sum(step.removed != step.added for step in steps) == count_edits(ours, theirs)
        assert [step.removed for step in steps if step.removed is not None] == ours
        assert [step.added for step in steps if step.added is not None] == theirs


def test_a_changed_a_missing_and_an_added_word_are_one_edit_each():
    steps = align(["the", "cat", "sat"], ["the", "hat", "sat", "up"])
    pairs = [("the", "the"), ("cat", "hat"), ("sat", "sat"), (None, "up")]
    assert steps == [Edit(*pair) for pair in pairs]
    assert align(["a"], []) == [Edit("a", None)]


def test_counting_the_edits_of_long_texts_keeps_no_table_of_them():
    tracemalloc.start()
    assert count_edits("ab" * 1000, "ba" * 1000) == 2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2000 * 2000  # a byte for each pair of characters


def test_a_rate_above_one_has_an_interval_that_is_not_cut_at_one():
    true = np.array(["yes"] * 12, object)
    said = np.array(["no no no", "yes no no"] * 6, object)
    value, low, high = interval(wer, said, true)
    assert value == pytest.approx(2.5)
    assert 1 < low < value < high
    assert wer.span > 1


def test_utterances_of_one_speaker_count_together():
    true = np.array(["yes no"] * 16, object)
    said = np.array(["yes no"] * 8 + ["no yes"] * 8, object)
    alone = interval(wer, said, true)
    speakers = interval(wer, said, true, [f"speaker {row // 4}" for row in range(16)])
    assert speakers[0] == alone[0]
    assert speakers[2] - speakers[1] > alone[2] - alone[1]


def test_without_a_true_word_there_is_no_rate():
    nothing = np.array([""], object)
    assert np.isnan(wer(nothing, nothing))
    assert wer.why_undefined == "WER is undefined where no transcript has a word."
