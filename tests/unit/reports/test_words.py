from __future__ import annotations

import pytest

from graft.reports import words


@pytest.mark.parametrize(
    ("value", "text"), [(0.382, "+38.2"), (-0.0061, "−0.6"), (-0.0001, "0.0"), (0.0, "0.0"), (None, "–"), (float("nan"), "–")]
)
def test_points(value, text):
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0002, "p < 0.001"), (0.0123, "p = 0.012"), (0.345, "p = 0.34"), (None, "p unknown")]
)
def test_p(value, text):
    assert words.p(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01, "< 0.1 s"), (3.14, "3.1 s"), (9.97, "10 s"), (61.4, "61 s"), (500, "8 min 20 s"), (7500, "2 h 5 min")],
)
def test_seconds(value, text):
    assert words.seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(812, "812"), (5130, "5.1 k"), (3_373_634, "3.4 M"), (135e6, "135 M")])
def test_count(value, text):
    assert words.count(value) == text


def test_sizes_and_lists():
    assert words.training_size(1.0, None) == "all training data"
    assert words.training_size(0.25, None) == "25 % of the training data"
    assert words.training_size(1.0, 1) == "1 example a class"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.plural(1, "seed") == "1 seed"
    assert words.baseline_name("something-new") == "something-new"
