from __future__ import annotations

import warnings

import numpy as np
import pytest
from seqeval.metrics import (
    accuracy_score,
    classification_report,
    f1_score,
    precision_score,
    recall_score,
)
from seqeval.metrics.sequence_labeling import get_entities

from graft.base.tags import scheme_of, spans, to_bio
from graft.metrics.entities import (
    entity_f1,
    entity_precision,
    entity_recall,
    per_type,
    token_accuracy,
)
from graft.metrics.intervals import interval

MARKS = {"iob1": "OIB", "bio": "OBI", "bioes": "OBIES"}


def texts(sequences: list[list[str]]) -> np.ndarray:
    found = np.empty(len(sequences), dtype=object)
    found[:] = sequences
    return found


def drawn(scheme: str, size: int = 200, seed: int = 0) -> list[list[str]]:
    """Tags drawn one by one, so that many break their scheme."""
    rng = np.random.default_rng(seed)

    def tag() -> str:
        mark = rng.choice(list(MARKS[scheme]))
        return mark if mark == "O" else f"{mark}-{rng.choice(['PER', 'LOC', 'a-b'])}"

    return [[tag() for _ in range(rng.integers(1, 15))] for _ in range(size)]


def as_seqeval(tags: list[str]) -> list[tuple[str, int, int]]:
    return [(kind, first, last + 1) for kind, first, last in get_entities(tags)]


@pytest.mark.parametrize("scheme", MARKS)
def test_spans_equal_seqeval_on_random_tags(scheme):
    for tags in drawn(scheme):
        assert spans(tags, scheme) == as_seqeval(tags)


@pytest.mark.parametrize("scheme", MARKS)
def test_metrics_equal_seqeval_on_random_tags(scheme):
    sure = np.random.default_rng(9).random(200) < 0.6
    true, other = drawn(scheme), drawn(scheme, seed=1)
    told = [t if s else (o * 20)[: len(t)] for t, o, s in zip(true, other, sure, strict=True)]
    scores, targets = (texts([to_bio(tags, scheme) for tags in found]) for found in (told, true))
    assert entity_f1(scores, targets) == pytest.approx(f1_score(true, told))
    assert entity_precision(scores, targets) == pytest.approx(precision_score(true, told))
    assert entity_recall(scores, targets) == pytest.approx(recall_score(true, told))
    assert token_accuracy(scores, targets) == pytest.approx(
        accuracy_score(list(targets), list(scores))
    )
    report = classification_report(true, told, output_dict=True)
    for kind, row in per_type(scores, targets).items():
        expected = [report[kind][key] for key in ("precision", "recall", "f1-score", "support")]
        assert list(row.values()) == pytest.approx(expected)


def test_each_single_random_text_equals_seqeval():
    """Small counts, where much is undefined: 0 to seqeval, nan here."""
    told, true = drawn("bio", seed=2), drawn("bio", seed=3)
    for a, b in zip(told, true, strict=True):
        size = min(len(a), len(b))
        scores, targets = (texts([to_bio(tags[:size], "bio")]) for tags in (a, b))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # seqeval warns of what is undefined
            expected = f1_score([b[:size]], [a[:size]])
        assert np.nan_to_num(entity_f1(scores, targets)) == pytest.approx(expected)


def test_the_case_that_seqeval_publishes():
    true = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    told = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    scores, targets = texts(told), texts(true)
    assert (
        entity_f1(scores, targets)
        == entity_precision(scores, targets)
        == entity_recall(scores, targets)
        == 0.5
    )
    assert token_accuracy(scores, targets) == 0.8
    assert per_type(scores, targets) == {
        "MISC": {"precision": 0, "recall": 0, "f1": 0, "support": 1},
        "PER": {"precision": 1, "recall": 1, "f1": 1, "support": 1},
    }


def test_the_case_that_seqeval_reads_leniently():
    assert (
        entity_f1(texts([to_bio(["I-NP", "I-NP", "O"], "bio")]), texts([["B-NP", "I-NP", "O"]]))
        == 1
    )


def test_another_published_case():
    true = [["O", "O", "B-MISC", "I-MISC", "B-MISC", "O", "O"], ["B-PER", "I-PER", "O"]]
    told = [["O", "O", "B-MISC", "I-MISC", "B-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    assert entity_f1(texts(told), texts(true)) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("iob1", [["I-PER", "I-PER", "B-PER", "O", "I-LOC"]]),
        ("iob1", [["O", "I-LOC"], ["I-PER", "O"]]),
        ("bio", [["B-PER", "I-PER", "B-PER", "O", "B-LOC"]]),
        ("bio", [["B-PER", "O", "I-LOC"]]),
        ("bio", [["O", "O"], []]),
        ("bio", []),
        ("bioes", [["B-PER", "E-PER", "O", "S-LOC"]]),
        ("bioes", [["U-LOC", "O", "B-PER", "I-PER", "L-PER"]]),
        ("plain", [["DT", "NN", "B-X"]]),
        ("plain", [["B", "I", "O"]]),
    ],
)
def test_schemes_are_told_apart(scheme, tags):
    assert scheme_of(tags) == scheme


@pytest.mark.parametrize(
    ("scheme", "tags", "bio"),
    [
        ("iob1", "I-PER I-PER B-PER O I-LOC I-PER", "B-PER I-PER B-PER O B-LOC B-PER"),
        ("bio", "B-PER I-PER O I-LOC", "B-PER I-PER O B-LOC"),
        ("bioes", "S-PER B-LOC E-LOC S-LOC O", "B-PER B-LOC I-LOC B-LOC O"),
        ("bioes", "U-PER U-PER B-LOC I-LOC L-LOC O", "B-PER B-PER B-LOC I-LOC I-LOC O"),
        ("plain", "DT NN", "DT NN"),
    ],
)
def test_tags_are_converted_to_bio(scheme, tags, bio):
    assert to_bio(tags.split(), scheme) == bio.split()
    assert spans(bio.split(), "plain" if scheme == "plain" else "bio") == spans(
        tags.split(), scheme
    )


def test_plain_tags_are_spans_of_one_token():
    assert spans(["DT", "NN"], "plain") == [("DT", 0, 1), ("NN", 1, 2)]


def test_nothing_to_find_is_undefined():
    nothing = texts([["O", "O"]])
    assert np.isnan(entity_f1(nothing, nothing))
    assert np.isnan(entity_precision(nothing, texts([["B-PER", "O"]])))
    assert entity_f1(nothing, texts([["B-PER", "O"]])) == 0
    assert np.isnan(entity_f1(texts([]), texts([])))


def test_the_interval_is_over_texts():
    targets = texts([["B-PER", "O"]] * 40)
    value, low, high = interval(
        entity_f1, texts([["B-PER", "O"]] * 30 + [["O", "O"]] * 10), targets
    )
    assert value == pytest.approx(6 / 7)
    assert 0.7 < low < value < high < 0.95
