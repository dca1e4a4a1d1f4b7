"""The sentences of the verdict, for metrics of any unit and direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graft.metrics.language import bits_per_byte
from graft.metrics.metric import metric_of_sums, ratio
from graft.metrics.regression import rmse
from graft.reports import sentences
from graft.reports.statistics import Difference
from tests.unit.reports.test_verdict import HIGHER, LOWER, NOTHING, verdict


def test_a_fraction_of_which_less_is_better_is_in_points():
    errors = metric_of_sums(
        "error_rate", lambda scores, targets: scores, ratio, higher_is_better=False
    )
    found = verdict(LOWER, Difference(-0.01, -0.019, 0.001, 0.1), metric=errors)
    assert (
        "lowers error rate by 31.2 points against training from scratch (95 % interval 28.7 to 33.4"
        in found.sentences[0]
    )
    assert found.against_baseline == "as well"


def test_a_metric_that_rises_and_is_no_fraction():
    gain = metric_of_sums("gain", lambda scores, targets: scores, ratio, is_fraction=False)
    assert (
        "lp-ft raises gain by 0.25 against training from scratch (95 % interval 0.19 to 0.31"
        in (verdict(HIGHER, metric=gain).sentences[0])
    )


def test_a_metric_with_a_unit_is_told_in_it():
    grams = replace(rmse, unit="g")
    lower = Difference(-12.3, -15.1, -9.4, 0.0002)
    found = verdict(lower, Difference(3.1, 1.2, 5.0, 0.002), metric=grams)
    assert found.outcome == "positive transfer"
    assert found.sentences[0] == (
        "Positive transfer: lp-ft lowers RMSE by 12.3 g against training from scratch "
        "(95 % interval 9.4 to 15.1, p < 0.001, 3 seeds)."
    )
    assert "does better by 3.10 g" in found.sentences[1]


@pytest.mark.parametrize(
    ("apart", "side"), [(LOWER, "better"), (HIGHER, "worse")], ids=["lower", "higher"]
)
def test_one_seed_of_what_is_better_when_lower(apart, side):
    (sentence,) = verdict(apart, seeds=1, metric=bits_per_byte).sentences
    assert f"lp-ft is {side} than training from scratch by 0." in sentence


@pytest.mark.parametrize("against", ["worse", "as well", "unclear"])
def test_without_positive_transfer_the_baseline_begins_the_sentence(against):
    apart = {
        "worse": Difference(-0.021, -0.03, -0.012, 0.0004),
        "as well": Difference(0.002, -0.006, 0.01, 0.7),
        "unclear": Difference(0.05, -0.03, 0.13, 0.2),
    }[against]
    found = verdict(NOTHING, apart)
    assert found.against_baseline == against
    assert found.sentences[1].startswith(("The best trivial baseline, TF-IDF", "The data cannot"))


@pytest.mark.parametrize(
    "sentence",
    [
        sentence
        for name, table in vars(sentences).items()
        if name.isupper()
        for sentence in (table.values() if isinstance(table, dict) else [table])
    ],
)
def test_every_sentence_is_whole(sentence):
    assert sentence[0].isupper() or sentence[0] == "{"
    assert sentence.endswith(".")
