from __future__ import annotations

import numpy as np
import pytest

from graft.tasks.text.answer_spans import best_spans, best_threshold, join_pieces, tokens_of

OFFSETS = np.array([[0, 0], [0, 0], [0, 3], [4, 7], [8, 10], [10, 14], [0, 0]])
"""[CLS] who? | the cat sat+ting [SEP], the last word in two tokens."""


def test_tokens_of_characters():
    assert tokens_of(OFFSETS, 0, 3) == (2, 2)
    assert tokens_of(OFFSETS, 4, 14) == (3, 5)
    assert tokens_of(OFFSETS, 9, 11) == (4, 5), "tokens that hold a part of it"
    assert tokens_of(OFFSETS, 3, 4) is None, "the blank between words"


def by_hand(logits: np.ndarray, offsets: np.ndarray, longest: int) -> list[tuple[int, int, float]]:
    places = [i for i in range(len(offsets)) if offsets[i, 1] > 0]
    pairs = [
        (i, j) for i in places for j in places if 0 <= places.index(j) - places.index(i) < longest
    ]
    found = [(offsets[i, 0], offsets[j, 1], logits[i, 0] + logits[j, 1]) for i, j in pairs]
    return sorted(found, key=lambda span: -span[2])


@pytest.mark.parametrize("longest", [1, 2, 30])
def test_the_best_spans_are_those_of_all_pairs(longest):
    rng = np.random.default_rng(0)
    for _ in range(20):
        logits = rng.normal(size=(7, 2))
        expected = by_hand(logits, OFFSETS, longest)[:5]
        found = best_spans(logits, OFFSETS, longest, count=5)
        assert found.tolist() == pytest.approx(np.array(expected))


def test_marks_and_the_question_are_no_answers():
    logits = np.full((7, 2), -1.0)
    logits[[0, 1, 6]] = 50
    assert best_spans(logits, OFFSETS)[:, 2].max() == -2


def test_without_a_context_there_are_no_spans():
    assert best_spans(np.zeros((4, 2)), np.zeros((4, 2), int)).shape == (0, 3)


def test_windows_are_joined_each_place_once():
    context = "the cat sat"
    first = (np.array([[0, 7, 3.0], [4, 7, 2.0]]), 5.0)
    second = (np.array([[3, 7, 4.0], [8, 11, 1.0], [3, 4, 9.0]]), -1.0)
    found = join_pieces(context, [first, second])
    assert [(span.text, span.start, span.end, span.score) for span in found.spans] == [
        ("cat", 4, 7, 4.0),  # both have it, the second with the blank before it
        ("the cat", 0, 7, 3.0),
        ("sat", 8, 11, 1.0),
    ]
    assert found.none == -1.0, "the least of all windows"


def test_the_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for _ in range(50):
        lead, gains = rng.normal(size=12).round(1), rng.uniform(-1, 1, size=12)
        found = best_threshold(lead, gains)
        worth = [gains[lead <= t].sum() for t in np.arange(-5, 5, 0.01)]
        assert gains[lead <= found].sum() == pytest.approx(max(worth))


def test_the_threshold_lies_halfway():
    assert best_threshold(np.array([1.0, -3.0]), np.array([-1.0, 1.0])) == -1.0
    assert best_threshold(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == 3.0
    assert best_threshold(np.array([1.0, 2.0]), np.array([-1.0, -1.0])) == 0.0
    assert best_threshold(np.array([np.inf]), np.array([0.0])) == 0.0
