from __future__ import annotations

from dataclasses import replace

import pytest

from graft.base.counts import plural
from graft.metrics.bleu import bleu
from graft.metrics.classification import accuracy
from graft.metrics.find import find_or_assume
from graft.metrics.language import bits_per_byte, perplexity
from graft.metrics.regression import rmse
from graft.reports import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.382, "+38.2"),
        (-0.0061, "−0.6"),
        (-0.0001, "0.0"),
        (0.0, "0.0"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_points(value, text):
    assert words.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0002, "p < 0.001"), (0.0123, "p = 0.012"), (0.345, "p = 0.34"), (None, "p unknown")],
)
def test_p(value, text):
    assert words.p(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.01, "< 0.1 s"),
        (3.14, "3.1 s"),
        (9.97, "10 s"),
        (61.4, "61 s"),
        (500, "8 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_seconds(value, text):
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(812, "812"), (5130, "5.1 k"), (3_373_634, "3.4 M"), (135e6, "135 M")]
)
def test_count(value, text):
    assert words.count(value) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.2e-5, "0.000012 g"),
        (0.00456, "0.0046 g"),
        (0.012, "0.012 g"),
        (0.0, "0.000 g"),
        (1e-30, "0.000000000000 g"),
    ],
)
def test_a_small_number_has_two_digits(number, text):
    assert words.format_value(replace(rmse, unit="g"), number) == text


def test_a_small_difference_has_two_digits():
    assert words.difference(rmse, -1.24e-5) == "−0.000012"
    assert words.differences(rmse, -1e-5, 3.4e-5) == "−0.000010 to +0.000034"
    assert words.difference(rmse, 0.0) == "0.0000"


def test_sizes_and_lists():
    assert words.training_size(1.0, None) == "all training data"
    assert words.training_size(0.25, None) == "25 % of the training data"
    assert words.training_size(1 / 24, None) == "4.17 % of the training data"
    assert words.training_size(1.0, 1) == "1 example a class"
    assert words.join_words(["a", "b", "c"]) == "a, b and c"
    assert plural(1, "seed") == "1 seed"
    assert plural(3, "class") == "3 classes"


@pytest.mark.parametrize(
    ("metric", "number", "text"),
    [
        ("accuracy", 0.9412, "94.1"),
        ("entity_f1", 0.9412, "94.1"),
        ("not_known_here", 0.9412, "94.1"),
        ("ece", 0.0312, "0.031"),
        ("bits_per_byte", 0.9874, "0.987"),
        ("bits_per_byte", 1.2345, "1.23"),
        ("perplexity", 18.349, "18.3"),
        ("perplexity", 1523.6, "1,524"),
        ("perplexity", float("inf"), "∞"),
        ("perplexity", None, "undefined"),
    ],
)
def test_a_value_is_in_the_unit_of_its_metric(metric, number, text):
    assert words.value(find_or_assume(metric), number) == text


@pytest.mark.parametrize(
    ("metric", "number", "text"),
    [
        ("accuracy", 0.382, "+38.2"),
        ("bits_per_byte", -0.312, "−0.31"),
        ("bits_per_byte", 0.0344, "+0.034"),
        ("bits_per_byte", -0.00344, "−0.0034"),
        ("perplexity", 12.06, "+12.1"),
        ("perplexity", float("nan"), "–"),
    ],
)
def test_a_difference_is_in_the_unit_of_its_metric(metric, number, text):
    assert words.difference(find_or_assume(metric), number) == text


def test_bounds_share_their_decimals_and_do_not_read_the_same():
    assert words.values(accuracy, 0.909, 0.973) == "90.9 to 97.3"
    assert words.values(bits_per_byte, 0.97, 1.27) == "0.97 to 1.27"
    assert words.values(bits_per_byte, 1.2281, 1.2312) == "1.228 to 1.231"
    assert words.values(bits_per_byte, 8.0, 8.0 + 1e-12) == "8.00 to 8.00"
    assert words.differences(bits_per_byte, -0.0121, 0.02) == "−0.012 to +0.020"


@pytest.mark.parametrize(
    ("rows", "decimals"),
    [
        ([(9.87,), (12.3,), (101.0,)], 1),  # as the middle one would have
        ([(0.012,), (0.853,), (0.9,)], 3),
        ([(12.3, 12.31, 12.33)], 2),  # bounds that would read the same
        ([(None,), (float("nan"),), (0.0,)], 0),
    ],
)
def test_the_numbers_of_a_column_have_equal_decimals(rows, decimals):
    assert words.column_decimals(rows) == decimals


def test_columns_are_written_with_their_decimals():
    assert words.plain_column([9.87, 12.34, None]) == ["9.9", "12.3", "–"]
    assert words.value(rmse, 9.87, decimals=1) == "9.9"
    assert words.values(rmse, 9.1, 101.26, decimals=1) == "9.1 to 101.3"
    assert words.difference(rmse, -0.31, decimals=1) == "−0.3"
    assert [words.p_value(p) for p in (0.0002, 0.0123, 0.345)] == ["< 0.001", "0.012", "0.345"]


def test_units():
    grams = replace(rmse, unit="g")
    shown = [words.axis(metric) for metric in (accuracy, bits_per_byte, grams)]
    assert shown == ["accuracy (%)", "bits per byte", "RMSE (g)"]
    assert words.format_value(accuracy, 0.5) == "50.0 %"
    assert words.format_value(perplexity, 20.0) == "20.0"
    assert words.format_value(grams, 23.42) == "23.4 g"
    assert words.format_value(grams, None) == "undefined"
    assert words.amount(bleu, 0.05) == "5.0 points"
    assert words.amount(bits_per_byte, 0.31) == "0.31"
    assert words.amount(grams, 12.0) == "12.0 g"


def test_unknown_tokens_are_told_where_they_are_many():
    few, many = {"share": 0.009, "examples": ["x"]}, {"share": 0.124, "examples": ["Ж", "漢"]}
    assert (
        words.unknown_tokens({})
        == words.unknown_tokens({"unknown": {}})
        == words.unknown_tokens({"unknown": {"test": few}})
        == ""
    )
    told = words.unknown_tokens(
        {"unknown": {"train": many, "val": few, "test": {"share": 0.5, "examples": ["漢"]}}}
    )
    assert told.startswith(
        "12 % of the tokens of the train texts and 50 % of the tokens of the test texts are "
        "unknown to the network, "
    )
    assert "for example 'Ж' and '漢'." in told
    slow = words.unknown_tokens({"unknown": {"train": {"share": 0.2, "examples": []}}})
    assert "unknown to the network. Choose" in slow, (
        "a tokenizer may not tell where its tokens stand"
    )


@pytest.mark.parametrize(
    ("backbone", "name"),
    [
        ("timm:resnet18", "resnet18"),
        ("transformers:some/model", "some/model"),
        ("keras:/data/nets/lenet.keras", "lenet.keras"),
        ("local:../runs/big/", "big"),
    ],
)
def test_a_backbone_in_a_file_is_called_by_its_last_name(backbone, name):
    assert words.short(backbone) == name
